/* SPDX-License-Identifier: MIT */
/* The intrusive list. */
#include "tests/support/support.h"

#include "base/list.h"

struct entry {
    int number;
    struct smew__list link;
};

static int take_number(struct smew__list *head)
{
    struct smew__list *link = smew__list_take(head);

    return link == NULL ? -1 : SMEW_CONTAINER(link, struct entry, link)->number;
}

static void test_order_and_removal(void **state)
{
    struct entry entries[5] = {
        {.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};
    struct smew__list head;
    int sum = 0;

    (void)state;
    smew__list_init(&head);
    assert_true(smew__list_empty(&head));
    assert_int_equal(take_number(&head), -1);
    for (int i = 0; i < 5; i++)
        smew__list_append(&head, &entries[i].link);
    assert_false(smew__list_empty(&head));
    smew__list_remove(&entries[2].link);
    smew__list_remove(&entries[2].link); /* a link outside of any list is fine */
    SMEW_LIST_EACH (link, &head)
        sum = sum * 10 + SMEW_CONTAINER(link, struct entry, link)->number;
    assert_int_equal(sum, 134); /* 0134 */
    SMEW_LIST_EACH_SAFE (link, &head)
        if (SMEW_CONTAINER(link, struct entry, link)->number % 2 != 0)
            smew__list_remove(link);
    smew__list_append(&head, &entries[2].link);
    assert_int_equal(take_number(&head), 0);
    assert_int_equal(take_number(&head), 4);
    assert_int_equal(take_number(&head), 2);
    assert_int_equal(take_number(&head), -1);
    assert_true(smew__list_empty(&head));
}

static void test_move_all(void **state)
{
    struct entry entries[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    struct smew__list head;
    struct smew__list other;

    (void)state;
    smew__list_init(&head);
    smew__list_init(&other);
    smew__list_move_all(&head, &other);
    assert_true(smew__list_empty(&head));
    for (int i = 0; i < 4; i++)
        smew__list_append(i < 2 ? &head : &other, &entries[i].link);
    smew__list_move_all(&head, &other);
    assert_true(smew__list_empty(&other));
    for (int i = 0; i < 4; i++)
        assert_int_equal(take_number(&head), i);
    for (int i = 0; i < 4; i++)
        smew__list_append(&other, &entries[i].link);
    smew__list_move_all(&head, &other);
    smew__list_remove(&entries[3].link);
    for (int i = 0; i < 3; i++)
        assert_int_equal(take_number(&head), i);
    assert_int_equal(take_number(&head), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_removal),
        cmocka_unit_test(test_move_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
