/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions: which nodes want which topics.  Nobody competes for one, so there is no PENDING:
 * an EFFECTIVE cell in the one row of topics, and its name in the subscriber's announcement.
 * Publishers read the whole row, but only after the topic epoch moved.
 *
 * Failure modes: no room even after the dead were buried (FULL); a subscriber that is killed: its
 * cells no longer count once it is buried.
 */
#include "bus/directory/cells.h"

uint64_t smew__directory_topic_epoch(const struct smew__directory *directory)
{
    /* pairs with smew__epoch_move */
    return atomic_load_explicit(&directory->board->header.topic_epoch, memory_order_acquire);
}

enum smew_status smew__directory_subscribe(struct smew__directory *directory, const char *topic)
{
    struct smew__row row = smew__row_topics(directory);
    struct smew__found found;
    struct smew__key key;
    uint64_t value;
    unsigned index;
    uint32_t at;
    enum smew_status status = smew__key_parse(topic, &key);

    if (status != SMEW_OK)
        return status;
    status = smew__row_find_own(directory, row, &key, &found);
    if (status != SMEW_NOT_FOUND)
        return status == SMEW_OK ? SMEW_EXISTS : status;
    status = smew__names_add(directory, &key, &at);
    if (status != SMEW_OK)
        return status;
    value = smew__cell_make(SMEW__CELL_EFFECTIVE, directory->self, at, key.hash);
    status = smew__row_take(directory, row, value, &index);
    if (status != SMEW_OK) {
        smew__names_drop(directory, &key, at);
        return status;
    }
    smew__epoch_move(&directory->board->header.topic_epoch);
    return SMEW_OK;
}

enum smew_status smew__directory_unsubscribe(struct smew__directory *directory, const char *topic)
{
    struct smew__row row = smew__row_topics(directory);
    struct smew__found found;
    struct smew__key key;
    enum smew_status status = smew__key_parse(topic, &key);

    if (status != SMEW_OK)
        return status;
    status = smew__row_find_own(directory, row, &key, &found);
    if (status == SMEW_OK)
        status = smew__row_give(directory, row, &key, &found);
    if (status == SMEW_OK)
        smew__epoch_move(&directory->board->header.topic_epoch);
    return status;
}

enum smew_status smew__directory_each_subscription(struct smew__directory *directory,
                                                   smew__subscription_fn fn, void *user)
{
    struct smew__row row = smew__row_topics(directory);
    enum smew_status result = SMEW_OK;

    for (unsigned i = 0; i < row.count; i++) {
        struct smew__found found;
        struct smew__name name;
        enum smew_status status = smew__cell_read(directory, &row.cells[i], NULL, &found, &name);

        if (status == SMEW_OK && !fn(found.owner, smew__name_text(&name), user))
            break;
        if (status != SMEW_OK && status != SMEW_NOT_FOUND)
            result = status;
    }
    return result;
}
