/* SPDX-License-Identifier: MIT */
#ifndef SMEW_CHART_LOAD_SCXML_H
#define SMEW_CHART_LOAD_SCXML_H

/*
 * Loading a chart from SCXML, shared by the loader's files:
 *
 *     xml.c                   the text as a tree of elements
 *     load_scxml.c            states, transitions, what is initial
 *     load_scxml_content.c    what entry, exit and transitions do
 *     load_scxml_cond.c       conditions
 *     load_scxml_script.c     data, and what evaluates
 *     load_scxml_invoke.c     invokes, documents inside a document
 *
 * They fill the same growing arrays as the JSON loader, and fail in the same way (chart/load.h).
 * An element is also a place in the text: its mark has its number.
 */

#include <string.h>

#include "chart/load.h"
#include "chart/xml.h"

static inline struct smew__json smew__place(const struct smew__element *element)
{
    return (struct smew__json){.mark = element->number};
}

static inline bool smew__is(const struct smew__element *element, const char *name)
{
    return strcmp(element->name, name) == 0;
}

/* Refuses what only a script could do.  Always false. */
bool smew__refuse_script(struct smew__loader *loader, const struct smew__element *element);

/* Does anything in the document evaluate?  Then the chart is scripted, where there is an engine. */
void smew__scxml_find_scripts(struct smew__loader *loader, const struct smew__element *root);
/* Is a condition one of the null data model? */
bool smew__scxml_is_plain(const char *cond);
/* Something that evaluates, as an action (load_scxml_script.c). */
bool smew__scxml_script(struct smew__loader *loader, const struct smew__element *element);
bool smew__scxml_one(struct smew__loader *loader, const struct smew__element *element);
/* Data of the whole document, then the global scripts: the chart's prologue. */
bool smew__scxml_prologue(struct smew__loader *loader, const struct smew__element *root);
/* A state's data that are bound late, as actions. */
bool smew__scxml_late_data(struct smew__loader *loader, const struct smew__element *element);
bool smew__scxml_done_data(struct smew__loader *loader, const struct smew__element *element,
                           uint16_t state);
/* Ends a block of actions that began at `first`. */
bool smew__scxml_end_block(struct smew__loader *loader, uint32_t first);

/* A state's invokes (load_scxml_invoke.c); what they want of its entry becomes actions first. */
bool smew__scxml_invokes(struct smew__loader *loader, const struct smew__element *element,
                         uint16_t state);
bool smew__scxml_id_places(struct smew__loader *loader, const struct smew__element *element,
                           uint16_t state);
/* The chart of a document that lies in this one (load_scxml.c). */
bool smew__scxml_inside(struct smew__loader *around, struct smew__element *root,
                        struct smew_chart **chart);
/* Params, namelist and content of an element, as a script's. */
bool smew__scxml_data(struct smew__loader *loader, const struct smew__element *element,
                      struct smew__script *script);

/* Appends what an element's children do; the run is that of all of them. */
bool smew__scxml_block(struct smew__loader *loader, const struct smew__element *element,
                       struct smew__run *run);
/* The condition of an element, or SMEW__NONE. */
bool smew__scxml_cond(struct smew__loader *loader, const struct smew__element *element,
                      uint32_t *guard);

#endif
