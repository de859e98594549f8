/* What a job owes: rows, and a property against counting by hand. */
#include "due.h"
#include "test.h"

#include <string.h>

#include "attr.h"
#include "job_timing.h"
#include "zone.h"

enum { T = 1764066600 }; /* 2025-11-25 10:30:00 UTC */

struct due_case {
    const char *name, *schedule, *end;
    int64_t cursor, since; /* from T; NONE: no cursor */
    int64_t now, grace;
    int64_t fire, coalesced, missed_at, missed, next; /* times from T; NONE: none */
};

enum { NONE = INT32_MAX, END = INT32_MIN };

static struct due_case cases[] = {
    {"on time", "0 * *", NULL, 0, -9999, 60, 3600, 60, 0, NONE, 0, 120},
    {"late", "0 * *", NULL, 0, -9999, 61, 3600, 60, 0, NONE, 0, 120},
    {"not yet", "0 * *", NULL, 0, -9999, 59, 3600, NONE, 0, NONE, 0, 60},
    {"three become one", "0 * *", NULL, 0, -9999, 185, 3600, 180, 2, NONE, 0, 240},
    {"at the end of the grace it still counts", "0 * *", NULL, 0, -9999, 70, 10, 60, 0, NONE, 0, 120},
    {"beyond the grace it is missed", "0 * *", NULL, 0, -9999, 71, 10, NONE, 0, 60, 1, 120},
    {"some are missed, some are not", "0 * *", NULL, 0, -9999, 300, 60, 300, 1, 180, 3, 360},
    {"without a grace only this second counts", "0 * *", NULL, 0, -9999, 120, 0, 120, 0, 60, 1, 180},
    {"a new job: its first second counts", "0 * *", NULL, NONE, 60, 60, 3600, 60, 0, NONE, 0, 120},
    {"a new job: what was before does not", "0 * *", NULL, NONE, 61, 119, 3600, NONE, 0, NONE, 0, 120},
    {"a job that was changed after its cursor", "0 * *", NULL, 0, 150, 200, 3600, 180, 0, NONE, 0, 240},
    {"a cursor ahead of a clock that was set back", "0 * *", NULL, 600, -9999, 60, 3600, NONE, 0, NONE, 0,
     660},
    {"the last fire of all", "0 * *", "2025-11-25T10:31:00", 0, -9999, 90, 3600, 60, 0, NONE, 0, NONE},
    {"ended", "0 * *", "2025-11-25T10:31:00", 60, -9999, 90, 3600, NONE, 0, NONE, 0, NONE},
    {"a week of seconds", "*", NULL, 0, -9999, 604800, 3600, 604800, 3600, 601199, 601199, 604801},
};

static struct zones *zones;

static int64_t at(int64_t offset)
{
    return offset == NONE ? 0 : T + offset;
}

static void compile(const char *schedule, const char *end, struct job_timing *ret)
{
    struct job_timing_texts texts = {.schedule = schedule, .schedule_end = end};
    struct err err = {0};

    if (!job_timing_compile(&texts, zones, ret, &err))
        fail_msg("%s: %s", schedule, err.text);
}

static void check(void **state)
{
    const struct due_case *c = *state;
    AUTO_JOB_TIMING struct job_timing timing;
    int64_t cursor = c->cursor == NONE ? INT64_MIN : T + c->cursor;
    struct due due;

    compile(c->schedule, c->end, &timing);
    due_begin(&due, due_next(&timing, due_from(cursor, T + c->since)), T + c->now, c->grace);
    while (!due_count(&due, &timing, 1000))
        assert_true(due.next_s <= T + c->now);
    assert_int_equal(due.fire_s, at(c->fire));
    assert_int_equal(due.coalesced, c->coalesced);
    if (c->coalesced == 0)
        assert_int_equal(due.first_s, due.fire_s);
    else
        assert_true(due.first_s < due.fire_s && due.first_s > due.missed_s);
    assert_int_equal(due.missed_s, at(c->missed_at));
    assert_int_equal(due.missed_first_s,
                     c->missed == 0 ? 0 : due_next(&timing, due_from(cursor, T + c->since)));
    assert_int_equal(due.missed, c->missed);
    assert_int_equal(due.next_s, at(c->next));
}

/* However it is cut into portions, each fire time is counted once, and by its age. */
static void portions_make_no_difference(void **state UNUSED)
{
    AUTO_JOB_TIMING struct job_timing timing;

    compile("*/7 */3", NULL, &timing);
    for (int64_t now = T; now < T + 5000; now += 37) {
        struct due due;
        int64_t fires = 0, missed = 0, next;

        for (next = due_next(&timing, T); next <= now; next = due_next(&timing, next + 1)) {
            fires += next >= now - 600;
            missed += next < now - 600;
        }
        due_begin(&due, due_next(&timing, T), now, 600);
        while (!due_count(&due, &timing, 1 + (int)(now % 5)))
            ;
        assert_int_equal(due.coalesced + (due.fire_s != 0), fires);
        assert_int_equal(due.missed, missed);
        assert_int_equal(due.next_s, next);
    }
}

static int begin(void **state UNUSED)
{
    zones = zones_new(NULL);
    return 0;
}

static int end(void **state UNUSED)
{
    zones_free(zones);
    return 0;
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(cases) + 1];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        tests[i] = (struct CMUnitTest){cases[i].name, check, NULL, NULL, &cases[i]};
    tests[ARRAY_LEN(cases)] = (struct CMUnitTest)cmocka_unit_test(portions_make_no_difference);
    return cmocka_run_group_tests_name("due", tests, begin, end);
}
