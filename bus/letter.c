/* SPDX-License-Identifier: MIT */
/* Dead letters and notices: small things to run, each carrying what its hook is told. */

#include "bus/letter.h"

#include <string.h>

#include "base/alloc.h"
#include "bus/handler.h"
#include "bus/poll.h"
#include "diagnostics/log.h"

enum { LETTERS_MOST = 65536 };

struct letter {
    struct smew__due due;
    struct smew_bus *bus;
    struct smew_message *message;
    enum smew_status reason; /* OK: it was accepted, after a QUEUED */
};

struct notice {
    struct smew__due due;
    enum smew_notice_type type;
    const char *text; /* static */
    char *machine;
    char node[SMEW__ADDRESS_SIZE];
};

static void run_letter(struct smew_bus *bus, struct smew__due *due)
{
    struct letter *letter = SMEW_CONTAINER(due, struct letter, due);
    struct smew_bus *home = letter->bus;

    /* Also when the bus closes: the hook hears of everything that was left. */
    (void)bus;
    smew__handler_enter(home, NULL);
    if (letter->reason)
        home->options.on_dead_letter(home, letter->message, letter->reason, home->options.user);
    else
        home->options.on_accepted(home, letter->message, home->options.user);
    smew__handler_leave(home);
    smew__bus_lock(home);
    home->letters--;
    smew__bus_unlock(home);
    smew__message_unref(letter->message);
    smew__free(letter);
}

/* Keeps a message for a hook.  False when there is no room for it. */
static bool post(struct smew_bus *bus, struct smew_message *message, enum smew_status reason)
{
    struct letter *letter = bus->letters < LETTERS_MOST ? smew__alloc(sizeof(*letter)) : NULL;

    if (!letter)
        return false;
    smew__message_ref(message);
    *letter = (struct letter){.bus = bus, .message = message, .reason = reason};
    bus->letters++;
    smew__due_post(bus, &letter->due, run_letter);
    return true;
}

void smew__letter_post(struct smew_bus *bus, struct smew_message *message, enum smew_status reason)
{
    bus->stats.dead_letters++;
    smew__log(SMEW_LOG_INFO, "%s: dead letter \"%s\" for \"%s\": %s", bus->address,
              smew_message_event(message), smew_message_target(message), smew_status_text(reason));
    if (bus->options.on_dead_letter && !post(bus, message, reason))
        smew__log(SMEW_LOG_ERROR, "%s: a dead letter could not be kept: %s", bus->address,
                  bus->letters < LETTERS_MOST ? "out of memory" : "too many; poll the bus");
}

void smew__letter_accepted(struct smew_bus *bus, struct smew_message *message)
{
    if (bus->options.on_accepted && !post(bus, message, SMEW_OK))
        smew__log(SMEW_LOG_WARN, "%s: an acceptance could not be told", bus->address);
}

static void run_notice(struct smew_bus *bus, struct smew__due *due)
{
    struct notice *notice = SMEW_CONTAINER(due, struct notice, due);
    struct smew_notice told = {.type = notice->type,
                               .node = notice->node,
                               .machine = notice->machine,
                               .text = notice->text};

    if (bus) {
        smew__handler_enter(bus, NULL);
        bus->options.on_notice(bus, &told, bus->options.user);
        smew__handler_leave(bus);
    }
    smew__free(notice->machine);
    smew__free(notice);
}

void smew__notice_post(struct smew_bus *bus, enum smew_notice_type type, const char *node,
                       const char *machine, const char *text)
{
    struct notice *notice;

    smew__log(SMEW_LOG_DEBUG, "%s: node %s: %s", bus->address, node, text);
    if (!bus->options.on_notice)
        return;
    notice = smew__calloc(1, sizeof(*notice));
    if (!notice)
        return;
    notice->type = type;
    notice->text = text;
    notice->machine = machine ? smew__strdup(machine) : NULL;
    strncpy(notice->node, node, sizeof(notice->node) - 1);
    smew__due_post(bus, &notice->due, run_notice);
}
