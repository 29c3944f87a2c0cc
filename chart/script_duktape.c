/* SPDX-License-Identifier: MIT */

/*
 * ECMAScript 5.1 and some of 6, by Duktape: the jobs that texts are run in.
 *
 * Each call fills in a job and runs it in a window (chart/duktape/window.h), where an error may
 * leave it anywhere: a job owns nothing.  Compiled texts are kept in the engine's stash by their
 * numbers.
 */

#include "chart/script.h"

#include <duktape.h>
#include <math.h>
#include <string.h>

#include "chart/duktape/window.h"

/* Where in the cache an expression's place is: behind all expressions. */
static const uint32_t places = UINT32_C(1) << 30;

/* ---- texts --------------------------------------------------------------------------- */

/* Duktape's strings hold characters beyond 16 bits as two surrogates of three bytes each, as
   JavaScript counts; UTF-8 does not.  A surrogate without its other half becomes U+FFFD. */
static bool is_surrogate(const unsigned char *at, size_t rest, unsigned char least)
{
    return rest >= 3 && at[0] == 0xED && at[1] >= least && at[1] < least + 0x10 &&
           (at[2] & 0xC0) == 0x80;
}

static void append_utf8(struct smew__buffer *to, const char *text, size_t size)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t plain = 0;

    for (size_t i = 0; i < size;) {
        unsigned char four[4];

        if (!is_surrogate(at + i, size - i, 0xA0) && !is_surrogate(at + i, size - i, 0xB0)) {
            i++;
            continue;
        }
        smew__buffer_append(to, at + plain, i - plain);
        if (is_surrogate(at + i, size - i, 0xA0) && is_surrogate(at + i + 3, size - i - 3, 0xB0)) {
            uint32_t high = (uint32_t)(at[i + 1] & 0x0F) << 6 | (at[i + 2] & 0x3F);
            uint32_t low = (uint32_t)(at[i + 4] & 0x0F) << 6 | (at[i + 5] & 0x3F);
            uint32_t code = 0x10000 + (high << 10) + low;

            four[0] = (unsigned char)(0xF0 | code >> 18);
            four[1] = (unsigned char)(0x80 | (code >> 12 & 0x3F));
            four[2] = (unsigned char)(0x80 | (code >> 6 & 0x3F));
            four[3] = (unsigned char)(0x80 | (code & 0x3F));
            smew__buffer_append(to, four, 4);
            i += 6;
        } else {
            smew__buffer_text(to, "\xEF\xBF\xBD");
            i += 3;
        }
        plain = i;
    }
    smew__buffer_append(to, at + plain, size - plain);
    smew__buffer_append(to, "", 1);
    to->size -= !to->failed;
}

/* Takes the value on top of the stack.  False: it is too big, or holds what C cannot. */
static bool take(duk_context *context, struct smew__script_result *result)
{
    duk_size_t size = 0;
    const char *text;

    result->type = SMEW__SCRIPT_NOTHING;
    smew__buffer_clear(&result->text);
    if (duk_is_boolean(context, -1)) {
        result->type = SMEW__SCRIPT_BOOL;
        result->truth = duk_get_boolean(context, -1) != 0;
    } else if (duk_is_number(context, -1) && isfinite(duk_get_number(context, -1))) {
        result->type = SMEW__SCRIPT_NUMBER;
        result->number = duk_get_number(context, -1);
    } else if (!duk_is_undefined(context, -1) && !duk_is_function(context, -1)) {
        result->type = duk_is_string(context, -1) && !duk_is_symbol(context, -1)
                           ? SMEW__SCRIPT_STRING
                           : SMEW__SCRIPT_JSON;
        text = result->type == SMEW__SCRIPT_STRING ? duk_get_lstring(context, -1, &size)
                                                   : duk_json_encode(context, -1);
        if (!text)
            result->type = SMEW__SCRIPT_NOTHING;
        else if (result->type == SMEW__SCRIPT_JSON)
            (void)duk_get_lstring(context, -1, &size);
        if (size > SMEW__SCRIPT_TEXT_BYTES || (text && memchr(text, 0, size)))
            return false;
        if (text)
            append_utf8(&result->text, text, size);
    }
    return true;
}

static void take_or_throw(duk_context *context, struct smew__script_job *job)
{
    if (!take(context, job->result)) {
        job->too_big = true;
        (void)duk_error(context, DUK_ERR_RANGE_ERROR, "the value is too big, or holds a NUL");
    }
    if (job->result->text.failed) {
        job->session->starved = true;
        (void)duk_error(context, DUK_ERR_ERROR, "no memory");
    }
}

/* UTF-8 as JavaScript has it: what takes four bytes becomes two surrogates. */
static void push_utf8(duk_context *context, const char *text, size_t size)
{
    const unsigned char *from = (const unsigned char *)text;
    size_t wide = 0;

    for (size_t i = 0; i < size; i++)
        wide += from[i] >= 0xF0;
    if (wide == 0) {
        (void)duk_push_lstring(context, text, size);
        return;
    }
    unsigned char *to = duk_push_fixed_buffer(context, size + 2 * wide);
    size_t at = 0;
    for (size_t i = 0; i < size; i++) {
        uint32_t code;

        if (from[i] < 0xF0 || size - i < 4) {
            to[at++] = from[i];
            continue;
        }
        code = (uint32_t)(from[i] & 7) << 18 | (uint32_t)(from[i + 1] & 0x3F) << 12 |
               (uint32_t)(from[i + 2] & 0x3F) << 6 | (from[i + 3] & 0x3F);
        code -= 0x10000;
        to[at++] = 0xED;
        to[at++] = (unsigned char)(0xA0 | (code >> 16 & 0x0F));
        to[at++] = (unsigned char)(0x80 | (code >> 10 & 0x3F));
        to[at++] = 0xED;
        to[at++] = (unsigned char)(0xB0 | (code >> 6 & 0x0F));
        to[at++] = (unsigned char)(0x80 | (code & 0x3F));
        i += 3;
    }
    (void)duk_push_lstring(context, (const char *)to, at);
    duk_remove(context, -2);
}

/* ---- code ---------------------------------------------------------------------------- */

/* Pushes `before TEXT after`, compiled; from the cache where the text has a number. */
static void push_compiled(duk_context *context, struct smew__code code, const char *before,
                          const char *after, duk_uint_t flags)
{
    bool kept = code.number != SMEW__CODE_NONE;

    duk_push_global_stash(context);
    if (kept && duk_get_prop_index(context, -1, code.number)) {
        duk_remove(context, -2);
        return;
    }
    if (kept)
        duk_pop(context);
    (void)duk_push_string(context, before);
    push_utf8(context, code.text, strlen(code.text));
    (void)duk_push_string(context, after);
    duk_concat(context, 3);
    (void)duk_push_string(context, "script");
    duk_compile(context, flags);
    if (kept) {
        duk_dup_top(context);
        (void)duk_put_prop_index(context, -3, code.number);
    }
    duk_remove(context, -2);
}

/* An expression: the line ends keep a comment of its own from reaching ours. */
static void evaluate(duk_context *context, struct smew__code code)
{
    push_compiled(context, code, "function(){return (", "\n);}", DUK_COMPILE_FUNCTION);
    duk_call(context, 0);
}

static duk_ret_t job_run(duk_context *context, void *data)
{
    struct smew__script_job *job = data;

    push_compiled(context, job->code, "", "\n", 0);
    duk_call(context, 0);
    return 0;
}

static duk_ret_t job_test(duk_context *context, void *data)
{
    struct smew__script_job *job = data;

    evaluate(context, job->code);
    job->truth = duk_to_boolean(context, -1) != 0;
    return 0;
}

static duk_ret_t job_value(duk_context *context, void *data)
{
    struct smew__script_job *job = data;

    evaluate(context, job->code);
    take_or_throw(context, job);
    return 0;
}

/* In strict code an assignment makes no new variable. */
static void put(duk_context *context, const char *place, uint32_t number)
{
    struct smew__code code = {place, number};

    push_compiled(context, code, "function(v){'use strict';(", "\n)=v;}", DUK_COMPILE_FUNCTION);
    duk_insert(context, -2);
    duk_call(context, 1);
    duk_pop(context);
}

static duk_ret_t job_assign(duk_context *context, void *data)
{
    struct smew__script_job *job = data;

    evaluate(context, job->code);
    put(context, job->name,
        job->code.number == SMEW__CODE_NONE ? SMEW__CODE_NONE : job->code.number + places);
    return 0;
}

/* W3C's _event has all of its members, whatever is known. */
static void fill_event(duk_context *context)
{
    static const char *const members[] = {"name",       "type",     "sendid", "origin",
                                          "origintype", "invokeid", "data"};

    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (duk_has_prop_string(context, -1, members[i]))
            continue;
        duk_push_undefined(context);
        (void)duk_put_prop_string(context, -2, members[i]);
    }
}

static duk_ret_t job_set(duk_context *context, void *data)
{
    struct smew__script_job *job = data;
    duk_uint_t flags = job->system ? DUK_DEFPROP_HAVE_VALUE | DUK_DEFPROP_FORCE |
                                         DUK_DEFPROP_CLEAR_WE | DUK_DEFPROP_SET_CONFIGURABLE
                                   : DUK_DEFPROP_HAVE_VALUE | DUK_DEFPROP_SET_WRITABLE |
                                         DUK_DEFPROP_SET_ENUMERABLE;

    duk_push_global_object(context);
    (void)duk_push_string(context, job->name);
    if (job->json) {
        push_utf8(context, job->json, job->size);
        duk_json_decode(context, -1);
    } else {
        duk_push_undefined(context);
    }
    if (job->json && strcmp(job->name, "_event") == 0)
        fill_event(context);
    if (job->system && duk_is_object(context, -1))
        duk_freeze(context, -1);
    duk_def_prop(context, -3, flags);
    return 0;
}

/* ---- lists --------------------------------------------------------------------------- */

/* Declares a variable as a script would; one that is there is left as it is. */
static void declare(duk_context *context, const char *name)
{
    struct smew__code code = {name, SMEW__CODE_NONE};

    push_compiled(context, code, "var ", "\n;", 0);
    duk_call(context, 0);
    duk_pop(context);
}

/* Where a list that is gone through is kept: behind the cache, by its depth. */
static void push_list_key(duk_context *context, uint32_t depth)
{
    (void)duk_push_sprintf(context, "list %lu", (unsigned long)depth);
}

/* A copy: what happens to the list meanwhile does not matter. */
static duk_ret_t job_each(duk_context *context, void *data)
{
    struct smew__script_job *job = data;

    declare(context, job->name);
    if (job->index)
        declare(context, job->index);
    duk_push_global_stash(context);
    push_list_key(context, job->depth);
    evaluate(context, job->code);
    if (!duk_is_array(context, -1))
        return duk_error(context, DUK_ERR_TYPE_ERROR, "what <foreach> goes through is no array");
    duk_size_t count = duk_get_length(context, -1);
    if (count > SMEW__LIST_MAX) {
        job->too_big = true;
        return duk_error(context, DUK_ERR_RANGE_ERROR, "an array of more than 100000 elements");
    }
    (void)duk_push_array(context);
    for (duk_uarridx_t i = 0; i < count; i++) {
        (void)duk_get_prop_index(context, -2, i);
        (void)duk_put_prop_index(context, -2, i);
    }
    duk_remove(context, -2);
    (void)duk_put_prop(context, -3);
    job->count = (uint32_t)count;
    return 0;
}

static duk_ret_t job_next(duk_context *context, void *data)
{
    struct smew__script_job *job = data;

    duk_push_global_stash(context);
    push_list_key(context, job->depth);
    (void)duk_get_prop(context, -2);
    (void)duk_get_prop_index(context, -1, job->at);
    put(context, job->name, SMEW__CODE_NONE);
    if (job->index) {
        duk_push_uint(context, job->at);
        put(context, job->index, SMEW__CODE_NONE);
    }
    return 0;
}

/* The variable whose name is on top of the stack. */
static duk_ret_t take_variable(duk_context *context, void *data)
{
    struct smew__script_job *job = data;

    duk_push_global_object(context);
    duk_insert(context, -2);
    (void)duk_get_prop(context, -2);
    if (!take(context, job->result))
        job->result->type = SMEW__SCRIPT_NOTHING;
    return 0;
}

/* A getter or a toJSON that throws, a value with itself inside: none is in the others' way. */
static duk_ret_t job_list(duk_context *context, void *data)
{
    struct smew__script_job *job = data;

    duk_push_global_object(context);
    duk_enum(context, -1, DUK_ENUM_OWN_PROPERTIES_ONLY);
    while (job->visited == SMEW_OK && duk_next(context, -1, 0)) {
        duk_dup_top(context);
        job->session->refused = false;
        if (duk_safe_call(context, take_variable, job, 1, 1) != DUK_EXEC_SUCCESS) {
            if (smew__window_is_used_up(job->session))
                return duk_throw(context);
            job->result->type = SMEW__SCRIPT_NOTHING;
        }
        duk_pop(context);
        if (job->result->text.failed)
            job->visited = SMEW_NO_MEMORY;
        else
            job->visited = job->visit(job->user, duk_get_string(context, -1), job->result);
        duk_pop(context);
    }
    return 0;
}

/* ---- sessions ------------------------------------------------------------------------ */

static duk_ret_t ask_in(duk_context *context)
{
    const struct smew__script_host *host = &smew__window_session()->host;
    const char *state = duk_to_string(context, 0);

    duk_push_boolean(context, host->in && host->in(host->owner, state));
    return 1;
}

static duk_ret_t job_create(duk_context *context, void *data)
{
    (void)data;
    duk_push_global_object(context);
    (void)duk_push_string(context, "In");
    (void)duk_push_c_function(context, ask_in, 1);
    duk_def_prop(context, -3, DUK_DEFPROP_HAVE_VALUE | DUK_DEFPROP_CLEAR_WEC);
    (void)duk_del_prop_string(context, -1, "Duktape"); /* finalizers, the engine's own threads */
    (void)duk_del_prop_string(context, -1, "performance"); /* a clock */
    return 0;
}

static enum smew_status create(const struct smew__script_host *host,
                               struct smew__script_session **session)
{
    struct smew__script_job job = {.run = job_create};
    struct smew__script_session *made;
    enum smew_status status = smew__window_create(host, &made);

    if (status != SMEW_OK)
        return status;
    status = smew__window_run(made, &job);
    if (status != SMEW_OK)
        smew__window_destroy(made);
    else
        *session = made;
    return status;
}

/* ---- the table ----------------------------------------------------------------------- */

static enum smew_status run(struct smew__script_session *session, struct smew__code code)
{
    struct smew__script_job job = {.run = job_run, .code = code};

    return smew__window_run(session, &job);
}

static enum smew_status test(struct smew__script_session *session, struct smew__code code,
                             bool *truth)
{
    struct smew__script_job job = {.run = job_test, .code = code};
    enum smew_status status = smew__window_run(session, &job);

    *truth = status == SMEW_OK && job.truth;
    return status;
}

static enum smew_status with_size(const struct smew__script_job *job, enum smew_status status)
{
    return status == SMEW_REJECTED && job->too_big ? SMEW_LIMIT : status;
}

static enum smew_status value(struct smew__script_session *session, struct smew__code code,
                              struct smew__script_result *result)
{
    struct smew__script_job job = {.run = job_value, .code = code, .result = result};

    return with_size(&job, smew__window_run(session, &job));
}

static enum smew_status set(struct smew__script_session *session, const char *name,
                            const char *json, size_t size, bool system)
{
    struct smew__script_job job = {
        .run = job_set, .name = name, .json = json, .size = size, .system = system};

    return smew__window_run(session, &job);
}

static enum smew_status assign(struct smew__script_session *session, const char *place,
                               struct smew__code code)
{
    struct smew__script_job job = {.run = job_assign, .name = place, .code = code};

    return smew__window_run(session, &job);
}

static enum smew_status each(struct smew__script_session *session, struct smew__code code,
                             const char *item, const char *index, uint32_t depth, uint32_t *count)
{
    struct smew__script_job job = {
        .run = job_each, .code = code, .name = item, .index = index, .depth = depth};
    enum smew_status status = with_size(&job, smew__window_run(session, &job));

    *count = job.count;
    return status;
}

static enum smew_status next(struct smew__script_session *session, const char *item,
                             const char *index, uint32_t depth, uint32_t at)
{
    struct smew__script_job job = {
        .run = job_next, .name = item, .index = index, .depth = depth, .at = at};

    return smew__window_run(session, &job);
}

static enum smew_status list(struct smew__script_session *session,
                             enum smew_status (*visit)(void *user, const char *name,
                                                       const struct smew__script_result *result),
                             void *user)
{
    struct smew__script_result result;
    struct smew__script_job job = {
        .run = job_list, .result = &result, .visit = visit, .user = user};
    enum smew_status status;

    smew__buffer_init(&result.text);
    status = smew__window_run(session, &job);
    smew__buffer_fini(&result.text);
    return status == SMEW_OK ? job.visited : status;
}

static const char *reason(const struct smew__script_session *session)
{
    return session->reason;
}

const struct smew__script_engine *smew__script_engine(void)
{
    static const struct smew__script_engine duktape = {.language = "ecmascript",
                                                       .create = create,
                                                       .destroy = smew__window_destroy,
                                                       .run = run,
                                                       .test = test,
                                                       .value = value,
                                                       .set = set,
                                                       .assign = assign,
                                                       .each = each,
                                                       .next = next,
                                                       .list = list,
                                                       .reason = reason};

    return &duktape;
}
