/* SPDX-License-Identifier: MIT */
/*
 * The smew command: finds the verb, reads its command line by the verb table, runs it.
 *
 * Happy path: options, verb, options and positionals, the verb's run function, its exit code.
 * Failure modes: a command line that the table does not allow is refused with a sentence and exit
 * code 2 before anything is touched; an stdout that cannot be written (a full disk, a reader that
 * left) ends with exit code 1.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/command.h"

static const struct smew__verb *help_verb(void)
{
    return smew__verb_find("help");
}

static enum smew__exit refuse_verb(const struct smew__command *command, const char *name)
{
    char text[SMEW__SUGGEST_MAX + 32];
    struct smew__suggestion nearest;
    const struct smew__verb *verb;

    smew__suggest_init(&nearest, name);
    for (size_t i = 0; (verb = smew__verb_at(i)) != NULL; i++)
        smew__suggest_offer(&nearest, verb->name);
    smew__suggest_text(&nearest, text);
    return smew__complain(command, SMEW__EXIT_USAGE, "there is no verb \"%s\"%s", name,
                          text[0] != '\0' ? text : "; `smew help` lists them");
}

/* Settings that options give to every verb. */
static void apply_common(struct smew__command *command)
{
    const char *environment = getenv("SMEW_BUS");
    const char *otherwise =
        environment != NULL && *environment != '\0' ? environment : "shm://smew";

    smew__output_init(&command->output, stdout,
                      smew__option_text(&command->arguments, "output", NULL));
    command->bus_url = smew__option_text(&command->arguments, "bus", otherwise);
    command->help = smew__option_given(&command->arguments, "help");
}

static enum smew__exit refuse_count(const struct smew__command *command)
{
    const struct smew__verb *verb = command->verb;
    const struct smew__arguments *arguments = &command->arguments;

    if (arguments->count > verb->most)
        return smew__complain(command, SMEW__EXIT_USAGE, "\"%s\" is too much; usage: smew %s %s",
                              arguments->positional[verb->most], verb->name, verb->usage);
    return smew__complain(command, SMEW__EXIT_USAGE, "something is missing; usage: smew %s %s",
                          verb->name, verb->usage);
}

static enum smew__exit run_verb(struct smew__command *command, int argc, char **argv)
{
    struct smew_error error;

    if (smew__arguments_read(&command->arguments, command->verb->options, argc, argv, &error) !=
        SMEW_OK)
        return smew__complain(command, SMEW__EXIT_USAGE, "%s; see: smew help %s", error.text,
                              command->verb->name);
    apply_common(command);
    if (command->help)
        return help_verb()->run(command);
    if (command->arguments.count < command->verb->least ||
        command->arguments.count > command->verb->most)
        return refuse_count(command);
    return command->verb->run(command);
}

static enum smew__exit run_command(struct smew__command *command, int argc, char **argv)
{
    struct smew_error error;
    int taken = 0;

    smew__output_init(&command->output, stdout, NULL);
    smew__arguments_init(&command->arguments, smew__common_options);
    if (argc > 0 && strcmp(argv[0], "--version") == 0) {
        command->verb = smew__verb_find("version");
        return run_verb(command, argc - 1, argv + 1);
    }
    if (smew__arguments_leading(&command->arguments, argc, argv, &taken, &error) != SMEW_OK)
        return smew__complain(command, SMEW__EXIT_USAGE, "%s; see: smew help", error.text);
    apply_common(command);
    if (taken == argc) {
        command->verb = help_verb();
        command->help = false; /* of the command, not of the verb "help" */
        return command->verb->run(command);
    }
    command->verb = smew__verb_find(argv[taken]);
    if (command->verb == NULL)
        return refuse_verb(command, argv[taken]);
    return run_verb(command, argc - taken - 1, argv + taken + 1);
}

int main(int argc, char **argv)
{
    struct smew__command command = {0};
    enum smew__exit code;

    /* A reader that leaves (`smew watch | head`) is a write error, and the bus is left in order. */
    signal(SIGPIPE, SIG_IGN);
    code = run_command(&command, argc - 1, argv + 1);
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == SMEW__EXIT_OK)
        code = SMEW__EXIT_FAILED;
    return (int)code;
}
