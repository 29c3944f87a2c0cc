/* SPDX-License-Identifier: MIT */
/*
 * Happy path: "smew.inspect" to each machine through an exchange like that of the events, then two
 * walks over the packages.  Failure modes: a machine that does not answer ends the check; a state
 * that is none of dpkg's counts as unknown, and so as a mismatch.
 *
 * A package that changes its architecture in an upgrade (all to amd64, say) is one package to dpkg,
 * but NAME:ARCH changes in the middle of its life: the old id stays half-installed in the log and
 * is unknown to dpkg-query.  That is told, and is no mismatch.
 */
#include "samples/dpkg/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "samples/dpkg/resume.h"

/* ---- machines and log ---------------------------------------------------------------- */

static void on_answer(void *user, uint64_t number, struct feeder_piece json)
{
    struct feeder_feed *feed = user;
    struct feeder_piece state = {NULL, 0};

    if (json.text != NULL)
        state = feeder_reply_string(json, "state");

    feed->fleet.machines[number].is =
        (uint8_t)(state.text != NULL ? feeder_status_of(state.text, state.length) : FEEDER_UNKNOWN);
}

static bool ask_all(struct feeder_feed *feed, struct feeder_exchange *exchange, bool unknown)
{
    char id[FEEDER_ID_ROOM];

    for (size_t number = 0; number < feed->fleet.count; number++) {
        if (feed->fleet.machines[number].said == FEEDER_UNKNOWN && !unknown)
            continue;
        feeder_fleet_id(&feed->fleet, &feed->history, number, id);
        if (!feeder_exchange_ask(exchange, id, "smew.inspect", number))
            break;
    }
    return feeder_exchange_drain(exchange);
}

static void compare_with_log(struct feeder_check *check, struct feeder_feed *feed)
{
    char id[FEEDER_ID_ROOM];

    for (size_t number = 0; number < feed->fleet.count; number++) {
        const struct feeder_machine *machine = &feed->fleet.machines[number];

        if (machine->said == FEEDER_UNKNOWN)
            continue;
        if (machine->now != FEEDER_UNKNOWN && machine->now != machine->is)
            feeder_resume_note_cut(feed, number, (enum feeder_status)machine->now);
        check->machines++;
        check->is[machine->is]++;
        check->said[machine->said]++;
        if (machine->is == machine->said || check->log_mismatches++ >= feed->options->show)
            continue;
        feeder_fleet_id(&feed->fleet, &feed->history, number, id);
        printf("%s is %s; the log last said %s\n", id, feeder_status_name(machine->is),
               feeder_status_name(machine->said));
    }
}

bool feeder_check_ask(struct feeder_check *check, struct feeder_feed *feed, bool unknown)
{
    struct feeder_exchange_options options = feed->exchange.options;
    bool fine;

    options.stoppable = false;
    options.absent = true;
    options.answer = on_answer;
    options.user = feed;
    if (!feeder_exchange_init(&check->exchange, feed->exchange.bus, &options)) {
        fputs("dpkg-feeder: out of memory\n", stderr);
        return false;
    }
    fine = ask_all(feed, &check->exchange, unknown);
    if (!fine)
        fprintf(stderr, "dpkg-feeder: cannot ask the machines: %s\n",
                smew_status_text(check->exchange.status));
    return fine;
}

bool feeder_check_machines(struct feeder_check *check, struct feeder_feed *feed)
{
    bool fine = feeder_check_ask(check, feed, false);

    compare_with_log(check, feed);
    return fine;
}

void feeder_check_fini(struct feeder_check *check)
{
    feeder_exchange_fini(&check->exchange);
}

/* ---- dpkg-query ---------------------------------------------------------------------- */

/* What dpkg-query said: the packages' names, and each one's state under its number. */
struct query {
    struct feeder_history names;
    struct feeder_fleet states;
};

/* "NAME:ARCH STATUS" */
static bool take_line(struct query *query, char *text)
{
    struct feeder_line line = {.kind = FEEDER_LINE_EVENT, .package = text};
    char *space = strrchr(text, ' ');
    struct feeder_machine *machine;

    text[strcspn(text, "\n")] = '\0';
    if (space == NULL)
        return false;
    line.package_length = (size_t)(space - text);
    line.status = feeder_status_of(space + 1, strlen(space + 1));
    if (line.status == FEEDER_UNKNOWN || !feeder_history_add(&query->names, &line, 0))
        return false;
    machine = feeder_fleet_at(&query->states, query->names.events[query->names.count - 1].package);
    if (machine != NULL)
        machine->is = (uint8_t)line.status;
    return machine != NULL;
}

static bool read_query(struct query *query, const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char text[FEEDER_LINE_MAX];
    bool fine = true;

    if (file == NULL) {
        perror(path);
        return false;
    }
    while (fine && fgets(text, sizeof(text), file) != NULL)
        fine = take_line(query, text);
    if (!fine)
        fprintf(stderr, "%s: \"%s\" is no line NAME:ARCH STATUS of dpkg-query\n", path, text);
    if (file != stdin)
        fclose(file);
    return fine;
}

static enum feeder_status state_of(const struct query *query, const char *package)
{
    int64_t number = feeder_history_find(&query->names, package, strlen(package));

    if (number == FEEDER_NO_PACKAGE || query->states.machines == NULL)
        return FEEDER_NOT_INSTALLED;
    return (enum feeder_status)query->states.machines[number].is;
}

/*
 * Unknown to dpkg-query under this architecture, and known under another?  In what debootstrap
 * makes dpkg itself begins without one.
 */
static bool has_moved(const struct query *query, const char *package)
{
    size_t length = strcspn(package, ":");

    if (feeder_history_find(&query->names, package, strlen(package)) != FEEDER_NO_PACKAGE)
        return false;
    for (uint32_t i = 0; i < query->names.package_count; i++) {
        const char *known = query->names.packages[i];

        if (strncmp(known, package, length) == 0 && known[length] == ':')
            return true;
    }
    return false;
}

static void compare_with_query(struct feeder_check *check, const struct feeder_feed *feed,
                               const struct query *query)
{
    for (uint32_t i = 0; i < feed->history.package_count && i < feed->fleet.count; i++) {
        const struct feeder_machine *machine = &feed->fleet.machines[i];
        const char *package = feed->history.packages[i];
        enum feeder_status state = state_of(query, package);

        check->query[state]++;
        if (machine->is == state)
            continue;
        if (machine->is == FEEDER_HALF_INSTALLED && has_moved(query, package)) {
            check->moved++;
            continue;
        }
        if (check->query_mismatches++ < feed->options->show)
            printf("pkg:%s is %s; dpkg-query says %s\n", package, feeder_status_name(machine->is),
                   feeder_status_name(state));
    }
}

bool feeder_check_query(struct feeder_check *check, const struct feeder_feed *feed)
{
    struct query query;
    bool fine;

    memset(&query, 0, sizeof(query));
    fine = read_query(&query, feed->options->dpkg_query);
    if (fine && feed->next < feed->history.count) {
        fputs("dpkg-feeder: the log was not sent to its end; not compared with dpkg-query\n",
              stderr);
    } else if (fine) {
        check->queried = true;
        compare_with_query(check, feed, &query);
    }
    feeder_history_fini(&query.names);
    feeder_fleet_fini(&query.states);
    return fine;
}
