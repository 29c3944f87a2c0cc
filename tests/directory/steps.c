/* SPDX-License-Identifier: MIT */
/*
 * A process that is stopped, or killed, between any two instructions of a claim or a release.
 *
 * The child runs under ptrace.  To be stopped somewhere is to be interleaved with everything that
 * the parent then does, so the walk over a claim's instructions is a walk over the schedules of two
 * claimers in which one of them is interrupted once.  Every k-th point is taken, from a random
 * first one on (SMEW_TEST_SEED); SMEW_TEST_STEPS=100000000 takes them all.
 */
#include "tests/directory/kit.h"

#include <stdio.h>
#include <string.h>

#include <sys/mman.h>
#include <unistd.h>

#include "base/hash.h"
#include "bus/directory/cells.h"
#include "tests/support/step.h"

/* Steps that a walk may take. */
enum { BUDGET = 15000 };

/* What the children claim, and what came of it. */
struct script {
    const char *id;
    _Atomic int status[2];
};

static struct script *script;

static struct script *script_make(const char *id)
{
    script = mmap(NULL, sizeof *script, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(script != MAP_FAILED);
    script->id = id;
    return script;
}

/* Stops before each claim, after it, and after the release. */
static int claimer_run(void *argument)
{
    struct smew__directory_options options = kit_options(false);
    _Atomic int *status = argument;
    struct smew__directory *node;

    if (smew__directory_open(&options, &node, NULL) != SMEW_OK)
        return 1;
    for (;;) {
        support_step_stop();
        atomic_store(status, (int)kit_claim(node, script->id));
        support_step_stop();
        (void)smew__directory_release(node, script->id);
        support_step_stop();
    }
}

static enum smew_status result_of(unsigned which)
{
    return (enum smew_status)atomic_load(&script->status[which]);
}

/* A child before its first claim. */
static pid_t start_claimer(unsigned which)
{
    return support_step_start(claimer_run, (void *)&script->status[which]);
}

/* What the cells of the child's name add up to. */
static uint64_t look_at_cells(struct smew__directory *node)
{
    const char *id = script->id;
    smew__cell *cells = node->board->claims[smew__hash(id, strlen(id)) % SMEW__BUCKETS];
    uint64_t sum = 0;

    for (unsigned i = 0; i < SMEW__BUCKET_CELLS; i++)
        sum += atomic_load(&cells[i]);
    return sum;
}

/* Runs to the next stop one by one, and chooses points: races hide where a cell changes. */
static void choose_points(struct support_points *points, pid_t pid, struct smew__directory *node)
{
    uint64_t cells = look_at_cells(node);

    memset(points, 0, sizeof *points);
    while (support_step(pid, 1)) {
        uint64_t now = look_at_cells(node);

        support_points_note(points, now != cells);
        cells = now;
    }
    assert_true(points->edge_count > 0);
    support_points_plan(points, BUDGET);
}

static bool next_point(struct support_points *points, unsigned *at)
{
    if (support_points_next(points, at))
        return true;
    print_message("%u points of %u instructions\n", points->taken, points->total);
    return false;
}

/* ---- two claimers -------------------------------------------------------------------- */

/* The child is stopped after `steps` instructions of its claim; the parent claims the same. */
static void interleave_equal(pid_t pid, unsigned steps, struct smew__directory *node)
{
    enum smew_status own;
    enum smew_status other;

    assert_true(support_step(pid, steps));
    own = kit_claim(node, "x");
    support_step_to_stop(pid);
    other = result_of(0);
    if ((own != SMEW_OK || other != SMEW_CLAIMED) && (own != SMEW_CLAIMED || other != SMEW_OK))
        fail_msg("after %u instructions: %s and %s", steps, smew_status_name(own),
                 smew_status_name(other));
    if (own == SMEW_OK) {
        kit_expect_host(node, "x", node);
        assert_int_equal(smew__directory_release(node, "x"), SMEW_OK);
    } else {
        struct smew__node_ref owner;

        assert_int_equal(smew__directory_lookup(node, "x", &owner), SMEW_OK);
        assert_int_not_equal(owner.slot, smew__directory_self(node).slot);
    }
    support_step_to_stop(pid);
    kit_expect_host(node, "x", NULL);
    support_step_to_stop(pid);
}

static void of_two_claimers_exactly_one_wins(void **state)
{
    struct smew__directory *node = kit_open(false);
    struct support_points points;
    unsigned at;
    pid_t pid;

    (void)state;
    (void)script_make("x");
    pid = start_claimer(0);
    interleave_equal(pid, 0, node); /* the first time binds symbols and touches pages */
    choose_points(&points, pid, node);
    support_step_to_stop(pid);
    support_step_to_stop(pid);
    while (next_point(&points, &at))
        interleave_equal(pid, at, node);
    support_step_kill(pid);
    smew__directory_close(node);
}

/* A name other than "x" in the bucket of "x", whose cell comes first if it is claimed first. */
static const char *neighbour(void)
{
    static char name[32];

    for (unsigned i = 0;; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        if (smew__hash(name, strlen(name)) % SMEW__BUCKETS == smew__hash("x", 1) % SMEW__BUCKETS)
            return name;
    }
}

/*
 * Three turns of two children.  A has looked and found nobody; B becomes PENDING behind the
 * neighbour's cell, looks, and is about to be EFFECTIVE; the neighbour is given up; A becomes
 * PENDING in its cell, before B's, and goes on, perhaps up to setting B's free; B ends; A ends.
 */
struct turns {
    pid_t a;
    pid_t b;
    unsigned a_looked;
    unsigned b_looked;
};

static void begin_turns(const struct turns *turns, struct smew__directory *node)
{
    assert_int_equal(kit_claim(node, neighbour()), SMEW_OK);
    assert_true(support_step(turns->a, turns->a_looked));
    assert_true(support_step(turns->b, turns->b_looked));
    assert_int_equal(smew__directory_release(node, neighbour()), SMEW_OK);
}

/* After both have claimed: exactly one has it.  Both release, and stand where they began. */
static void end_turns(const struct turns *turns, struct smew__directory *node, unsigned steps)
{
    enum smew_status a = result_of(0);
    enum smew_status b = result_of(1);

    if ((a != SMEW_OK || b != SMEW_CLAIMED) && (a != SMEW_CLAIMED || b != SMEW_OK))
        fail_msg("after %u instructions: %s and %s", steps, smew_status_name(a),
                 smew_status_name(b));
    assert_int_equal(kit_claim(node, "x"), SMEW_CLAIMED);
    support_step_to_stop(turns->a);
    support_step_to_stop(turns->b);
    kit_expect_host(node, "x", NULL);
    support_step_to_stop(turns->a);
    support_step_to_stop(turns->b);
}

/* How far into its claim a child changes a cell for the first time (0), or the second (1). */
static unsigned find_edge(pid_t pid, struct smew__directory *node, unsigned which)
{
    struct support_points points;

    choose_points(&points, pid, node);
    assert_true(points.edge_count > which);
    support_step_to_stop(pid);
    support_step_to_stop(pid);
    return points.edges[which];
}

static void a_rival_that_came_later_is_set_free_or_wins(void **state)
{
    enum { BEFORE_THE_CELL = 60 }; /* still writing the name, and long done with looking */
    struct smew__directory *node = kit_open(false);
    struct turns turns = {0};
    struct support_points points = {0};
    unsigned at;

    (void)state;
    (void)script_make("x");
    turns.a = start_claimer(0);
    turns.b = start_claimer(1);
    for (int i = 0; i < 2; i++) { /* the first time binds symbols and touches pages */
        turns.a_looked = find_edge(turns.a, node, 0) - BEFORE_THE_CELL;
        assert_int_equal(kit_claim(node, neighbour()), SMEW_OK);
        turns.b_looked = find_edge(turns.b, node, 1) - 1;
        assert_int_equal(smew__directory_release(node, neighbour()), SMEW_OK);
    }
    for (int i = 0; i < 2; i++) {
        begin_turns(&turns, node);
        choose_points(&points, turns.a, node);
        support_step_to_stop(turns.b);
        end_turns(&turns, node, points.total);
    }
    assert_true(points.edge_count >= 3); /* its own cell, B's, its own */
    while (next_point(&points, &at)) {
        bool claiming;

        begin_turns(&turns, node);
        claiming = support_step(turns.a, at);
        support_step_to_stop(turns.b);
        if (claiming) /* what /proc says of B is not always as long */
            support_step_to_stop(turns.a);
        end_turns(&turns, node, at);
    }
    support_step_kill(turns.a);
    support_step_kill(turns.b);
    smew__directory_close(node);
}

/* ---- patterns ------------------------------------------------------------------------ */

/* The child claims an id; the parent, in the middle of that, the pattern around it. */
static void interleave_pattern(pid_t pid, unsigned steps, struct smew__directory *node)
{
    struct smew__node_ref host;
    enum smew_status other;
    bool parents;

    assert_true(support_step(pid, steps));
    assert_int_equal(kit_claim(node, "m:*"), SMEW_OK);
    assert_int_equal(smew__directory_lookup(node, "m:x", &host), SMEW_OK);
    parents = host.slot == smew__directory_self(node).slot;
    support_step_to_stop(pid);
    other = result_of(0);
    /* Once a message could have come to the pattern's host, the id waits for that. */
    if (other != SMEW_AGAIN && (other != SMEW_OK || parents))
        fail_msg("after %u instructions: %s", steps, smew_status_name(other));
    assert_int_equal(smew__directory_lookup(node, "m:x", &host), SMEW_OK);
    assert_int_equal(host.slot == smew__directory_self(node).slot, other == SMEW_AGAIN);
    support_step_to_stop(pid);
    kit_expect_host(node, "m:x", node);
    assert_int_equal(smew__directory_release(node, "m:*"), SMEW_OK);
    support_step_to_stop(pid);
}

static void an_id_never_slips_past_a_pattern(void **state)
{
    struct smew__directory *node = kit_open(false);
    struct support_points points;
    unsigned at;
    pid_t pid;

    (void)state;
    (void)script_make("m:x");
    pid = start_claimer(0);
    interleave_pattern(pid, 0, node); /* from now on there is a length of pattern to look for */
    choose_points(&points, pid, node);
    support_step_to_stop(pid);
    support_step_to_stop(pid);
    while (next_point(&points, &at))
        interleave_pattern(pid, at, node);
    support_step_kill(pid);
    smew__directory_close(node);
}

/* At no instruction of a claim inside a pattern do messages go to the claimer. */
static void a_noted_claim_diverts_nothing(void **state)
{
    struct smew__directory *node = kit_open(false);
    unsigned calls = 0;
    pid_t pid;

    (void)state;
    (void)script_make("m:x");
    assert_int_equal(kit_claim(node, "m:*"), SMEW_OK);
    pid = start_claimer(0);
    for (; support_step(pid, 1); calls++)
        kit_expect_host(node, "m:x", node);
    assert_int_equal(result_of(0), SMEW_AGAIN);
    print_message("%u points\n", calls);
    support_step_kill(pid);
    smew__directory_close(node);
}

/* ---- reading ------------------------------------------------------------------------- */

static const char *const topics[2] = {"aaaaaaaabbbbbbbbcccccccc", "ddddddddeeeeeeeeffffffff"};

/* Reads the first topic between two stops, and ends when it is neither of the two. */
static int reader_run(void *argument)
{
    struct smew__directory_options options = kit_options(false);
    struct smew__directory *node;
    struct smew__found found;
    struct smew__name name;

    (void)argument;
    if (smew__directory_open(&options, &node, NULL) != SMEW_OK)
        return 1;
    for (;;) {
        enum smew_status status;

        support_step_stop();
        status = smew__cell_read(node, &node->board->topics[0], NULL, &found, &name);
        if (status != SMEW_OK ||
            (strcmp(name.text, topics[0]) != 0 && strcmp(name.text, topics[1]) != 0))
            return 2;
    }
}

/* The other topic takes the first one's cell and entry while the child reads them. */
static void no_reader_sees_half_a_name(void **state)
{
    struct smew__directory *node = kit_open(false);
    unsigned total = 0;
    pid_t pid;

    (void)state;
    pid = support_step_start(reader_run, NULL);
    assert_int_equal(smew__directory_subscribe(node, topics[0]), SMEW_OK);
    support_step_to_stop(pid);
    while (support_step(pid, 1))
        total++;
    for (unsigned at = 0; at < total; at++) {
        assert_true(support_step(pid, at));
        assert_int_equal(smew__directory_unsubscribe(node, topics[at % 2]), SMEW_OK);
        assert_int_equal(smew__directory_subscribe(node, topics[1 - at % 2]), SMEW_OK);
        support_step_to_stop(pid);
    }
    print_message("%u points\n", total);
    support_step_kill(pid);
    smew__directory_close(node);
}

/* ---- kills --------------------------------------------------------------------------- */

/* Kills a child `steps` instructions into its claim, or into its release; what it held is free. */
static void kill_at(unsigned steps, bool in_release, struct smew__directory *node)
{
    pid_t pid = start_claimer(0);

    if (in_release)
        support_step_to_stop(pid);
    (void)support_step(pid, steps);
    support_step_kill(pid);
    assert_int_equal(kit_claim(node, "x"), SMEW_OK);
    kit_expect_host(node, "x", node);
    assert_int_equal(smew__directory_release(node, "x"), SMEW_OK);
    kit_expect_host(node, "x", NULL);
}

static void a_kill_at_any_instruction_frees_the_claim(void **state)
{
    struct smew__directory *node = kit_open(false);
    struct support_points points[2];
    unsigned at;
    pid_t pid;

    (void)state;
    (void)script_make("x");
    pid = start_claimer(0);
    choose_points(&points[0], pid, node);
    choose_points(&points[1], pid, node);
    support_step_kill(pid);
    for (int phase = 0; phase < 2; phase++)
        while (next_point(&points[phase], &at))
            kill_at(at, phase == 1, node);
    smew__directory_close(node);
}

static int teardown(void **state)
{
    if (script != NULL)
        (void)munmap(script, sizeof *script);
    script = NULL;
    return support_teardown(state);
}

#define STEPS_TEST(function) cmocka_unit_test_setup_teardown(function, support_step_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STEPS_TEST(of_two_claimers_exactly_one_wins),
        STEPS_TEST(a_rival_that_came_later_is_set_free_or_wins),
        STEPS_TEST(a_noted_claim_diverts_nothing),
        STEPS_TEST(an_id_never_slips_past_a_pattern),
        STEPS_TEST(no_reader_sees_half_a_name),
        STEPS_TEST(a_kill_at_any_instruction_frees_the_claim),
    };

    if (SUPPORT_SANITIZED)
        return SUPPORT_SKIPPED;
    return cmocka_run_group_tests_name("directory/steps", tests, NULL, NULL);
}
