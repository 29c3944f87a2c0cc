/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_XML_H
#define SMEW_CHART_XML_H

/*
 * An SCXML text as a tree of its elements, with the place of each in the text.
 *
 * Only elements of SCXML's namespace, or of none, are in the tree; what lies inside others is
 * skipped.  Entities of the document's own are refused, so a text cannot grow by being read.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chart/arena.h"

enum { SMEW__XML_DEPTH_MAX = 1000 };

struct smew__attribute {
    const char *name;
    const char *value;
};

struct smew__element {
    const char *name;
    const struct smew__attribute *attributes; /* ends with a name of NULL */
    const char *text;                         /* all of it that is directly inside, or "" */
    struct smew__element *parent;
    struct smew__element *first; /* child */
    struct smew__element *last;
    struct smew__element *next; /* sibling */
    uint32_t offset;            /* of its "<" */
    uint32_t number;            /* from 0, in the order of the text */
};

struct smew__xml_problem {
    const char *text; /* static; NULL: out of memory */
    size_t offset;
};

/* NULL: the problem says why.  The tree lives in the arena; `count` is of its elements. */
struct smew__element *smew__xml_parse(struct smew__arena *arena, const char *text, size_t size,
                                      uint32_t *count, struct smew__xml_problem *problem);

/* An attribute's value, or NULL. */
const char *smew__xml_attribute(const struct smew__element *element, const char *name);

#endif
