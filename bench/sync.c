/* SPDX-License-Identifier: MIT */
/*
 * What base/sync/ costs, beside what one would use without it.
 *
 * A sample is one side of a row: its threads, each pinned to a core where there are two, begin
 * together and do so many operations each; the figure is the time until the last has finished,
 * divided by the operations of all.  A round takes both sides of each row right after each other,
 * in turns the one or the other first.  How many operations a sample has is found out once for each
 * side, before the first round.
 *
 * The operations are what the primitives are for: a pair of counters under a lock, three words read
 * while somebody changes them now and then, a counter found by a key, a place taken and given
 * back, a busy flag.
 *
 * Failure mode: a thread that cannot be made; that pair is dropped, and a row without one says so
 * with a dash.
 */
#include "bench/json.h"
#include "bench/sync.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <smew/version.h>

#include "base/clock.h"
#include "base/sync/fifo_semaphore.h"
#include "base/sync/flag.h"
#include "base/sync/seqlock.h"
#include "base/sync/sharded.h"
#include "base/sync/spinlock.h"
#include "bench/choose.h"
#include "bench/clock.h"
#include "bench/crew.h"
#include "bench/stats.h"

enum {
    THREADS_MOST = 2,
    SHARDS = 16,
    WORDS = 3,
    WRITE_EVERY = 1024,
    STEPS = 800,
    FIRST_COUNT = 256
};

/* All that the operations work on; what is used together is on lines of its own. */
static struct {
    alignas(BENCH_LINE) struct smew__spinlock spinlock;
    alignas(BENCH_LINE) pthread_mutex_t mutex;
    alignas(BENCH_LINE) struct smew__fifo_semaphore fifo;
    alignas(BENCH_LINE) sem_t semaphore;
    alignas(BENCH_LINE) struct smew__flag flag;
    alignas(BENCH_LINE) uint64_t first;
    uint64_t second;
    bool busy;
    alignas(BENCH_LINE) struct smew__seqlock seqlock;
    _Atomic uint64_t words[WORDS];
    alignas(BENCH_LINE) uint64_t plain[WORDS];
    struct {
        alignas(BENCH_LINE) struct smew__shard lock;
        uint64_t entry;
    } shards[SHARDS];
} at = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* ---- the operations: `count` of them on one thread ---- */

static void count_spinlock(unsigned thread, uint64_t count)
{
    (void)thread;
    while (count-- > 0) {
        smew__spinlock_lock(&at.spinlock);
        at.first++;
        at.second++;
        smew__spinlock_unlock(&at.spinlock);
    }
}

static void count_mutex(unsigned thread, uint64_t count)
{
    (void)thread;
    while (count-- > 0) {
        (void)pthread_mutex_lock(&at.mutex);
        at.first++;
        at.second++;
        (void)pthread_mutex_unlock(&at.mutex);
    }
}

static bool writes(unsigned thread, uint64_t operation)
{
    return thread == 0 && operation % WRITE_EVERY == 0;
}

static void read_seqlock(unsigned thread, uint64_t count)
{
    uint64_t copy[WORDS] = {0};

    while (count-- > 0)
        if (writes(thread, count))
            (void)smew__seqlock_write(&at.seqlock, at.words, copy, WORDS, SMEW_NEVER_NS);
        else
            (void)smew__seqlock_read(&at.seqlock, at.words, copy, WORDS, SMEW_NEVER_NS);
}

static void read_mutex(unsigned thread, uint64_t count)
{
    uint64_t copy[WORDS] = {0};

    while (count-- > 0) {
        (void)pthread_mutex_lock(&at.mutex);
        if (writes(thread, count))
            memcpy(at.plain, copy, sizeof(copy));
        else
            memcpy(copy, at.plain, sizeof(copy));
        (void)pthread_mutex_unlock(&at.mutex);
    }
}

/* Any key, and both threads have others (xorshift; Marsaglia 2003). */
static size_t next_shard(uint64_t *key)
{
    *key ^= *key << 13;
    *key ^= *key >> 7;
    *key ^= *key << 17;
    return smew__shard_index(*key, SHARDS);
}

/* What is done to an entry: about a microsecond. */
static void change(uint64_t *entry)
{
    uint64_t value = *entry + 1;

    for (int i = 0; i < STEPS; i++)
        value = (value ^ value >> 29) * UINT64_C(0x9E3779B97F4A7C15);
    *entry = value;
}

static void count_sharded(unsigned thread, uint64_t count)
{
    uint64_t key = thread + 1;

    while (count-- > 0) {
        const size_t i = next_shard(&key);

        smew__shard_lock(&at.shards[i].lock);
        at.shards[i].entry++;
        smew__shard_unlock(&at.shards[i].lock);
    }
}

static void count_single(unsigned thread, uint64_t count)
{
    uint64_t key = thread + 1;

    while (count-- > 0) {
        const size_t i = next_shard(&key);

        (void)pthread_mutex_lock(&at.mutex);
        at.shards[i].entry++;
        (void)pthread_mutex_unlock(&at.mutex);
    }
}

static void change_sharded(unsigned thread, uint64_t count)
{
    uint64_t key = thread + 1;

    while (count-- > 0) {
        const size_t i = next_shard(&key);

        smew__shard_lock(&at.shards[i].lock);
        change(&at.shards[i].entry);
        smew__shard_unlock(&at.shards[i].lock);
    }
}

static void change_single(unsigned thread, uint64_t count)
{
    uint64_t key = thread + 1;

    while (count-- > 0) {
        const size_t i = next_shard(&key);

        (void)pthread_mutex_lock(&at.mutex);
        change(&at.shards[i].entry);
        (void)pthread_mutex_unlock(&at.mutex);
    }
}

static void pass_fifo(unsigned thread, uint64_t count)
{
    (void)thread;
    while (count-- > 0) {
        (void)smew__fifo_semaphore_acquire(&at.fifo, SMEW_NEVER_NS);
        smew__fifo_semaphore_release(&at.fifo);
    }
}

static void pass_semaphore(unsigned thread, uint64_t count)
{
    (void)thread;
    while (count-- > 0) {
        while (sem_wait(&at.semaphore) != 0)
            ;
        (void)sem_post(&at.semaphore);
    }
}

static void try_flag(unsigned thread, uint64_t count)
{
    (void)thread;
    while (count-- > 0)
        if (!smew__flag_swap(&at.flag, true))
            smew__flag_clear(&at.flag);
}

static void try_mutex(unsigned thread, uint64_t count)
{
    (void)thread;
    while (count-- > 0) {
        bool mine;

        (void)pthread_mutex_lock(&at.mutex);
        mine = !at.busy;
        at.busy = true;
        (void)pthread_mutex_unlock(&at.mutex);
        if (!mine)
            continue;
        (void)pthread_mutex_lock(&at.mutex);
        at.busy = false;
        (void)pthread_mutex_unlock(&at.mutex);
    }
}

/* ---- rows ---- */

typedef void run_fn(unsigned thread, uint64_t count);

struct side {
    run_fn *run;
    uint64_t count; /* of operations of each thread, once it is found out */
    double ns[BENCH_SAMPLES_MOST];
};

struct row {
    const char *name;
    unsigned threads;
    unsigned places; /* of the semaphores */
    struct side sides[2];
    size_t samples;
};

#define ROW(text, threads_, places_, it, other)                                \
    {                                                                          \
        .name = (text), .threads = (threads_), .places = (places_), .sides = { \
            {.run = (it)},                                                     \
            {.run = (other)}                                                   \
        }                                                                      \
    }

static struct row rows[] = {
    ROW("spin lock vs mutex, 1 thread", 1, 1, count_spinlock, count_mutex),
    ROW("spin lock vs mutex, 2 threads", 2, 1, count_spinlock, count_mutex),
    ROW("sequence lock vs mutex, 1 thread", 1, 1, read_seqlock, read_mutex),
    ROW("sequence lock vs mutex, 2 threads", 2, 1, read_seqlock, read_mutex),
    ROW("sharded vs one mutex, 1 thread", 1, 1, count_sharded, count_single),
    ROW("sharded vs one mutex, 2 threads", 2, 1, count_sharded, count_single),
    ROW("sharded vs one mutex, held 1 us, 1 thread", 1, 1, change_sharded, change_single),
    ROW("sharded vs one mutex, held 1 us, 2 threads", 2, 1, change_sharded, change_single),
    ROW("FIFO semaphore vs sem_t, 1 thread", 1, 1, pass_fifo, pass_semaphore),
    ROW("FIFO semaphore vs sem_t, 2 threads, 2 places", 2, 2, pass_fifo, pass_semaphore),
    ROW("FIFO semaphore vs sem_t, 2 threads, 1 place", 2, 1, pass_fifo, pass_semaphore),
    ROW("flag vs bool under a mutex, 1 thread", 1, 1, try_flag, try_mutex),
    ROW("flag vs bool under a mutex, 2 threads", 2, 1, try_flag, try_mutex),
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* ---- a sample ---- */

enum { WAIT, GO, GO_HOME };

struct start {
    atomic_uint ready;
    atomic_int go;
    struct worker {
        struct start *start;
        pthread_t native;
        unsigned thread;
        int core; /* -1: wherever it runs */
        const struct side *side;
        uint64_t begun_ns;
        uint64_t ended_ns;
    } workers[THREADS_MOST];
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct start *start = worker->start;

    if (worker->core >= 0)
        (void)bench_pin(worker->core);
    atomic_fetch_add(&start->ready, 1);
    while (atomic_load(&start->go) == WAIT)
        (void)sched_yield(); /* and so they begin together */
    if (atomic_load(&start->go) == GO_HOME)
        return NULL;
    worker->begun_ns = bench_now_ns();
    worker->side->run(worker->thread, worker->side->count);
    worker->ended_ns = bench_now_ns();
    return NULL;
}

/* From the first one's begin to the last one's end. */
static uint64_t join(struct start *start, unsigned threads)
{
    uint64_t begun_ns = UINT64_MAX, ended_ns = 0;

    for (unsigned i = 0; i < threads; i++) {
        const struct worker *worker = &start->workers[i];

        (void)pthread_join(worker->native, NULL);
        begun_ns = worker->begun_ns < begun_ns ? worker->begun_ns : begun_ns;
        ended_ns = worker->ended_ns > ended_ns ? worker->ended_ns : ended_ns;
    }
    return ended_ns - begun_ns;
}

static bool start_threads(struct start *start, const struct row *row, const struct side *side,
                          unsigned *made)
{
    int cores[2];
    const bool pinned = bench_two_cores(cores);

    for (*made = 0; *made < row->threads; ++*made) {
        struct worker *worker = &start->workers[*made];

        *worker = (struct worker){.start = start, .thread = *made, .side = side, .core = -1};
        if (pinned)
            worker->core = cores[*made];
        if (pthread_create(&worker->native, NULL, work, worker) != 0)
            return false;
    }
    while (atomic_load(&start->ready) < row->threads)
        bench_nap_us(50);
    return true;
}

/* How long it took; 0 when it could not be done. */
static uint64_t sample(const struct row *row, const struct side *side)
{
    struct start start = {.go = WAIT};
    uint64_t took_ns;
    unsigned made;
    bool fine;

    smew__fifo_semaphore_init(&at.fifo, row->places);
    if (sem_init(&at.semaphore, 0, row->places) != 0)
        return 0;
    fine = start_threads(&start, row, side, &made);
    atomic_store(&start.go, fine ? GO : GO_HOME);
    took_ns = join(&start, made);
    (void)sem_destroy(&at.semaphore);
    return fine ? took_ns : 0;
}

/* So many operations that a sample lasts about as long as it should. */
static void find_count(const struct bench_plan *plan, const struct row *row, struct side *side)
{
    const uint64_t wanted_ns = plan->sample_ms * SMEW_NS_PER_MS;
    uint64_t took_ns;

    side->count = plan->count;
    if (side->count > 0)
        return;
    for (side->count = FIRST_COUNT;; side->count *= 2) {
        took_ns = sample(row, side);
        if (took_ns == 0 || took_ns >= wanted_ns / 4)
            break;
    }
    if (took_ns > 0)
        side->count = (uint64_t)((double)side->count * (double)wanted_ns / (double)took_ns) + 1;
}

static bool stopped(const struct bench_plan *plan)
{
    return atomic_load_explicit(plan->stop, memory_order_relaxed);
}

static void take_pair(struct row *row, unsigned first)
{
    double ns[2];

    for (unsigned i = 0; i < 2; i++) {
        const unsigned turn = (i + first) % 2;
        const struct side *side = &row->sides[turn];
        const uint64_t took_ns = sample(row, side);

        if (took_ns == 0)
            return;
        ns[turn] = (double)took_ns / (double)(side->count * row->threads);
    }
    for (unsigned i = 0; i < 2; i++)
        row->sides[i].ns[row->samples] = ns[i];
    row->samples++;
}

/* ---- what is printed ---- */

static struct bench_spread ratios(const struct row *row)
{
    double values[BENCH_SAMPLES_MOST];

    for (size_t i = 0; i < row->samples; i++)
        values[i] = row->sides[1].ns[i] / row->sides[0].ns[i];
    return bench_spread(values, row->samples);
}

static struct bench_spread figures(const struct side *side, size_t samples)
{
    double values[BENCH_SAMPLES_MOST];

    memcpy(values, side->ns, samples * sizeof(values[0]));
    return bench_spread(values, samples);
}

static void print_row(const struct row *row)
{
    const struct bench_spread ratio = ratios(row);

    if (row->samples == 0) {
        (void)printf("%-46s       -\n", row->name);
        return;
    }
    (void)printf("%-46s %9.1f %9.1f   %5.2f (%.2f..%.2f) %zu\n", row->name,
                 figures(&row->sides[0], row->samples).median,
                 figures(&row->sides[1], row->samples).median, ratio.median, ratio.min, ratio.max,
                 ratio.count);
}

static json_t *row_json(const struct row *row)
{
    const struct bench_spread ratio = ratios(row);

    return json_pack("{s:s, s:i, s:I, s:f, s:f, s:{s:f, s:f, s:f}}", "name", row->name, "threads",
                     (int)row->threads, "samples", (json_int_t)row->samples, "it_ns",
                     figures(&row->sides[0], row->samples).median, "other_ns",
                     figures(&row->sides[1], row->samples).median, "ratio", "median", ratio.median,
                     "min", ratio.min, "max", ratio.max);
}

static bool print(struct row *const *chosen, size_t count, bool json)
{
    json_t *array, *report;

    if (!json) {
        (void)printf("%-46s %9s %9s   other / it (least..most) samples\n",
                     "nanoseconds an operation, medians", "it", "other");
        for (size_t i = 0; i < count; i++)
            print_row(chosen[i]);
        return fflush(stdout) == 0;
    }
    array = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(array, row_json(chosen[i]));
    report = json_pack("{s:s, s:o}", "version", smew_version(), "rows", array);
    return bench_json_print(report, stdout);
}

static const char *name_of(size_t row)
{
    return rows[row].name;
}

int bench_sync(const struct bench_plan *plan, const struct bench_sync_what *what)
{
    const struct bench_choice choice = {.table = "sync", .only = what->only, .list = what->list};
    struct row *chosen[ROWS];
    size_t numbers[ROWS];
    size_t count;
    int code;

    if (!bench_choose(&choice, name_of, ROWS, numbers, &count, &code))
        return code;
    for (size_t i = 0; i < count; i++)
        chosen[i] = &rows[numbers[i]];
    for (size_t i = 0; i < count && !stopped(plan); i++)
        for (unsigned j = 0; j < 2; j++)
            find_count(plan, chosen[i], &chosen[i]->sides[j]);
    for (unsigned round = 0; round < plan->rounds; round++)
        for (size_t i = 0; i < count && !stopped(plan); i++)
            take_pair(chosen[i], round % 2);
    return print(chosen, count, what->json) && !stopped(plan) ? 0 : 1;
}
