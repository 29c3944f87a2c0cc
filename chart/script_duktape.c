/* SPDX-License-Identifier: MIT */

/*
 * ECMAScript 5.1 and some of 6, by Duktape.
 *
 * Happy path: each call opens a *window*, in which the engine may run, and closes it.  In the
 * window the engine's hooks (chart/duktape/duk_config.h) count its steps down.
 *
 * Failure modes, from mild to wild:
 *   - What a text throws ends at duk_safe_call() and is REJECTED.
 *   - Steps that are used up make Duktape throw something that no text can catch: LIMIT.  Memory
 *     beyond the session's is refused, which a text may catch; what is left counts all the same.
 *   - Some loops are in the engine itself, where it cannot throw.  When a reserve of steps is used
 *     up as well, the tick leaves the window by longjmp.  The engine's insides are then in the
 *     middle of something, so nothing of them is used again: the session is STOPPED, and its
 *     memory, which is a list of blocks of our own, is freed as it lies.  An engine that gives up
 *     (duk_fatal) ends in the same way.
 *
 * Code of ours that runs in a window owns nothing that a longjmp could lose: what must survive it
 * belongs to the session or to the caller.
 */

#include "chart/script.h"

#include <duktape.h>
#include <math.h>
#include <setjmp.h>
#include <string.h>

#include "base/alloc.h"

enum {
    STACK_BYTES = 256 * 1024, /* of the thread's, below where the window was opened */
    CHARGE_BYTES = 64,        /* that are moved, compared or allocated in one step */
    LIST_MAX = 100000,        /* elements that <foreach> goes through */
    REASON_SIZE = 200
};
/* What the engine may go on for after the steps are used up, to throw or to finish what it does. */
static const int64_t reserve = INT64_C(20000000);

/* Before each piece of the session's memory; malloc's alignment is kept. */
struct block {
    struct block *next;
    struct block *previous;
    size_t size;
    size_t unused;
};

struct smew__script_session {
    struct smew__script_host host;
    duk_context *context;
    struct block blocks; /* a ring, this one included */
    size_t used_bytes;
    uint64_t chance;
    jmp_buf out;
    const char *stack; /* where the window was opened */
    bool dead;
    bool refused; /* in this window: memory of the session's own limit … */
    bool starved; /* … or of the host */
    char reason[REASON_SIZE];
};

/* What a window does, and with what. */
struct job {
    struct smew__script_session *session;
    duk_ret_t (*run)(duk_context *context, void *job);
    struct smew__code code;
    const char *name;  /* of a variable or place */
    const char *index; /* of another one */
    const char *json;
    size_t size;
    uint32_t depth;
    uint32_t at;
    bool system;
    bool truth;
    bool too_big;
    uint32_t count;
    struct smew__script_result *result;
    enum smew_status (*visit)(void *user, const char *name,
                              const struct smew__script_result *result);
    void *user;
    enum smew_status visited;
};

static _Thread_local struct smew__script_session *window; /* that is open in this thread */
static _Thread_local int64_t left = INT64_MAX;            /* steps in it, the reserve included */

/* ---- the engine's hooks -------------------------------------------------------------- */

static void over(void)
{
    left = INT64_MAX;
    if (window)
        longjmp(window->out, 1);
}

/* gcc and clang call it in each basic block of duktape.c (-fsanitize-coverage=trace-pc). */
void smew__script_tick(void) __asm__("__sanitizer_cov_trace_pc");
void smew__script_tick(void)
{
    if (--left < 0)
        over();
}

/* Ends no window by itself: it is called where the engine would not like that. */
void smew__script_charge(size_t bytes)
{
    int64_t steps = (int64_t)(bytes / CHARGE_BYTES);

    left -= steps < left ? steps : left;
}

int smew__script_is_late(void *data)
{
    (void)data;
    return left < reserve;
}

int smew__script_is_deep(void)
{
    char here;

    return window && (window->stack - &here > STACK_BYTES || &here - window->stack > STACK_BYTES);
}

double smew__script_now(void *thread)
{
    (void)thread;
    return window && window->host.now_ns ? floor((double)*window->host.now_ns / 1e6) : 0;
}

/* splitmix64; 53 of its bits. */
double smew__script_random(void *data)
{
    struct smew__script_session *session = data;
    uint64_t bits = session->chance += UINT64_C(0x9e3779b97f4a7c15);

    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    bits ^= bits >> 31;
    return (double)(bits >> 11) * 0x1p-53;
}

/* ---- memory -------------------------------------------------------------------------- */

static bool may_have(struct smew__script_session *session, size_t more)
{
    bool fits = more <= session->host.memory_bytes &&
                session->used_bytes <= session->host.memory_bytes - more;

    smew__script_charge(fits ? more : 0);
    session->refused = session->refused || !fits;
    return fits;
}

static void link_block(struct smew__script_session *session, struct block *block, size_t size)
{
    block->size = size;
    block->previous = &session->blocks;
    block->next = session->blocks.next;
    block->next->previous = block;
    block->previous->next = block;
    session->used_bytes += size;
}

static void unlink_block(struct smew__script_session *session, struct block *block)
{
    block->next->previous = block->previous;
    block->previous->next = block->next;
    session->used_bytes -= block->size;
}

static void *allocate(void *data, duk_size_t size)
{
    struct smew__script_session *session = data;
    struct block *block = NULL;

    if (size == 0 || !may_have(session, size + sizeof *block))
        return NULL;
    block = smew__alloc(size + sizeof *block);
    if (!block) {
        session->starved = true;
        return NULL;
    }
    link_block(session, block, size + sizeof *block);
    return block + 1;
}

static void release(void *data, void *memory)
{
    struct block *block = memory;

    if (!memory)
        return;
    unlink_block(data, --block);
    smew__free(block);
}

static void *reallocate(void *data, void *memory, duk_size_t size)
{
    struct smew__script_session *session = data;
    struct block *block = memory;

    if (!memory)
        return allocate(data, size);
    if (size == 0) {
        release(data, memory);
        return NULL;
    }
    block--;
    if (size + sizeof *block > block->size &&
        !may_have(session, size + sizeof *block - block->size))
        return NULL;
    size_t old_size = block->size;
    unlink_block(session, block);
    struct block *moved = smew__realloc(block, size + sizeof *block);
    session->starved = session->starved || !moved;
    link_block(session, moved ? moved : block, moved ? size + sizeof *block : old_size);
    return moved ? moved + 1 : NULL;
}

static void free_all(struct smew__script_session *session)
{
    while (session->blocks.next != &session->blocks) {
        struct block *block = session->blocks.next;

        unlink_block(session, block);
        smew__free(block);
    }
    session->context = NULL;
}

/* ---- windows ------------------------------------------------------------------------- */

static void fatal(void *data, const char *message)
{
    struct smew__script_session *session = data;

    (void)message;
    longjmp(session->out, 1);
}

static void open_window(struct smew__script_session *session, const char *here)
{
    int64_t steps = *session->host.steps;

    window = session;
    session->stack = here;
    session->refused = false;
    session->starved = false;
    session->reason[0] = '\0';
    left = (steps > 0 ? steps : 0) + reserve;
}

static void close_window(struct smew__script_session *session, bool came_back)
{
    *session->host.steps = came_back ? left - reserve : -1;
    window = NULL;
    left = INT64_MAX;
    session->dead = session->dead || !came_back;
}

static enum smew_status outcome(const struct smew__script_session *session, bool fine, bool late)
{
    if (session->dead)
        return SMEW_STOPPED;
    if (fine)
        return SMEW_OK;
    if (session->starved)
        return SMEW_NO_MEMORY;
    return late || session->refused ? SMEW_LIMIT : SMEW_REJECTED;
}

static duk_ret_t run_job(duk_context *context, void *data)
{
    const struct job *job = data;

    duk_require_stack(context, 16);
    return job->run(context, data);
}

/* What was thrown, as text; it lies on the engine's stack. */
static void keep_reason(struct smew__script_session *session)
{
    const char *text = duk_safe_to_string(session->context, -1);
    size_t size = strlen(text);

    if (size >= REASON_SIZE)
        size = REASON_SIZE - 1;
    while (size > 0 && size == REASON_SIZE - 1 && ((unsigned char)text[size] & 0xC0) == 0x80)
        size--;
    memcpy(session->reason, text, size);
    session->reason[size] = '\0';
}

static void say(struct smew__script_session *session, const char *text)
{
    (void)strncpy(session->reason, text, REASON_SIZE - 1);
}

/* setjmp apart from everything else: no variable of the caller changes between the two returns. */
static bool run_window(struct smew__script_session *session, struct job *job, bool *fine)
{
    if (setjmp(session->out) != 0)
        return false;
    *fine = duk_safe_call(session->context, run_job, job, 0, 1) == DUK_EXEC_SUCCESS;
    if (!*fine)
        keep_reason(session);
    duk_pop(session->context);
    return true;
}

static enum smew_status in_window(struct smew__script_session *session, struct job *job)
{
    bool fine = false;
    bool late;
    char here;

    if (session->dead)
        return SMEW_STOPPED;
    job->session = session;
    open_window(session, &here);
    bool came_back = run_window(session, job, &fine);
    late = left < reserve;
    close_window(session, came_back);
    if (session->dead) {
        free_all(session);
        say(session, "the script engine did not come back in time");
    } else if (!fine && late) {
        say(session, "the script took more than its steps");
    }
    return outcome(session, fine, late);
}

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

static void take_or_throw(duk_context *context, struct job *job)
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
    struct job *job = data;

    push_compiled(context, job->code, "", "\n", 0);
    duk_call(context, 0);
    return 0;
}

static duk_ret_t job_test(duk_context *context, void *data)
{
    struct job *job = data;

    evaluate(context, job->code);
    job->truth = duk_to_boolean(context, -1) != 0;
    return 0;
}

static duk_ret_t job_value(duk_context *context, void *data)
{
    struct job *job = data;

    evaluate(context, job->code);
    take_or_throw(context, job);
    return 0;
}

/* In strict code an assignment makes no new variable. */
static void put(duk_context *context, const char *place)
{
    struct smew__code code = {place, SMEW__CODE_NONE};

    push_compiled(context, code, "function(v){'use strict';(", "\n)=v;}", DUK_COMPILE_FUNCTION);
    duk_insert(context, -2);
    duk_call(context, 1);
    duk_pop(context);
}

static duk_ret_t job_assign(duk_context *context, void *data)
{
    struct job *job = data;

    evaluate(context, job->code);
    put(context, job->name);
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
    struct job *job = data;
    duk_uint_t flags = job->system ? DUK_DEFPROP_HAVE_VALUE | DUK_DEFPROP_FORCE |
                                         DUK_DEFPROP_CLEAR_WEC | DUK_DEFPROP_SET_CONFIGURABLE
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
    struct job *job = data;

    declare(context, job->name);
    if (job->index)
        declare(context, job->index);
    duk_push_global_stash(context);
    push_list_key(context, job->depth);
    evaluate(context, job->code);
    if (!duk_is_array(context, -1))
        return duk_error(context, DUK_ERR_TYPE_ERROR, "what <foreach> goes through is no array");
    duk_size_t count = duk_get_length(context, -1);
    if (count > LIST_MAX) {
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
    struct job *job = data;

    duk_push_global_stash(context);
    push_list_key(context, job->depth);
    (void)duk_get_prop(context, -2);
    (void)duk_get_prop_index(context, -1, job->at);
    put(context, job->name);
    if (job->index) {
        duk_push_uint(context, job->at);
        put(context, job->index);
    }
    return 0;
}

static duk_ret_t job_list(duk_context *context, void *data)
{
    struct job *job = data;

    duk_push_global_object(context);
    duk_enum(context, -1, DUK_ENUM_OWN_PROPERTIES_ONLY);
    while (job->visited == SMEW_OK && duk_next(context, -1, 0)) {
        const char *name = duk_get_string(context, -1);

        (void)duk_get_prop_string(context, -3, name);
        if (take(context, job->result))
            job->visited = job->visit(job->user, name, job->result);
        if (job->result->text.failed)
            job->visited = SMEW_NO_MEMORY;
        duk_pop_2(context);
    }
    return 0;
}

/* ---- sessions ------------------------------------------------------------------------ */

static duk_ret_t ask_in(duk_context *context)
{
    const char *state = duk_to_string(context, 0);

    duk_push_boolean(context, window->host.in && window->host.in(window->host.owner, state));
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

static bool make_heap(struct smew__script_session *session)
{
    if (setjmp(session->out) != 0)
        return false;
    session->context = duk_create_heap(allocate, reallocate, release, session, fatal);
    return session->context != NULL;
}

static void destroy(struct smew__script_session *session)
{
    if (session)
        free_all(session);
    smew__free(session);
}

static enum smew_status create(const struct smew__script_host *host,
                               struct smew__script_session **session)
{
    struct smew__script_session *made = smew__calloc(1, sizeof *made);
    struct job job = {.run = job_create};
    enum smew_status status = SMEW_LIMIT;

    if (!made)
        return SMEW_NO_MEMORY;
    made->host = *host;
    made->chance = host->seed;
    made->blocks.next = &made->blocks;
    made->blocks.previous = &made->blocks;
    if (make_heap(made))
        status = in_window(made, &job);
    else if (made->starved)
        status = SMEW_NO_MEMORY;
    if (status != SMEW_OK) {
        destroy(made);
        return status;
    }
    *session = made;
    return SMEW_OK;
}

/* ---- the table ----------------------------------------------------------------------- */

static enum smew_status run(struct smew__script_session *session, struct smew__code code)
{
    struct job job = {.run = job_run, .code = code};

    return in_window(session, &job);
}

static enum smew_status test(struct smew__script_session *session, struct smew__code code,
                             bool *truth)
{
    struct job job = {.run = job_test, .code = code};
    enum smew_status status = in_window(session, &job);

    *truth = status == SMEW_OK && job.truth;
    return status;
}

static enum smew_status with_size(const struct job *job, enum smew_status status)
{
    return status == SMEW_REJECTED && job->too_big ? SMEW_LIMIT : status;
}

static enum smew_status value(struct smew__script_session *session, struct smew__code code,
                              struct smew__script_result *result)
{
    struct job job = {.run = job_value, .code = code, .result = result};

    return with_size(&job, in_window(session, &job));
}

static enum smew_status set(struct smew__script_session *session, const char *name,
                            const char *json, size_t size, bool system)
{
    struct job job = {.run = job_set, .name = name, .json = json, .size = size, .system = system};

    return in_window(session, &job);
}

static enum smew_status assign(struct smew__script_session *session, const char *place,
                               struct smew__code code)
{
    struct job job = {.run = job_assign, .name = place, .code = code};

    return in_window(session, &job);
}

static enum smew_status each(struct smew__script_session *session, struct smew__code code,
                             const char *item, const char *index, uint32_t depth, uint32_t *count)
{
    struct job job = {.run = job_each, .code = code, .name = item, .index = index, .depth = depth};
    enum smew_status status = with_size(&job, in_window(session, &job));

    *count = job.count;
    return status;
}

static enum smew_status next(struct smew__script_session *session, const char *item,
                             const char *index, uint32_t depth, uint32_t at)
{
    struct job job = {.run = job_next, .name = item, .index = index, .depth = depth, .at = at};

    return in_window(session, &job);
}

static enum smew_status list(struct smew__script_session *session,
                             enum smew_status (*visit)(void *user, const char *name,
                                                       const struct smew__script_result *result),
                             void *user)
{
    struct smew__script_result result;
    struct job job = {.run = job_list, .result = &result, .visit = visit, .user = user};
    enum smew_status status;

    smew__buffer_init(&result.text);
    status = in_window(session, &job);
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
                                                       .destroy = destroy,
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
