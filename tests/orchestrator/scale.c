/* SPDX-License-Identifier: MIT */
/* A hundred thousand virtual machines: what each costs, and that the end does not take long. */
#include "tests/orchestrator/kit.h"

#include <malloc.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"

enum {
    MACHINES = 100000,
    BYTES_MOST = 1024,  /* a machine, with what finds it again */
    END_MOST_MS = 5000, /* of processor time: what else runs here is not ours */
};

/* Bytes that the C library has given out; 0 under sanitizers, which replace it. */
static size_t used_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static double rate_of(uint64_t begin_ns)
{
    return MACHINES / ((double)(smew_now_ns() - begin_ns) / (double)SMEW_NS_PER_S);
}

static uint64_t burned_ms(void)
{
    struct timespec used;

    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
    return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / SMEW_NS_PER_MS;
}

static bool has_no_machines(void *argument)
{
    return kit_stats(argument).machines == 0;
}

/* Who waits for the sweep of a busy machine is told TIMEOUT after 5 s, and it goes on. */
static void stop_all(struct kit_node *node)
{
    uint64_t begin_ns = smew_now_ns();
    uint64_t begin_ms = burned_ms();
    enum smew_status status = smew_orchestrator_stop(node->orchestrator, "pkg:*");

    if (status == SMEW_TIMEOUT && smew_now_ns() - begin_ns >= 5 * SMEW_NS_PER_S)
        assert_true(support_wait_until(has_no_machines, node, 6 * KIT_WAIT_MS));
    else
        assert_int_equal(status, SMEW_OK);
    assert_int_equal(kit_stats(node).machines, 0);
    printf("stopped after %d ms, %d of them at work\n",
           (int)((smew_now_ns() - begin_ns) / SMEW_NS_PER_MS), (int)(burned_ms() - begin_ms));
    assert_true(burned_ms() - begin_ms < END_MOST_MS);
}

static void send_to_each(struct smew_bus *bus, const char *event)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;

    options.timeout_ms = KIT_WAIT_MS;
    for (unsigned i = 0; i < MACHINES; i++) {
        char target[32];

        (void)snprintf(target, sizeof(target), "pkg:machine-%06u", i);
        assert_int_equal(smew_bus_send(bus, target, event, NULL, 0, &options), SMEW_OK);
    }
    assert_int_equal(smew_bus_flush(bus, 6 * KIT_WAIT_MS), SMEW_OK);
}

static void test_a_hundred_thousand_machines(void **state)
{
    struct kit_node node = kit_node_open(NULL);
    struct smew_bus *client = kit_open(NULL);
    size_t before, after;
    uint64_t begin_ns;

    (void)state;
    kit_host(&node, "pkg:*", kit_light, NULL);
    begin_ns = smew_now_ns();
    before = used_bytes();
    send_to_each(client, "GO");
    printf("born: %.0f machines/s\n", rate_of(begin_ns));
    smew_bus_close(client, KIT_WAIT_MS, NULL); /* takes its routes along */
    after = used_bytes();
    assert_int_equal(kit_stats(&node).machines, MACHINES);
    if (after > before) {
        printf("an idle machine: %zu bytes\n", (after - before) / MACHINES);
        assert_in_range((after - before) / MACHINES, 1, BYTES_MOST);
    }
    client = kit_open(NULL);
    begin_ns = smew_now_ns();
    send_to_each(client, "GO");
    printf("awake: %.0f events/s\n", rate_of(begin_ns));
    assert_int_equal(kit_stats(&node).transitions, 2 * MACHINES);
    assert_int_equal(kit_stats(&node).started, MACHINES);
    smew_bus_close(client, KIT_WAIT_MS, NULL);
    stop_all(&node);
    kit_node_close(&node);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {SUPPORT_TEST(test_a_hundred_thousand_machines)};

    return KIT_MAIN(argc, argv, tests);
}
