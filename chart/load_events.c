/* SPDX-License-Identifier: MIT */

/*
 * Event names, and the events that a chart itself raises or sends.
 *
 * "coin.*" and "*" are wildcards; a star anywhere else is just a letter, as in XState ("a.*.b"
 * and "*.b.*" match nothing but themselves).  Which entry a message belongs to is settled at the
 * end of the load, when all names are known.
 */

#include "chart/load.h"

#include <string.h>

static bool is_wildcard(const char *name, size_t size)
{
    if (strcmp(name, "*") == 0)
        return true;
    if (size < 3 || strcmp(name + size - 2, ".*") != 0 || strncmp(name, "*.", 2) == 0)
        return false;
    const char *token = strstr(name, ".*.");
    return token == NULL;
}

static bool index_entry(struct smew__loader *loader, struct smew__event_entry *entry)
{
    struct smew_chart *chart = loader->chart;
    bool fine = smew__table_put(&chart->by_name, entry->name, entry->size, entry);

    if (fine && strcmp(entry->name, "*") == 0)
        chart->anything = entry->id;
    else if (fine && entry->wildcard)
        fine = smew__table_put(&chart->by_prefix, entry->name, entry->size - 2, entry);
    return fine || smew__no_memory(loader);
}

bool smew__load_event(struct smew__loader *loader, const char *name, bool named, uint32_t *event)
{
    size_t size = strlen(name);
    struct smew__event_entry *entry = smew__table_get(&loader->chart->by_name, name, size);

    if (!entry) {
        entry = smew__arena_alloc(&loader->chart->arena, sizeof *entry);
        if (!entry)
            return smew__no_memory(loader);
        *entry = (struct smew__event_entry){
            .name = smew__intern(loader, name, size),
            .size = size,
            .id = SMEW__COUNT(loader->events, struct smew__event_entry *),
            .wider = SMEW__NONE,
            .wildcard = is_wildcard(name, size)};
        entry->bare = (struct smew__message){.event = {.type = entry->name, .payload = ""},
                                             .event_id = entry->id};
        if (!entry->name || !smew__push(loader, &loader->events, &entry, sizeof entry) ||
            !index_entry(loader, entry))
            return false;
    }
    entry->named = entry->named || named;
    *event = entry->id;
    return true;
}

bool smew__load_message(struct smew__loader *loader, const char *name, const char *payload,
                        const struct smew__message **message)
{
    struct smew__message *made = smew__arena_alloc(&loader->chart->arena, sizeof *made);

    if (!made)
        return smew__no_memory(loader);
    made->event.type = smew__intern(loader, name, strlen(name));
    if (!made->event.type)
        return false;
    made->event.payload = payload;
    made->event.payload_size = strlen(payload);
    made->event.content = *payload ? SMEW_CONTENT_JSON : SMEW_CONTENT_RAW;
    made->event_id = SMEW__NONE;
    *message = made;
    return smew__push(loader, &loader->messages, &made, sizeof made);
}
