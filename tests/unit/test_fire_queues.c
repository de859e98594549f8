/* The containers of what the runner keeps of due jobs: the index, the heap, the line. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "attr.h"
#include "fire_heap.h"
#include "fire_index.h"
#include "fire_line.h"
#include "fires.h"

enum { MANY = 5000 };

static void the_index_finds_what_it_has(void **state UNUSED)
{
    struct fire_index index = {0};
    struct fire *fires[MANY];
    char id[20];

    assert_null(fire_index_find(&index, "0"));
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "job-%d", i);
        fires[i] = fire_new(id);
        fire_index_add(&index, fires[i]);
    }
    assert_null(fire_index_find(&index, "job"));
    for (int i = 0; i < MANY; i++) {
        assert_ptr_equal(fire_index_find(&index, fires[i]->job_id), fires[i]);
        fire_index_remove(&index, fires[i]);
        assert_null(fire_index_find(&index, fires[i]->job_id));
        fire_free(fires[i]);
    }
    assert_int_equal(index.count, 0);
    assert_true(index.size <= 64);
    fire_index_done(&index);
}

static void one_beside_the_index_is_not_removed_from_it(void **state UNUSED)
{
    struct fire_index index = {0};
    struct fire *in = fire_new("j"), *beside = fire_new("j");

    fire_index_add(&index, in);
    fire_index_remove(&index, beside);
    assert_ptr_equal(fire_index_find(&index, "j"), in);
    fire_index_remove(&index, in);
    fire_free(in);
    fire_free(beside);
    fire_index_done(&index);
}

static void the_heap_gives_the_smallest(void **state UNUSED)
{
    struct fire_heap heap = {0};
    struct fire *fires[MANY];
    int64_t last = -1;

    srandom(1);
    for (int i = 0; i < MANY; i++) {
        fires[i] = fire_new("j");
        fire_heap_add(&heap, fires[i], random() % 1000);
    }
    for (int i = 0; i < MANY; i += 3) { /* from the middle, too */
        fire_heap_remove(&heap, fires[i]);
        fire_free(fires[i]);
    }
    for (struct fire *fire; (fire = fire_heap_first(&heap)) != NULL;) {
        assert_true(fire->heap_key[0] >= last);
        last = fire->heap_key[0];
        fire_heap_remove(&heap, fire);
        fire_free(fire);
    }
    fire_heap_done(&heap);
}

static struct fire *waiting(struct fire_line *line, int64_t fire_s, int64_t next_s)
{
    struct fire *fire = fire_new("j");

    fire->main = (struct fire_span){.fire_s = fire_s, .first_s = fire_s, .count = 1, .next_s = next_s};
    fire_line_add(line, fire);
    return fire;
}

static void the_line_gives_the_oldest_and_the_newest(void **state UNUSED)
{
    static const int64_t order[] = {100, 104, 101, 103, 102};
    struct fire_line line;
    struct fire *fire;

    fire_line_init(&line);
    for (int64_t s = 104; s >= 100; s--)
        waiting(&line, s, 0);
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        fire = fire_line_take(&line);
        assert_int_equal(fire->main.fire_s, order[i]);
        fire_free(fire);
    }
    assert_null(fire_line_take(&line));
    assert_null(fire_line_newest(&line));
    fire_line_done(&line);
}

static void of_the_newest_the_one_that_is_due_again_soonest(void **state UNUSED)
{
    struct fire_line line;
    struct fire *never, *daily, *each_second, *older;

    fire_line_init(&line);
    never = waiting(&line, 200, 0);
    daily = waiting(&line, 200, 200 + 86400);
    each_second = waiting(&line, 200, 201);
    older = waiting(&line, 199, 200);
    assert_ptr_equal(fire_line_take(&line), older); /* the oldest */
    assert_ptr_equal(fire_line_newest(&line), each_second);
    assert_ptr_equal(fire_line_take(&line), each_second);
    fire_line_remove(&line, daily);
    assert_int_equal(fire_line_count(&line), 1);
    assert_ptr_equal(fire_line_at(&line, 0), never);
    assert_ptr_equal(fire_line_take(&line), never);
    fire_free(never);
    fire_free(daily);
    fire_free(each_second);
    fire_free(older);
    fire_line_done(&line);
}

/* So many wait; one place comes free at a time, and each second a new fire comes: it is soon given one, and
 * those that wait get every other one in order of age. */
static void a_newcomer_does_not_wait_for_the_crowd(void **state UNUSED)
{
    enum { PER_SECOND = 10 };
    struct fire_line line;
    int64_t oldest = 0;

    fire_line_init(&line);
    for (int i = 0; i < MANY; i++)
        waiting(&line, 1000 + i / 100, 90000);
    for (int64_t now = 2000; fire_line_count(&line) > 1; now++) {
        struct fire *newcomer = waiting(&line, now, now + 1);

        for (int i = 0; i < PER_SECOND && fire_line_count(&line) > 0; i++) {
            bool is_oldest = !line.newest_is_next;
            struct fire *fire = fire_line_take(&line);

            if (fire == newcomer)
                assert_true(i < 2);
            if (is_oldest && fire != newcomer) {
                assert_true(fire->main.fire_s >= oldest);
                oldest = fire->main.fire_s;
            }
            fire_free(fire);
        }
    }
    while (fire_line_count(&line) > 0)
        fire_free(fire_line_take(&line));
    fire_line_done(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_index_finds_what_it_has),
        cmocka_unit_test(one_beside_the_index_is_not_removed_from_it),
        cmocka_unit_test(the_heap_gives_the_smallest),
        cmocka_unit_test(the_line_gives_the_oldest_and_the_newest),
        cmocka_unit_test(of_the_newest_the_one_that_is_due_again_soonest),
        cmocka_unit_test(a_newcomer_does_not_wait_for_the_crowd),
    };
    return cmocka_run_group_tests_name("fire queues", tests, NULL, NULL);
}
