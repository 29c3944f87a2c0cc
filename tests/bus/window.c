/* SPDX-License-Identifier: MIT */
/* The window's bookkeeping, without a bus: what may be transmitted, and that it is found again. */
#include "tests/support/support.h"

#include <string.h>

#include "bus/window.h"

enum { LIMIT = 4, PARCELS = 64 };

static struct smew_message *message;
static struct smew__parcel parcels[PARCELS];
static struct smew__window window;

static int setup(void **state)
{
    struct smew__envelope envelope = {.kind = SMEW_KIND_EVENT};
    int status = support_setup(state);

    message = smew__message_create(&envelope);
    for (int i = 0; i < PARCELS; i++) {
        parcels[i] = (struct smew__parcel){.message = message};
        smew__list_init(&parcels[i].link);
    }
    return status || !message || smew__window_init(&window, LIMIT) ? -1 : 0;
}

static int teardown(void **state)
{
    smew__window_fini(&window);
    smew__message_unref(message);
    return support_teardown(state);
}

static unsigned transmit(void)
{
    struct smew__parcel *parcel;
    unsigned count = 0;

    while ((parcel = smew__window_next(&window)) != NULL) {
        smew__window_sent(&window, parcel);
        assert_ptr_equal(smew__window_at(&window, parcel->position), parcel);
        count++;
    }
    return count;
}

static void test_a_window_is_transmitted_in_order(void **state)
{
    struct smew__list popped;

    (void)state;
    smew__list_init(&popped);
    for (int i = 0; i < 6; i++)
        smew__window_append(&window, &parcels[i]);
    assert_int_equal(transmit(), LIMIT);
    /* Done out of order: room comes with the head. */
    smew__window_done(&window, &parcels[1], &popped);
    assert_int_equal(transmit(), 0);
    window.completed = 2;
    smew__window_done(&window, &parcels[0], &popped);
    assert_int_equal(transmit(), 2);
    assert_int_equal(window.count, 4);
    assert_null(smew__window_at(&window, 1));
    assert_ptr_equal(smew__window_at(&window, 6), &parcels[5]);
}

/*
 * The head is slow, and what follows is refused and sent again, over and over: the head's place
 * must not be given to another, or its completion is never found.
 */
static void test_refusals_do_not_take_the_heads_place(void **state)
{
    struct smew__list popped;
    unsigned rounds = 0;

    (void)state;
    smew__list_init(&popped);
    smew__window_append(&window, &parcels[0]);
    smew__window_append(&window, &parcels[1]);
    while (transmit() > 0) {
        assert_true(++rounds < 10);
        assert_ptr_equal(smew__window_at(&window, 1), &parcels[0]);
        smew__window_take(&window, &parcels[1], &popped);
        smew__window_append(&window, &parcels[1]);
    }
    assert_ptr_equal(smew__window_at(&window, 1), &parcels[0]);
    smew__window_done(&window, &parcels[0], &popped);
    window.completed = window.positions; /* as the receiver's next ACK tells */
    assert_int_equal(transmit(), 1);
    assert_ptr_equal(smew__window_at(&window, parcels[1].position), &parcels[1]);
}

/* Two of any size never crowd it, nor do many small ones. */
static void test_a_window_is_crowded(void **state)
{
    const size_t half = SMEW__WINDOW_CROWDED / 2;
    struct smew__list popped;

    (void)state;
    smew__list_init(&popped);
    assert_false(smew__window_crowded(&window, SMEW__WINDOW_BYTES));
    message->envelope.payload_size = half;
    smew__window_append(&window, &parcels[0]);
    assert_false(smew__window_crowded(&window, SMEW__WINDOW_BYTES));
    smew__window_append(&window, &parcels[1]);
    assert_false(smew__window_crowded(&window, 0));
    assert_true(smew__window_crowded(&window, 1));
    assert_true(smew__window_room(&window, 1));
    (void)transmit();
    smew__window_done(&window, &parcels[0], &popped);
    assert_false(smew__window_crowded(&window, half));
    message->envelope.payload_size = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_window_is_transmitted_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals_do_not_take_the_heads_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_window_is_crowded, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
