/* SPDX-License-Identifier: MIT */

/*
 * Windows: how a text is run, and how it comes to an end whatever it does.
 *
 * Happy path: a job runs in duk_safe_call().  Meanwhile the engine's hooks (duk_config.h) count
 * steps down.
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
 */

#include "chart/duktape/window.h"

#include <duktape.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "chart/duktape/duk_config.h"

enum {
    STACK_BYTES = 256 * 1024, /* of the thread's, below where the window was opened */
    CHARGE_BYTES = 64         /* that are moved, compared or allocated in one step */
};
/* What the engine may go on for after the steps are used up, to throw or to finish what it does. */
static const int64_t reserve = INT64_C(20000000);

static _Thread_local struct smew__script_session *window; /* that is open in this thread */
static _Thread_local int64_t left = INT64_MAX;            /* steps in it, the reserve included */

/* ---- the engine's hooks -------------------------------------------------------------- */

static void over(void)
{
    left = INT64_MAX;
    if (window)
        longjmp(window->out, 1);
}

/* In each basic block of duktape.c. */
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
    const char *here = __builtin_frame_address(0); /* a sanitizer may put variables elsewhere */

    return window && (window->stack - here > STACK_BYTES || here - window->stack > STACK_BYTES);
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

static void link_block(struct smew__script_session *session, struct smew__script_block *block,
                       size_t size)
{
    block->size = size;
    block->previous = &session->blocks;
    block->next = session->blocks.next;
    block->next->previous = block;
    block->previous->next = block;
    session->used_bytes += size;
}

static void unlink_block(struct smew__script_session *session, struct smew__script_block *block)
{
    block->next->previous = block->previous;
    block->previous->next = block->next;
    session->used_bytes -= block->size;
}

static void *allocate(void *data, duk_size_t size)
{
    struct smew__script_session *session = data;
    struct smew__script_block *block = NULL;

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
    struct smew__script_block *block = memory;

    if (!memory)
        return;
    unlink_block(data, --block);
    smew__free(block);
}

static void *reallocate(void *data, void *memory, duk_size_t size)
{
    struct smew__script_session *session = data;
    struct smew__script_block *block = memory;

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
    struct smew__script_block *moved = smew__realloc(block, size + sizeof *block);
    session->starved = session->starved || !moved;
    link_block(session, moved ? moved : block, moved ? size + sizeof *block : old_size);
    return moved ? moved + 1 : NULL;
}

static void free_all(struct smew__script_session *session)
{
    while (session->blocks.next != &session->blocks) {
        struct smew__script_block *block = session->blocks.next;

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
    const struct smew__script_job *job = data;

    duk_require_stack(context, 16);
    return job->run(context, data);
}

/* What was thrown, as text; it lies on the engine's stack. */
static void keep_reason(struct smew__script_session *session)
{
    const char *text = duk_safe_to_string(session->context, -1);
    size_t size = strlen(text);
    bool cut = size >= SMEW__REASON_SIZE;

    if (cut)
        size = SMEW__REASON_SIZE - 1;
    while (cut && size > 0 && ((unsigned char)text[size] & 0xC0) == 0x80)
        size--;
    memcpy(session->reason, text, size);
    session->reason[size] = '\0';
}

static const char late_text[] = "the script took more than its steps";

static void say(struct smew__script_session *session, const char *text)
{
    (void)strncpy(session->reason, text, SMEW__REASON_SIZE - 1);
}

/* setjmp apart from everything else: no variable of the caller changes between the two returns. */
static bool run_window(struct smew__script_session *session, struct smew__script_job *job,
                       bool *fine)
{
    if (setjmp(session->out) != 0)
        return false;
    *fine = duk_safe_call(session->context, run_job, job, 0, 1) == DUK_EXEC_SUCCESS;
    if (!*fine)
        keep_reason(session);
    duk_pop(session->context);
    return true;
}

enum smew_status smew__window_run(struct smew__script_session *session,
                                  struct smew__script_job *job)
{
    bool fine = false;
    bool late;

    if (session->dead)
        return SMEW_STOPPED;
    if (*session->host.steps <= 0) {
        say(session, late_text);
        return SMEW_LIMIT;
    }
    job->session = session;
    open_window(session, __builtin_frame_address(0));
    bool came_back = run_window(session, job, &fine);
    late = left < reserve;
    close_window(session, came_back);
    if (session->dead) {
        free_all(session);
        say(session, "the script engine did not come back in time");
    } else if (!fine && late) {
        say(session, late_text);
    }
    return outcome(session, fine, late);
}

/* ---- sessions ------------------------------------------------------------------------ */

struct smew__script_session *smew__window_session(void)
{
    return window;
}

bool smew__window_is_used_up(const struct smew__script_session *session)
{
    return left < reserve || session->refused || session->starved;
}

static bool make_heap(struct smew__script_session *session)
{
    if (setjmp(session->out) != 0)
        return false;
    session->context = duk_create_heap(allocate, reallocate, release, session, fatal);
    return session->context != NULL;
}

void smew__window_destroy(struct smew__script_session *session)
{
    if (session)
        free_all(session);
    smew__free(session);
}

enum smew_status smew__window_create(const struct smew__script_host *host,
                                     struct smew__script_session **session)
{
    struct smew__script_session *made = smew__calloc(1, sizeof *made);
    enum smew_status status;

    if (!made)
        return SMEW_NO_MEMORY;
    if (*host->steps <= 0) {
        smew__free(made);
        return SMEW_LIMIT;
    }
    made->host = *host;
    made->chance = host->seed;
    made->blocks.next = &made->blocks;
    made->blocks.previous = &made->blocks;
    left = INT64_MAX;
    bool fine = make_heap(made);
    *host->steps -= INT64_MAX - left; /* making the engine counts too */
    left = INT64_MAX;
    if (fine) {
        *session = made;
        return SMEW_OK;
    }
    status = made->starved ? SMEW_NO_MEMORY : SMEW_LIMIT;
    smew__window_destroy(made);
    return status;
}
