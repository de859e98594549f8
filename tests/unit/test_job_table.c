/* Jobs by id and by number, against an array. */
#include "job_table.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "attr.h"

enum { IDS = 5000, ROUNDS = 100000 };

static void it_finds_what_is_in_it(void **state UNUSED)
{
    static uint32_t numbers[IDS]; /* JOB_NONE: not in it */
    struct job_table table;
    uint64_t dice = 1;
    uint32_t count = 0;

    job_table_init(&table);
    for (int i = 0; i < IDS; i++)
        numbers[i] = JOB_NONE;
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t i;
        char id[32];

        dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        i = (uint32_t)((dice >> 33) % IDS);
        snprintf(id, sizeof id, "job-%u", i);
        assert_int_equal(job_table_find(&table, id), numbers[i]);
        if (numbers[i] == JOB_NONE) {
            numbers[i] = job_table_add(&table, id);
            count++;
            assert_string_equal(job_table_get(&table, numbers[i])->id, id);
        } else if (dice >> 60 < 6) {
            job_table_remove(&table, numbers[i]);
            assert_null(job_table_get(&table, numbers[i]));
            numbers[i] = JOB_NONE;
            count--;
        }
        assert_int_equal(table.count, count);
    }
    for (int i = 0; i < IDS; i++) {
        char id[32];

        snprintf(id, sizeof id, "job-%d", i);
        assert_int_equal(job_table_find(&table, id), numbers[i]);
        if (numbers[i] != JOB_NONE)
            job_table_remove(&table, numbers[i]);
    }
    assert_int_equal(table.count, 0);
    assert_int_equal(table.bytes, 0);
    assert_true(table.top <= IDS);
    assert_null(job_table_get(&table, IDS + 1));
    job_table_done(&table);
}

static void a_job_has_times_or_a_problem(void **state UNUSED)
{
    struct job_timing timing = {.start_s = 5};
    struct job_table table;
    struct timed_job *job;

    job_table_init(&table);
    job = job_table_get(&table, job_table_add(&table, "a"));
    job_table_set_problem(&table, job, "no zone");
    job_table_set_problem(&table, job, "no schedule");
    assert_string_equal(job->problem, "no schedule");
    assert_int_equal(table.problems, 1);
    job_table_set_timing(&table, job, &timing);
    assert_int_equal(job->timing.start_s, 5);
    assert_int_equal(table.problems, 0);
    job_table_set_problem(&table, job, "again");
    job_table_done(&table);
    assert_int_equal(table.problems, 0);
}

static void it_is_small(void **state UNUSED)
{
    enum { N = 100000 };
    struct job_table table;

    job_table_init(&table);
    for (int i = 0; i < N; i++) {
        char id[32];

        snprintf(id, sizeof id, "nightly-report-%06d", i);
        job_table_add(&table, id);
    }
    assert_true(job_table_bytes(&table) / N < 250);
    job_table_done(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_finds_what_is_in_it),
        cmocka_unit_test(a_job_has_times_or_a_problem),
        cmocka_unit_test(it_is_small),
    };

    return cmocka_run_group_tests_name("job_table", tests, NULL, NULL);
}
