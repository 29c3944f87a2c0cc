/* SPDX-License-Identifier: MIT */
/*
 * Lanes of others in our memory, lane_in.h: whose producer is to ring, and for whom.
 *
 * Happy path: all of them are armed, one fence is passed for all, and all of them are looked at.
 *
 * Failure modes: more lanes than a thread can sleep on; the caller arms them for the service
 * thread.
 */

#include "bus/lane_in.h"

#include "base/sync/fence.h"
#include "bus/inbound.h"

/* The next lane of a channel, NULL at the end.  With `reading` held. */
struct smew__lane_in *smew__lane_in_next(struct smew__inbound *inbound, struct smew__lane_in *lane)
{
    struct smew__sender *sender = inbound->sender;
    struct smew__list *link;

    if (!sender)
        return NULL;
    for (link = lane ? lane->link.next : sender->lanes.next; link != &sender->lanes;
         link = link->next) {
        lane = SMEW_CONTAINER(link, struct smew__lane_in, link);
        if (lane->inbound == inbound)
            return lane;
    }
    return NULL;
}

bool smew__lane_in_arm(struct smew__lane_in *lane)
{
    const struct smew__lane_turns *turns = &lane->bus->turns;

    if (!turns->asleep || lane->slept != turns->sleeps)
        return smew__lane_reader_arm(&lane->reader);
    (void)smew__lane_reader_say(&lane->reader, SMEW__ALARM_WORD);
    smew__fence_full();
    if (smew__lane_reader_fences(&lane->reader))
        smew__fence_processes();
    return smew__lane_reader_ready(&lane->reader);
}

/* One that is not settled was armed when it was made. */
static bool is_armed_here(const struct smew__lane_in *lane)
{
    return !lane->read_out && !lane->after && lane->settled;
}

/* The next of those, NULL at the end. */
static struct smew__lane_in *next_armed(struct smew__inbound *inbound, struct smew__lane_in *lane)
{
    do
        lane = smew__lane_in_next(inbound, lane);
    while (lane && !is_armed_here(lane));
    return lane;
}

bool smew__lanes_arm(struct smew__inbound *inbound, enum smew__lane_alarm alarm)
{
    struct smew__lane_turns *turns = &inbound->bus->turns;
    struct smew__lane_in *lane = NULL;

    while ((lane = next_armed(inbound, lane)) != NULL) {
        uint32_t rings;

        if (alarm == SMEW__ALARM_WORD && turns->word_count == SMEW__FUTEX_WORDS)
            return false;
        rings = smew__lane_reader_say(&lane->reader, alarm);
        if (alarm != SMEW__ALARM_WORD)
            continue;
        lane->slept = turns->sleeps;
        turns->words[turns->word_count++] =
            (struct smew__futex_word){.word = &lane->memory.header->rings, .seen = rings};
    }
    return true;
}

bool smew__lanes_fence(struct smew__inbound *inbound)
{
    struct smew__lane_in *lane = NULL;

    while ((lane = next_armed(inbound, lane)) != NULL) {
        if (smew__lane_reader_fences(&lane->reader))
            return true;
    }
    return false;
}

bool smew__lanes_ready(struct smew__inbound *inbound)
{
    struct smew__lane_in *lane = NULL;

    while ((lane = next_armed(inbound, lane)) != NULL) {
        if (smew__lane_reader_ready(&lane->reader))
            return true;
    }
    return false;
}
