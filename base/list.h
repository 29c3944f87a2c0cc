/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_LIST_H
#define SMEW_BASE_LIST_H

/* An intrusive doubly linked list: the link lives in the entry, the head is a link too. */

#include <stdbool.h>
#include <stddef.h>

struct smew__list {
    struct smew__list *next;
    struct smew__list *previous;
};

#define SMEW_CONTAINER(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

#define SMEW_LIST_EACH(link, head) \
    for (struct smew__list * (link) = (head)->next; (link) != (head); (link) = (link)->next)

/* The body may remove or free `link`. */
#define SMEW_LIST_EACH_SAFE(link, head)                                                            \
    for (struct smew__list * (link) = (head)->next, *link##_next = (link)->next; (link) != (head); \
         (link) = link##_next, link##_next = (link)->next)

static inline void smew__list_init(struct smew__list *link)
{
    link->next = link;
    link->previous = link;
}

static inline bool smew__list_empty(const struct smew__list *head)
{
    return head->next == head;
}

static inline void smew__list_append(struct smew__list *head, struct smew__list *link)
{
    link->next = head;
    link->previous = head->previous;
    head->previous->next = link;
    head->previous = link;
}

static inline void smew__list_remove(struct smew__list *link)
{
    link->next->previous = link->previous;
    link->previous->next = link->next;
    smew__list_init(link);
}

/* Removes and gives the first link; NULL when empty. */
static inline struct smew__list *smew__list_take(struct smew__list *head)
{
    struct smew__list *first = head->next;

    if (first == head)
        return NULL;
    smew__list_remove(first);
    return first;
}

/* Moves all links of `from`, in order, behind those of `head`. */
static inline void smew__list_move_all(struct smew__list *head, struct smew__list *from)
{
    if (smew__list_empty(from))
        return;
    from->next->previous = head->previous;
    from->previous->next = head;
    head->previous->next = from->next;
    head->previous = from->previous;
    smew__list_init(from);
}

#endif
