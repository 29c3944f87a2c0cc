/* SPDX-License-Identifier: MIT */

/*
 * Values: readers for programs, JSON text, and constructors for the loader.
 */

#include "chart/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum smew_value_type smew_value_type(const struct smew_value *value)
{
    return value ? value->type : SMEW_VALUE_NULL;
}

bool smew_value_bool(const struct smew_value *value, bool otherwise)
{
    return smew_value_type(value) == SMEW_VALUE_BOOL ? value->as.truth : otherwise;
}

double smew_value_number(const struct smew_value *value, double otherwise)
{
    return smew_value_type(value) == SMEW_VALUE_NUMBER ? value->as.number : otherwise;
}

const char *smew_value_string(const struct smew_value *value, const char *otherwise)
{
    return smew_value_type(value) == SMEW_VALUE_STRING ? value->as.text : otherwise;
}

static bool has_members(const struct smew_value *value)
{
    enum smew_value_type type = smew_value_type(value);

    return type == SMEW_VALUE_ARRAY || type == SMEW_VALUE_OBJECT;
}

size_t smew_value_count(const struct smew_value *value)
{
    return has_members(value) ? value->count : 0;
}

const struct smew_value *smew_value_at(const struct smew_value *value, size_t index)
{
    return index < smew_value_count(value) ? value->as.members[index].value : NULL;
}

const char *smew_value_key(const struct smew_value *value, size_t index)
{
    if (smew_value_type(value) != SMEW_VALUE_OBJECT || index >= value->count)
        return NULL;
    return value->as.members[index].key;
}

struct smew__member *smew__value_member(const struct smew_value *value, const char *key)
{
    if (smew_value_type(value) != SMEW_VALUE_OBJECT || !key)
        return NULL;
    for (uint32_t i = 0; i < value->count; i++)
        if (strcmp(value->as.members[i].key, key) == 0)
            return &value->as.members[i];
    return NULL;
}

const struct smew_value *smew_value_get(const struct smew_value *value, const char *key)
{
    const struct smew__member *member = smew__value_member(value, key);

    return member ? member->value : NULL;
}

/* A number's significant digits, and where its decimal point stands: 12.5 is "125" and 2. */
struct decimal {
    char digits[24];
    int count;
    int point;
};

/*
 * The fewest digits that read back as the same double.  printf's text is taken apart, so that
 * neither its exponent's form nor the locale's decimal point matters.
 */
static struct decimal shortest(double number)
{
    struct decimal decimal = {.count = 0};
    char text[40];
    int digits = number < 1e-300 ? 1 : 15; /* denormal numbers have fewer */

    do
        (void)snprintf(text, sizeof text, "%.*e", digits - 1, number);
    while (strtod(text, NULL) != number && ++digits <= 17);
    char *exponent = strchr(text, 'e');
    for (const char *at = text; at < exponent; at++)
        if (*at >= '0' && *at <= '9')
            decimal.digits[decimal.count++] = *at;
    while (decimal.count > 1 && decimal.digits[decimal.count - 1] == '0')
        decimal.count--;
    decimal.digits[decimal.count] = '\0';
    decimal.point = (int)strtol(exponent + 1, NULL, 10) + 1;
    return decimal;
}

/* ECMA-262, Number::toString. */
void smew__number_text(double number, char text[SMEW__NUMBER_TEXT])
{
    size_t size = SMEW__NUMBER_TEXT;
    const char *sign = number < 0 ? "-" : "";

    if (!isfinite(number) || number == 0) { /* JSON has no word for NaN and infinity */
        (void)snprintf(text, size, "%s", isfinite(number) ? "0" : "null");
        return;
    }
    struct decimal it = shortest(fabs(number));
    const char *digits = it.digits;
    if (it.count <= it.point && it.point <= 21)
        (void)snprintf(text, size, "%s%s%.*s", sign, digits, it.point - it.count,
                       "00000000000000000000");
    else if (0 < it.point && it.point <= 21)
        (void)snprintf(text, size, "%s%.*s.%s", sign, it.point, digits, digits + it.point);
    else if (-6 < it.point && it.point <= 0)
        (void)snprintf(text, size, "%s0.%.*s%s", sign, -it.point, "000000", digits);
    else
        (void)snprintf(text, size, "%s%.1s%s%se%+d", sign, digits, it.count > 1 ? "." : "",
                       digits + 1, it.point - 1);
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Digits that have no room count as zeros; answers how many there were. */
static int read_digits(const char **at, uint64_t *digits, int *dropped)
{
    int count = 0;

    for (; is_digit(**at); ++*at, count++) {
        if (*digits > (UINT64_MAX - 9) / 10)
            ++*dropped;
        else
            *digits = *digits * 10 + (uint64_t)(**at - '0');
    }
    return count;
}

/* 'e' and digits, or nothing of it.  Larger ones than any double's are cut. */
static int read_exponent(const char **at)
{
    const char *digit = *at;
    int exponent = 0;

    if (*digit != 'e' && *digit != 'E')
        return 0;
    digit++;
    bool negative = *digit == '-';
    digit += *digit == '-' || *digit == '+';
    if (!is_digit(*digit))
        return 0;
    for (; is_digit(*digit); digit++)
        exponent = exponent < 1000 ? exponent * 10 + (*digit - '0') : exponent;
    *at = digit;
    return negative ? -exponent : exponent;
}

double smew__number_read(const char *text, const char **end)
{
    const char *at = text + (*text == '-' || *text == '+');
    uint64_t digits = 0;
    int dropped = 0;
    int whole = read_digits(&at, &digits, &dropped);
    int places = 0;
    double scale = 1;

    if (*at == '.' && (whole > 0 || is_digit(at[1]))) {
        at++;
        places = read_digits(&at, &digits, &dropped);
    }
    *end = text;
    if (whole + places == 0)
        return 0;
    int exponent = read_exponent(&at) + dropped - places;
    for (int i = exponent < 0 ? -exponent : exponent; i > 0 && isfinite(scale); i--)
        scale *= 10;
    double number = 0;
    if (digits > 0)
        number = exponent < 0 ? (double)digits / scale : (double)digits * scale;
    *end = at;
    return *text == '-' ? -number : number;
}

static void write_members(const struct smew_value *value, struct smew__text *out)
{
    bool object = value->type == SMEW_VALUE_OBJECT;

    smew__text_string(out, object ? "{" : "[");
    for (uint32_t i = 0; i < value->count; i++) {
        if (i > 0)
            smew__text_string(out, ",");
        if (object) {
            smew__text_json(out, value->as.members[i].key);
            smew__text_string(out, ":");
        }
        smew__value_write(value->as.members[i].value, out);
    }
    smew__text_string(out, object ? "}" : "]");
}

/* Recursive: the loader bounds how deep a value may be (SMEW__DEPTH_MAX). */
void smew__value_write(const struct smew_value *value, struct smew__text *out)
{
    char number[SMEW__NUMBER_TEXT];

    switch (smew_value_type(value)) {
    case SMEW_VALUE_NULL:
        smew__text_string(out, "null");
        break;
    case SMEW_VALUE_BOOL:
        smew__text_string(out, value->as.truth ? "true" : "false");
        break;
    case SMEW_VALUE_NUMBER:
        smew__number_text(value->as.number, number);
        smew__text_string(out, number);
        break;
    case SMEW_VALUE_STRING:
        smew__text_json(out, value->as.text);
        break;
    case SMEW_VALUE_ARRAY:
    case SMEW_VALUE_OBJECT:
        write_members(value, out);
        break;
    }
}

size_t smew_value_json(const struct smew_value *value, char *buffer, size_t size_bytes)
{
    struct smew__text out = smew__text_into(buffer, size_bytes);

    smew__value_write(value, &out);
    return out.length;
}

/* ---- the loader's constructors ------------------------------------------------------- */

static struct smew_value *make(struct smew__arena *arena, enum smew_value_type type)
{
    struct smew_value *value = smew__arena_alloc(arena, sizeof *value);

    if (value)
        value->type = type;
    return value;
}

struct smew_value *smew__value_null(struct smew__arena *arena)
{
    return make(arena, SMEW_VALUE_NULL);
}

struct smew_value *smew__value_of_bool(struct smew__arena *arena, bool truth)
{
    struct smew_value *value = make(arena, SMEW_VALUE_BOOL);

    if (value)
        value->as.truth = truth;
    return value;
}

struct smew_value *smew__value_of_number(struct smew__arena *arena, double number)
{
    struct smew_value *value = make(arena, SMEW_VALUE_NUMBER);

    if (value)
        value->as.number = number;
    return value;
}

struct smew_value *smew__value_of_text(struct smew__arena *arena, const char *text)
{
    struct smew_value *value = make(arena, SMEW_VALUE_STRING);
    char *copy = smew__arena_text(arena, text, strlen(text));

    if (!value || !copy)
        return NULL;
    value->as.text = copy;
    return value;
}

struct smew_value *smew__value_of_members(struct smew__arena *arena, enum smew_value_type type,
                                          uint32_t count)
{
    struct smew_value *value = make(arena, type);

    if (!value)
        return NULL;
    if (count > 0) {
        value->as.members = smew__arena_alloc(arena, count * sizeof *value->as.members);
        if (!value->as.members)
            return NULL;
    }
    value->count = count;
    return value;
}
