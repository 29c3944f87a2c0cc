/* SPDX-License-Identifier: MIT */

/*
 * Conditions without a script: the null data model's In(), and what joins such predicates.
 *
 *     or  = and { "||" and }     and = not { "&&" not }
 *     not = "!" not | "(" or ")" | "In(" "'id'" ")" | "true" | "false"
 *
 * Anything else is an expression of a script.  The recursion is bounded.
 */

#include <string.h>

#include "chart/load_scxml.h"

struct cond {
    struct smew__loader *loader;
    const struct smew__element *element;
    const char *at;
    unsigned depth;
};

static bool parse_or(struct cond *cond, uint32_t *guard);

static bool starts(struct cond *cond, const char *token)
{
    size_t size = strlen(token);

    cond->at += strspn(cond->at, " \t\r\n");
    if (strncmp(cond->at, token, size) != 0)
        return false;
    cond->at += size;
    return true;
}

static bool add(struct cond *cond, const struct smew__guard *made, uint32_t *guard)
{
    *guard = SMEW__COUNT(cond->loader->guards, struct smew__guard);
    return smew__push(cond->loader, &cond->loader->guards, made, sizeof *made);
}

static bool combine(struct cond *cond, enum smew__guard_kind kind, const uint32_t *operands,
                    uint32_t count, uint32_t *guard)
{
    struct smew__guard made = {.kind = kind,
                               .operands = {SMEW__COUNT(cond->loader->operands, uint32_t), count}};

    if (count > 0 &&
        !smew__push(cond->loader, &cond->loader->operands, operands, count * sizeof *operands))
        return false;
    return add(cond, &made, guard);
}

/* Behind "In(". */
static bool parse_in(struct cond *cond, uint32_t *guard)
{
    struct smew__guard made = {.kind = SMEW__GUARD_IN};
    char id[SMEW__NAME_MAX + 2] = "#";
    uint16_t state;
    char quote;

    cond->at += strspn(cond->at, " \t\r\n");
    quote = *cond->at;
    const char *end = quote == '\'' || quote == '"' ? strchr(cond->at + 1, quote) : NULL;
    if (!end || end - cond->at > SMEW__NAME_MAX)
        return smew__refuse_script(cond->loader, cond->element);
    memcpy(id, cond->at + 1, (size_t)(end - cond->at - 1));
    id[end - cond->at - 1] = '\0';
    cond->at = end + 1;
    if (!starts(cond, ")"))
        return smew__refuse_script(cond->loader, cond->element);
    state = smew__state_of_id(cond->loader, id, strlen(id));
    if (state == SMEW__NO_STATE)
        return smew__refuse(cond->loader, SMEW_SYNTAX, smew__place(cond->element),
                            "In(): there is no state \"%.100s\"", id);
    made.state = state;
    return add(cond, &made, guard);
}

static bool parse_not(struct cond *cond, uint32_t *guard)
{
    uint32_t operand;

    *guard = SMEW__NONE;
    if (++cond->depth > SMEW__DEPTH_MAX)
        return smew__refuse(cond->loader, SMEW_LIMIT, smew__place(cond->element),
                            "a condition nests more than %d levels deep", SMEW__DEPTH_MAX);
    bool fine;
    if (starts(cond, "!"))
        fine = parse_not(cond, &operand) && combine(cond, SMEW__GUARD_NOT, &operand, 1, guard);
    else if (starts(cond, "("))
        fine = parse_or(cond, guard) &&
               (starts(cond, ")") || smew__refuse_script(cond->loader, cond->element));
    else if (starts(cond, "In("))
        fine = parse_in(cond, guard);
    else if (starts(cond, "true"))
        fine = combine(cond, SMEW__GUARD_AND, NULL, 0, guard);
    else if (starts(cond, "false"))
        fine = combine(cond, SMEW__GUARD_OR, NULL, 0, guard);
    else
        fine = smew__refuse_script(cond->loader, cond->element);
    cond->depth--;
    return fine;
}

static bool parse_and(struct cond *cond, uint32_t *guard)
{
    uint32_t operands[2];

    if (!parse_not(cond, guard))
        return false;
    while (starts(cond, "&&")) {
        operands[0] = *guard;
        if (!parse_not(cond, &operands[1]) || !combine(cond, SMEW__GUARD_AND, operands, 2, guard))
            return false;
    }
    return true;
}

static bool parse_or(struct cond *cond, uint32_t *guard)
{
    uint32_t operands[2];

    if (!parse_and(cond, guard))
        return false;
    while (starts(cond, "||")) {
        operands[0] = *guard;
        if (!parse_and(cond, &operands[1]) || !combine(cond, SMEW__GUARD_OR, operands, 2, guard))
            return false;
    }
    return true;
}

/* Looks at no more than the words: the parser says what is wrong with their order. */
bool smew__scxml_is_plain(const char *cond)
{
    static const char *const words[] = {"true", "false", "!", "(", ")", "||", "&&"};

    while (*(cond += strspn(cond, " \t\r\n"))) {
        size_t i = 0;

        if (strncmp(cond, "In(", 3) == 0) {
            const char *id = cond + 3 + strspn(cond + 3, " \t\r\n");
            const char *end = *id == '\'' || *id == '"' ? strchr(id + 1, *id) : NULL;

            if (!end || strcspn(end + 1, ")") != strspn(end + 1, " \t\r\n"))
                return false;
            cond = strchr(end, ')');
            if (!cond)
                return false;
            cond++;
            continue;
        }
        while (i < sizeof words / sizeof *words && strncmp(cond, words[i], strlen(words[i])) != 0)
            i++;
        if (i == sizeof words / sizeof *words)
            return false;
        cond += strlen(words[i]);
    }
    return true;
}

static bool load_expression(struct cond *cond, uint32_t *guard)
{
    struct smew__script script = {.kind = SMEW__SCRIPT_VALUE};
    struct smew__guard made = {.kind = SMEW__GUARD_SCRIPT};

    if (!smew__load_code(cond->loader, cond->at, &script.value.code))
        return false;
    made.script = smew__load_script(cond->loader, &script);
    return made.script && add(cond, &made, guard);
}

bool smew__scxml_cond(struct smew__loader *loader, const struct smew__element *element,
                      uint32_t *guard)
{
    struct cond cond = {
        .loader = loader, .element = element, .at = smew__xml_attribute(element, "cond")};

    *guard = SMEW__NONE;
    if (!cond.at)
        return true;
    if (loader->chart->scripted && !smew__scxml_is_plain(cond.at))
        return load_expression(&cond, guard);
    return parse_or(&cond, guard) &&
           (starts(&cond, "") && *cond.at == '\0' ? true : smew__refuse_script(loader, element));
}
