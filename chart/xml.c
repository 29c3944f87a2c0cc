/* SPDX-License-Identifier: MIT */

/*
 * expat's callbacks build the tree.  The first problem stops the parser; expat's own memory goes
 * through our allocator, so that tests can make any of it fail.
 */

#include "chart/xml.h"

#include <expat.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"

static const char namespace[] = "http://www.w3.org/2005/07/scxml|";

struct parse {
    XML_Parser parser;
    struct smew__arena *arena;
    struct smew__element *root;
    struct smew__element *open; /* the innermost element that is not closed yet */
    uint32_t count;
    unsigned depth;
    unsigned foreign; /* elements of other namespaces that are open */
    bool no_memory;
    const char *refusal; /* other than expat's */
};

static void stop(struct parse *parse, const char *refusal)
{
    if (refusal)
        parse->refusal = refusal;
    else
        parse->no_memory = true;
    (void)XML_StopParser(parse->parser, XML_FALSE);
}

/* ---- building ------------------------------------------------------------------------ */

static const struct smew__attribute *copy_attributes(struct parse *parse, const char **from)
{
    size_t count = 0;
    struct smew__attribute *attributes;

    while (from[2 * count])
        count++;
    attributes = smew__arena_alloc(parse->arena, (count + 1) * sizeof *attributes);
    for (size_t i = 0; attributes && i < count; i++) {
        attributes[i].name = smew__arena_text(parse->arena, from[2 * i], strlen(from[2 * i]));
        attributes[i].value =
            smew__arena_text(parse->arena, from[2 * i + 1], strlen(from[2 * i + 1]));
        if (!attributes[i].name || !attributes[i].value)
            return NULL;
    }
    return attributes;
}

static void adopt(struct parse *parse, struct smew__element *element)
{
    struct smew__element *parent = parse->open;

    element->parent = parent;
    if (!parent)
        parse->root = element;
    else if (parent->last)
        parent->last->next = element;
    else
        parent->first = element;
    if (parent)
        parent->last = element;
    parse->open = element;
}

static void XMLCALL on_start(void *user, const char *name, const char **attributes)
{
    struct parse *parse = user;
    const char *local = strrchr(name, '|');
    struct smew__element *element;

    if (++parse->depth > SMEW__XML_DEPTH_MAX) {
        stop(parse, "the document nests too deep");
        return;
    }
    if (parse->foreign > 0 || (local && strncmp(name, namespace, sizeof namespace - 1) != 0)) {
        parse->foreign++;
        return;
    }
    local = local ? local + 1 : name;
    element = smew__arena_alloc(parse->arena, sizeof *element);
    if (element) {
        element->name = smew__arena_text(parse->arena, local, strlen(local));
        element->attributes = copy_attributes(parse, attributes);
        element->text = "";
        element->number = parse->count++;
        element->offset = (uint32_t)XML_GetCurrentByteIndex(parse->parser);
    }
    if (!element || !element->name || !element->attributes)
        stop(parse, NULL);
    else
        adopt(parse, element);
}

static void XMLCALL on_end(void *user, const char *name)
{
    struct parse *parse = user;

    (void)name;
    parse->depth--;
    if (parse->foreign > 0)
        parse->foreign--;
    else if (parse->open)
        parse->open = parse->open->parent;
}

/* Texts are rare and short: each piece makes a new copy. */
static void XMLCALL on_text(void *user, const char *text, int length)
{
    struct parse *parse = user;
    size_t size = length > 0 ? (size_t)length : 0;

    if (parse->foreign > 0 || !parse->open)
        return;
    size_t blank = 0;
    while (blank < size && strchr(" \t\r\n", text[blank]))
        blank++;
    if (blank == size && !*parse->open->text)
        return;
    size_t before = strlen(parse->open->text);
    if (before + size > 65536) {
        stop(parse, "a text is longer than 64 KiB");
        return;
    }
    char *joined = smew__arena_alloc(parse->arena, before + size + 1);
    if (!joined) {
        stop(parse, NULL);
        return;
    }
    memcpy(joined, parse->open->text, before);
    memcpy(joined + before, text, size);
    parse->open->text = joined;
}

static void XMLCALL on_entity(void *user, const char *name, int parameter, const char *value,
                              int length, const char *base, const char *system, const char *public,
                              const char *notation)
{
    (void)name, (void)parameter, (void)value, (void)length;
    (void)base, (void)system, (void)public, (void)notation;
    stop(user, "a chart has no entities of its own");
}

/* ---- parsing ------------------------------------------------------------------------- */

/* expat asks for 0 bytes nowhere, but does not say so. */
static void *allocate(size_t size)
{
    return smew__alloc(size ? size : 1);
}

static void *reallocate(void *memory, size_t size)
{
    return smew__realloc(memory, size ? size : 1);
}

static void describe(const struct parse *parse, struct smew__xml_problem *problem)
{
    enum XML_Error code = XML_GetErrorCode(parse->parser);

    problem->offset = (size_t)XML_GetCurrentByteIndex(parse->parser);
    problem->text = parse->refusal;
    if (!parse->refusal && !parse->no_memory && code != XML_ERROR_NO_MEMORY)
        problem->text = XML_ErrorString(code);
}

struct smew__element *smew__xml_parse(struct smew__arena *arena, const char *text, size_t size,
                                      uint32_t *count, struct smew__xml_problem *problem)
{
    static const XML_Memory_Handling_Suite memory = {allocate, reallocate, smew__free};
    struct parse parse = {.arena = arena};
    bool fine;

    *problem = (struct smew__xml_problem){0};
    parse.parser = XML_ParserCreate_MM(NULL, &memory, "|");
    if (!parse.parser)
        return NULL;
    XML_SetUserData(parse.parser, &parse);
    XML_SetElementHandler(parse.parser, on_start, on_end);
    XML_SetCharacterDataHandler(parse.parser, on_text);
    XML_SetEntityDeclHandler(parse.parser, on_entity);
    fine = XML_Parse(parse.parser, text, (int)size, XML_TRUE) == XML_STATUS_OK;
    if (!fine)
        describe(&parse, problem);
    XML_ParserFree(parse.parser);
    *count = parse.count;
    if (fine && !parse.root)
        problem->text = "the document is of another namespace";
    return fine ? parse.root : NULL;
}

const char *smew__xml_attribute(const struct smew__element *element, const char *name)
{
    for (const struct smew__attribute *at = element->attributes; at->name; at++)
        if (strcmp(at->name, name) == 0)
            return at->value;
    return NULL;
}
