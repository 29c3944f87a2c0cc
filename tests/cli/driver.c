/* SPDX-License-Identifier: MIT */
/*
 * Running the program under test.  Its two streams go to files without a name, so that nothing
 * it writes can block it, and whoever waits for a line reads the file again.
 */
#include "tests/cli/driver.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINE_SIZE = 2048, WORDS_MAX = 32, OUTPUT_MAX = 1 << 20, WAIT_MS = 30000 };

static const char *program_path;
static const char *charts_path;
static char out_text[OUTPUT_MAX + 1];
static char err_text[OUTPUT_MAX + 1];

void driver_init(const char *program, const char *charts)
{
    program_path = program;
    charts_path = charts;
}

struct line {
    char text[LINE_SIZE];
    char charts[WORDS_MAX][512];
    const char *words[WORDS_MAX + 1];
    size_t count;
    int out;
    int err;
};

/* Cuts the next word off; quotes keep spaces. */
static char *next_word(char **rest)
{
    char *at = *rest + strspn(*rest, " ");
    char end = *at == '\'' ? '\'' : ' ';
    char *word = *at == '\'' ? at + 1 : at;
    char *stop = strchr(word, end);

    if (*at == '\0')
        return NULL;
    *rest = stop != NULL ? stop + 1 : word + strlen(word);
    if (stop != NULL)
        *stop = '\0';
    return word;
}

static void split(struct line *line)
{
    char *rest = line->text, *word;

    line->words[0] = program_path;
    line->count = 1;
    while ((word = next_word(&rest)) != NULL) {
        size_t length = strlen(word);

        assert_true(line->count < WORDS_MAX);
        if (length > 5 && strcmp(word + length - 5, ".json") == 0 && *word != '/') {
            char *path = line->charts[line->count];

            snprintf(path, sizeof(line->charts[0]), "%s/%s", charts_path, word);
            word = path;
        }
        line->words[line->count++] = word;
    }
    line->words[line->count] = NULL;
}

static int exec_line(void *argument)
{
    struct line *line = argument;
    int nothing = open("/dev/null", O_RDONLY);

    if (dup2(nothing, 0) < 0 || dup2(line->out, 1) < 0 || dup2(line->err, 2) < 0)
        return 254;
    execv(line->words[0], (char *const *)line->words);
    return 253;
}

static int open_nameless(void)
{
    int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    return fd;
}

static struct driver_program start(const char *typed)
{
    struct driver_program program = {.out = open_nameless(), .err = open_nameless()};
    struct line line = {.out = program.out, .err = program.err};

    snprintf(line.text, sizeof(line.text), "%s", typed);
    split(&line);
    program.pid = support_fork_bare(exec_line, &line);
    return program;
}

static const char *read_all(int fd, char text[OUTPUT_MAX + 1])
{
    ssize_t size = pread(fd, text, OUTPUT_MAX, 0);

    assert_true(size >= 0);
    text[size] = '\0';
    return text;
}

static struct driver_result end(struct driver_program *program)
{
    struct driver_result result = {.code = support_reap(program->pid, WAIT_MS)};

    result.out = read_all(program->out, out_text);
    result.err = read_all(program->err, err_text);
    close(program->out);
    close(program->err);
    program->pid = 0;
    return result;
}

struct driver_result driver_do(const char *format, ...)
{
    struct driver_program program;
    char typed[LINE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(typed, sizeof(typed), format, arguments);
    va_end(arguments);
    program = start(typed);
    return end(&program);
}

struct driver_result driver_expect(int code, const char *format, ...)
{
    struct driver_program program;
    struct driver_result result;
    char typed[LINE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(typed, sizeof(typed), format, arguments);
    va_end(arguments);
    program = start(typed);
    result = end(&program);
    if (result.code != code)
        fail_msg("smew %s\nanswered %d, not %d\nstdout: %s\nstderr: %s", typed, result.code, code,
                 result.out, result.err);
    return result;
}

struct driver_program driver_start(const char *format, ...)
{
    char typed[LINE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(typed, sizeof(typed), format, arguments);
    va_end(arguments);
    return start(typed);
}

struct awaited {
    const struct driver_program *program;
    int fd;
    const char *text;
    bool seen;
};

/* Its end is left for driver_end to find. */
static bool has_ended(const struct driver_program *program)
{
    siginfo_t info = {.si_pid = 0};

    return waitid(P_PID, (id_t)program->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
}

/* Asked in this order, so that what a program wrote before its end is seen. */
static bool has_written_or_ended(void *argument)
{
    struct awaited *awaited = argument;
    bool ended = has_ended(awaited->program);

    awaited->seen = strstr(read_all(awaited->fd, out_text), awaited->text) != NULL;
    return awaited->seen || ended;
}

static void wait_for(const struct driver_program *program, int fd, const char *text)
{
    struct awaited awaited = {.program = program, .fd = fd, .text = text};

    if (!support_wait_until(has_written_or_ended, &awaited, WAIT_MS) || !awaited.seen) {
        read_all(program->err, err_text);
        fail_msg("never said \"%s\"\nstdout: %s\nstderr: %s", text,
                 read_all(program->out, out_text), err_text);
    }
}

void driver_wait_for(const struct driver_program *program, const char *text)
{
    wait_for(program, program->out, text);
}

void driver_wait_for_error(const struct driver_program *program, const char *text)
{
    wait_for(program, program->err, text);
}

size_t driver_lines(const struct driver_program *program)
{
    size_t lines = 0;

    for (const char *at = read_all(program->out, out_text); (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    return lines;
}

struct driver_result driver_end(struct driver_program *program, int number)
{
    if (number != 0)
        assert_int_equal(kill(program->pid, number), 0);
    return end(program);
}

struct driver_program driver_host(const char *format, ...)
{
    struct driver_program program;
    char typed[LINE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(typed, sizeof(typed), format, arguments);
    va_end(arguments);
    program = start(typed);
    driver_wait_for(&program, "ready: ");
    return program;
}

void driver_contains(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in: %s", part, text);
}
