/* SPDX-License-Identifier: MIT */
/*
 * Sentences about who hosts what.  The directory's callbacks run with its lock held, so they only
 * copy; every question walks it once and keeps one answer, however many claims there are.
 */
#include "cli/claims.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/command.h"

struct holder {
    const char *id;
    char address[64];
    char *text;
};

static bool match_claim(const char *id, const char *node_address, void *user)
{
    struct holder *holder = user;

    if (strcmp(id, holder->id) != 0)
        return true;
    snprintf(holder->address, sizeof(holder->address), "%s", node_address);
    return false;
}

static bool match_node(const struct smew_node_info *node, void *user)
{
    struct holder *holder = user;

    if (strcmp(node->address, holder->address) != 0)
        return true;
    snprintf(holder->text, SMEW__HOLDER_SIZE, "%s (%s, pid %" PRId64 ")", node->address, node->name,
             node->pid);
    return false;
}

void smew__claim_holder(struct smew_bus *bus, const char *id, char text[SMEW__HOLDER_SIZE])
{
    struct holder holder = {.id = id, .text = text};

    snprintf(text, SMEW__HOLDER_SIZE, "another node");
    if (smew_bus_each_claim(bus, match_claim, &holder) != SMEW_OK || holder.address[0] == '\0')
        return;
    snprintf(text, SMEW__HOLDER_SIZE, "%s", holder.address);
    if (smew_bus_each_node(bus, match_node, &holder) != SMEW_OK)
        return; /* the address alone is an answer too */
}

struct nearest {
    struct smew__suggestion suggestion;
    size_t claims;
};

static bool offer_claim(const char *id, const char *node_address, void *user)
{
    struct nearest *nearest = user;

    (void)node_address;
    nearest->claims++;
    smew__suggest_offer_claim(&nearest->suggestion, id);
    return true;
}

enum smew__exit smew__complain_unknown(const struct smew__command *command, struct smew_bus *bus,
                                       const char *id)
{
    char text[SMEW__SUGGEST_MAX + 32];
    struct nearest nearest = {.claims = 0};

    smew__suggest_init(&nearest.suggestion, id);
    if (smew_bus_each_claim(bus, offer_claim, &nearest) != SMEW_OK)
        nearest.claims = 0;
    smew__suggest_text(&nearest.suggestion, text);
    if (nearest.claims == 0)
        return smew__complain(command, SMEW__EXIT_NO_MACHINE,
                              "no machine \"%s\": nothing is hosted on %s; `smew run CHART` hosts "
                              "one, --wait waits for it",
                              id, command->bus_url);
    return smew__complain(command, SMEW__EXIT_NO_MACHINE, "no machine \"%s\" on %s%s", id,
                          command->bus_url,
                          text[0] != '\0' ? text : "; `smew ps` lists what is hosted");
}

enum smew__exit smew__complain_request(const struct smew__command *command, struct smew_bus *bus,
                                       const char *id, enum smew_status status, uint64_t waited_ms)
{
    enum smew__exit code = smew__exit_of(status);

    switch (status) {
    case SMEW_NO_MACHINE:
        return smew__complain_unknown(command, bus, id);
    case SMEW_TIMEOUT:
        return smew__complain(command, code,
                              "\"%s\" did not answer within %" PRIu64
                              " ms; `smew ps` shows whether its node is alive",
                              id, waited_ms);
    case SMEW_PEER_DEAD:
        return smew__complain(command, code,
                              "the node that hosted \"%s\" died and nobody took it over; the event "
                              "may have taken effect before",
                              id);
    case SMEW_NOT_FOUND:
        return smew__complain(command, code,
                              "\"%s\" has not come to life: it starts with its first event, and "
                              "looking is none",
                              id);
    case SMEW_STOPPED:
        return smew__complain(command, code, "\"%s\" has stopped and takes no more events", id);
    case SMEW_INVALID:
        return smew__complain(command, SMEW__EXIT_USAGE,
                              "\"%s\" or the event is no name: 1 to %d bytes of UTF-8 without "
                              "control bytes, and no '*' in an id",
                              id, SMEW_ID_MAX);
    default:
        return smew__complain(command, code, "\"%s\" refused: %s", id, smew_status_text(status));
    }
}
