/* SPDX-License-Identifier: MIT */
/*
 * Happy path: every machine is asked, and lines are counted as processed until all machines are
 * where the log has them.  `said` begins as the checkpoint left it, and ends as of the new place.
 */
#include "samples/dpkg/resume.h"

#include <inttypes.h>
#include <stdio.h>

#include "samples/dpkg/check.h"

/* A machine that nobody has spoken to is where the chart begins. */
static enum feeder_status expected(uint8_t said)
{
    return said == FEEDER_UNKNOWN ? FEEDER_NOT_INSTALLED : (enum feeder_status)said;
}

static size_t count_astray(const struct feeder_fleet *fleet)
{
    size_t count = 0;

    for (size_t i = 0; i < fleet->count; i++)
        count += expected(fleet->machines[i].is) != expected(fleet->machines[i].said);
    return count;
}

/* The first event behind which every machine is where the log has it, or history.count + 1. */
static uint64_t find_place(const struct feeder_feed *feed)
{
    const struct feeder_history *history = &feed->history;
    size_t astray = count_astray(&feed->fleet);
    uint64_t next = feed->next;

    for (; astray > 0 && next < history->count; next++) {
        struct feeder_machine *machine = &feed->fleet.machines[feeder_fleet_number(history, next)];

        astray -= expected(machine->is) != expected(machine->said);
        machine->said = history->events[next].status;
        astray += expected(machine->is) != expected(machine->said);
    }
    return astray > 0 ? history->count + 1 : next;
}

void feeder_resume_note_cut(struct feeder_feed *feed, size_t number, enum feeder_status was)
{
    char id[FEEDER_ID_ROOM];

    if (feed->cuts++ >= feed->options->show)
        return;
    feeder_fleet_id(&feed->fleet, &feed->history, number, id);
    printf("%s was %s when its host died: its life was cut, it began again\n", id,
           feeder_status_name(was));
}

/* As the checkpoint left it: find_place() went to the end of the log. */
static void tell_cuts(struct feeder_feed *feed)
{
    for (size_t i = 0; i < feed->fleet.count; i++)
        feed->fleet.machines[i].said = FEEDER_UNKNOWN;
    for (uint64_t i = 0; i < feed->first; i++)
        feed->fleet.machines[feeder_fleet_number(&feed->history, i)].said =
            feed->history.events[i].status;
    for (size_t i = 0; i < feed->fleet.count; i++) {
        const struct feeder_machine *machine = &feed->fleet.machines[i];

        if (expected(machine->is) == FEEDER_NOT_INSTALLED &&
            expected(machine->is) != expected(machine->said))
            feeder_resume_note_cut(feed, i, expected(machine->said));
    }
}

static bool meet_all(struct feeder_feed *feed)
{
    for (uint32_t i = 0; i < feed->history.package_count; i++) {
        if (feeder_fleet_at(&feed->fleet, i) == NULL) {
            fputs("dpkg-feeder: out of memory\n", stderr);
            return false;
        }
    }
    return true;
}

bool feeder_resume(struct feeder_feed *feed)
{
    struct feeder_check check = {0};
    uint64_t place;
    bool fine = meet_all(feed) && feeder_check_ask(&check, feed, true);

    feeder_check_fini(&check);
    if (!fine)
        return false;
    place = find_place(feed);
    if (place > feed->history.count) {
        tell_cuts(feed);
        return true;
    }
    if (place > feed->next)
        fprintf(stderr,
                "dpkg-feeder: the machines have %" PRIu64 " events more than the checkpoint says\n",
                place - feed->next);
    feed->first = feed->next = place;
    return true;
}
