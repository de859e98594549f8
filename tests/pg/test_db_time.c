/* db and time: queries that take long, deadlines that pass, and what that may cost others: not their turn,
 * and not the connection. */
#include "pg.h"

#include <string.h>

enum { DEADLINE_MS = 2000 };

static const struct db_stmt quick = {.name = "quick", .sql = "SELECT 7"};
static const struct db_stmt nap = {.sql = "SELECT pg_sleep(0.3)", .slow = true};

static int count_answered(const struct answer *answers, int count)
{
    int answered = 0;

    for (int i = 0; i < count; i++)
        answered += answers[i].times;
    return answered;
}

static void ask_many(struct pg *pg, const struct db_stmt *stmt, struct answer *answers, int count)
{
    for (int i = 0; i < count; i++) {
        answers[i] = (struct answer){0};
        db_query(pg->db, stmt, NULL, pg_on_answer, &answers[i]);
    }
}

/* Nor has a slow one to wait for more than a group of the others. */
static void who_is_quick_waits_for_one_that_is_slow_at_most(void **state)
{
    enum { SLOW = 6 };
    struct answer slow[SLOW], answer;
    struct pg *pg = pg_open(NULL);

    (void)state;
    ask_many(pg, &nap, slow, SLOW);
    for (int before = 0, round = 0; round < SLOW - 2; round++) {
        ask_many(pg, &quick, &answer, 1);
        pg_wait(pg, &answer.times, 1);
        pg_fail_unless(&answer, ERR_NONE, "", quick.sql);
        assert_in_range(count_answered(slow, SLOW), before, before + 1);
        before = count_answered(slow, SLOW);
    }
    pg_wait(pg, &slow[SLOW - 1].times, 1);
    for (int i = 0; i < SLOW; i++)
        pg_fail_unless(&slow[i], ERR_NONE, "", nap.sql);
    pg_close(pg);
}

/* Together they take longer than any of them may: each is answered, or is told in time that it will not be.
 */
static void many_that_are_slow_cost_nobody_the_connection(void **state)
{
    enum { SLOW = 12 };
    struct db_options options = {.deadline_ms = DEADLINE_MS, .statement_timeout_ms = 1000};
    struct pg *pg = pg_open(&options);
    struct answer slow[SLOW], answer;
    int done = 0, pid = db_backend_pid(pg->db);

    (void)state;
    ask_many(pg, &nap, slow, SLOW);
    while (count_answered(slow, SLOW) < SLOW) {
        ask_many(pg, &quick, &answer, 1);
        pg_wait(pg, &answer.times, 1);
        pg_fail_unless(&answer, ERR_NONE, "", quick.sql);
        pg_turn(pg, 50);
    }
    for (int i = 0; i < SLOW; i++) {
        done += slow[i].kind == ERR_NONE;
        if (slow[i].kind != ERR_NONE)
            pg_fail_unless(&slow[i], ERR_UNAVAILABLE, "had no time for it within", nap.sql);
    }
    assert_in_range(done, 1, SLOW - 1);
    assert_int_equal(pg->downs, 0);
    assert_int_equal(db_backend_pid(pg->db), pid);
    pg_close(pg);
}

/* The connection has the time from when it was sent. */
static void who_waited_before_he_was_sent_hears_in_time(void **state)
{
    struct db_options options = {.deadline_ms = DEADLINE_MS};
    struct pg *pg = pg_open(&options);
    struct answer first, second;

    (void)state;
    pg_ask(pg, &first, "SELECT pg_sleep(1.5)", NULL, 0);
    pg_turn(pg, 100);
    pg_ask(pg, &second, "SELECT pg_sleep(1)", NULL, 0);
    pg_wait(pg, &second.times, 1);
    pg_fail_unless(&first, ERR_NONE, "", "first");
    pg_fail_unless(&second, ERR_UNAVAILABLE, "within", "second");
    assert_string_equal(pg_value(pg, "SELECT 7"), "7"); /* behind it */
    assert_int_equal(second.times, 1);
    assert_int_equal(db_pending(pg->db), 0);
    assert_int_equal(pg->downs, 0);
    pg_close(pg);
}

static void who_is_run_again_alone_costs_nobody_the_connection(void **state)
{
    static const struct db_stmt sleep = {.name = "sleep", .sql = "SELECT pg_sleep(0.8)"};
    struct db_options options = {.deadline_ms = DEADLINE_MS};
    struct pg *pg = pg_open(&options);
    struct answer wrong, answers[4];

    (void)state;
    pg_ask(pg, &wrong, "SELECT 1/0", NULL, 0);
    ask_many(pg, &sleep, answers, ARRAY_LEN(answers));
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        pg_wait(pg, &answers[i].times, 1);
    pg_fail_unless(&wrong, ERR_INVALID, "division by zero", "wrong");
    pg_fail_unless(&answers[3], ERR_UNAVAILABLE, "within", sleep.sql);
    assert_string_equal(pg_value(pg, "SELECT 7"), "7");
    assert_int_equal(pg->downs, 0);
    pg_close(pg);
}

static void a_server_that_says_nothing_is_left(void **state)
{
    struct db_options options = {.deadline_ms = DEADLINE_MS};
    struct pg *pg = pg_open(&options);
    struct answer answer, slow;

    (void)state;
    pg_control("freeze");
    ask_many(pg, &quick, &answer, 1);
    ask_many(pg, &nap, &slow, 1);
    pg_wait(pg, &pg->downs, 1);
    assert_non_null(strstr(pg->down_text, "has not answered within 2000 ms"));
    assert_int_equal(answer.times, 1);
    pg_fail_unless(&answer, ERR_UNAVAILABLE, "whether the statement was done is not known", quick.sql);
    assert_int_equal(slow.times, 1);
    pg_control("thaw");
    pg_wait(pg, &pg->ups, 2);
    assert_string_equal(pg_value(pg, "SELECT 7"), "7");
    pg_close(pg);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_quick_waits_for_one_that_is_slow_at_most),
        cmocka_unit_test(many_that_are_slow_cost_nobody_the_connection),
        cmocka_unit_test(who_waited_before_he_was_sent_hears_in_time),
        cmocka_unit_test(who_is_run_again_alone_costs_nobody_the_connection),
        cmocka_unit_test(a_server_that_says_nothing_is_left),
    };

    pg_filter();
    return cmocka_run_group_tests_name("db_time", tests, NULL, NULL);
}
