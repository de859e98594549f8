/* db against a PostgreSQL that works: answers, groups, errors, streams, notifications, and being freed
 * anywhere. */
#include "pg.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "db_internal.h"
#include "mem.h"

/* --- one query --- */

static int reads(void **state)
{
    *state = pg_open(NULL);
    return 0;
}

static int ends(void **state)
{
    pg_close(*state);
    return 0;
}

static void on_types(void *arg, const struct db_result *result, const struct err *err)
{
    ++*(int *)arg;
    assert_null(err);
    assert_int_equal(db_rows(result), 2);
    assert_int_equal(db_columns(result), 6);
    assert_string_equal(db_text(result, 0, 0), "h\xc3\xa9llo");
    assert_int_equal(db_length(result, 0, 0), 6);
    assert_int_equal(db_int64(result, 0, 1), INT64_MIN);
    assert_true(db_bool(result, 0, 2));
    assert_false(db_bool(result, 1, 2));
    assert_true(db_double(result, 0, 3) == 0.1 + 0.2);
    assert_string_equal(db_text(result, 0, 4),
                        "2026-11-24 10:30:00+00"); /* in UTC, whatever the server's zone */
    assert_true(db_is_null(result, 0, 5));
    assert_null(db_text(result, 0, 5));
    assert_int_equal(db_int64(result, 0, 5), 0);
    assert_int_equal(db_find_column(result, "Big"), 1);
    assert_int_equal(db_find_column(result, "big"), -1);
}

static void a_result_is_read_by_getters(void **state)
{
    static const struct db_stmt stmt = {
        .name = "types",
        .sql = "SELECT $1::text, $2::bigint AS \"Big\", b, 0.1::float8 + 0.2, '2026-11-24 "
               "11:30+01'::timestamptz,"
               " $3::int FROM unnest('{t,f}'::bool[]) AS b",
        .params = 3,
    };
    const char *params[] = {"h\xc3\xa9llo", "-9223372036854775808", NULL};
    struct pg *pg = *state;
    int answered = 0;

    for (int i = 1; i <= 3; i++) { /* prepared by the first */
        db_query(pg->db, &stmt, params, on_types, &answered);
        assert_int_equal(answered, i - 1); /* never from inside the call */
        pg_wait(pg, &answered, i);
    }
    assert_string_equal(pg_value(pg, "SELECT count(*) FROM pg_prepared_statements WHERE name = 'types'"),
                        "1");
    assert_int_equal(db_pending(pg->db), 0);
    assert_true(clock_monotonic_us(&clock_system) - db_last_answer_us(pg->db) < 30 * 1000000);
}

struct error_case {
    const char *name, *sql;
    enum err_kind kind;
    const char *words;
};

static struct error_case errors[] = {
    {"a duplicate is a conflict", "INSERT INTO e VALUES (1)", ERR_CONFLICT, "e_pkey\" (SQLSTATE 23505)"},
    {"a broken CHECK is invalid", "INSERT INTO e VALUES (-1)", ERR_INVALID,
     "violates check constraint \"e_id_check\""},
    {"not a number is invalid", "SELECT 'x'::int", ERR_INVALID,
     "invalid input syntax for type integer: \"x\""},
    {"a missing table is ours to mend", "SELECT * FROM no_such", ERR_INTERNAL,
     "relation \"no_such\" does not exist"},
    {"two statements are not one", "SELECT 1; SELECT 2", ERR_INTERNAL, "cannot insert multiple commands"},
    {"a deadlock is for later", "DO $$BEGIN RAISE SQLSTATE '40P01'; END$$", ERR_UNAVAILABLE, "40P01"},
    {"no memory is for later", "DO $$BEGIN RAISE SQLSTATE '53200'; END$$", ERR_UNAVAILABLE, "53200"},
    {"a privilege that is missing", "DO $$BEGIN RAISE SQLSTATE '42501'; END$$", ERR_DENIED, "42501"},
    {"a hint is passed on", "DO $$BEGIN RAISE 'no' USING HINT = 'do that'; END$$", ERR_INTERNAL,
     "no; do that"},
    {"the detail, which has the row, is not", "DO $$BEGIN RAISE 'no' USING DETAIL = 'hush'; END$$",
     ERR_INTERNAL, "the database says: no (SQLSTATE P0001)"},
    {"COPY is refused", "COPY e TO STDOUT", ERR_INTERNAL, ""},
};

static void check_error(void **state)
{
    const struct error_case *c = *state;
    struct pg *pg = pg_open(NULL);
    struct answer answer;

    pg_value(pg, "CREATE TABLE IF NOT EXISTS e (id int PRIMARY KEY CHECK (id > 0))");
    pg_value(pg, "INSERT INTO e VALUES (1) ON CONFLICT DO NOTHING");
    answer = pg_run(pg, c->sql);
    pg_fail_unless(&answer, c->kind, c->words, c->sql);
    for (int i = 0; !db_is_up(pg->db) && i < 1; i++) /* COPY costs the connection */
        pg_wait(pg, &pg->ups, 2);
    assert_string_equal(pg_value(pg, "SELECT 7"), "7"); /* and all goes on */
    pg_close(pg);
}

static void a_statement_that_is_wrong_stays_wrong(void **state)
{
    static const struct db_stmt stmt = {.name = "wrong", .sql = "SELECT oops FROM nothing"};
    struct pg *pg = *state;
    struct answer answers[3] = {0};

    for (int round = 0; round < 2; round++) {
        memset(answers, 0, sizeof answers);
        for (size_t i = 0; i < ARRAY_LEN(answers); i++)
            db_query(pg->db, &stmt, NULL, pg_on_answer, &answers[i]);
        for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
            pg_wait(pg, &answers[i].times, 1);
            pg_fail_unless(&answers[i], ERR_INTERNAL, "relation \"nothing\" does not exist", stmt.sql);
        }
    }
    assert_int_equal(pg->ups, 1);
}

static void a_statement_made_useless_costs_a_connection_and_works_again(void **state)
{
    static const struct db_stmt stmt = {.name = "star", .sql = "SELECT * FROM star"};
    struct pg *pg = *state;
    struct answer answer = {0};

    pg_value(pg, "CREATE TABLE star AS SELECT 1 AS a");
    db_query(pg->db, &stmt, NULL, pg_on_answer, &answer);
    pg_wait(pg, &answer.times, 1);
    assert_string_equal(answer.value, "1");
    pg_value(pg, "ALTER TABLE star ALTER a TYPE text USING 'now text'");
    answer = (struct answer){0};
    db_query(pg->db, &stmt, NULL, pg_on_answer, &answer);
    pg_wait(pg, &answer.times, 1);
    pg_fail_unless(&answer, ERR_UNAVAILABLE, "cached plan must not change result type", stmt.sql);
    pg_wait(pg, &pg->ups, 2);
    answer = (struct answer){0};
    db_query(pg->db, &stmt, NULL, pg_on_answer, &answer);
    pg_wait(pg, &answer.times, 1);
    assert_string_equal(answer.value, "now text");
    pg_value(pg, "DEALLOCATE ALL");
    answer = (struct answer){0};
    db_query(pg->db, &stmt, NULL, pg_on_answer, &answer);
    pg_wait(pg, &answer.times, 1);
    pg_fail_unless(&answer, ERR_UNAVAILABLE, "does not exist", stmt.sql);
    pg_wait(pg, &pg->ups, 3);
    pg_value(pg, "DROP TABLE star");
}

static void arrays_arrive_as_they_are(void **state)
{
    static const struct db_stmt stmt = {
        .name = "arrays",
        .sql = "SELECT string_agg(coalesce(a, '<null>') || b || coalesce(c::text, '-'), '|' ORDER BY n)"
               " FROM unnest($1::text[], $2::bigint[], $3::bool[]) WITH ORDINALITY AS x (a, b, c, n)",
        .params = 3,
    };
    AUTO_DB_ARRAY struct db_array a, b, c, none;
    struct pg *pg = *state;
    struct answer answer = {0};

    db_array_init(&a);
    db_array_init(&b);
    db_array_init(&c);
    db_array_init(&none);
    db_array_text(&a, "a\"b\\c,{}");
    db_array_text(&a, "NULL");
    db_array_text(&a, NULL);
    db_array_text(&a, "");
    db_array_int64(&b, 1);
    db_array_int64(&b, -2);
    db_array_int64(&b, INT64_MAX);
    db_array_int64(&b, 0);
    db_array_bool(&c, true);
    db_array_bool(&c, false);
    db_array_null(&c);
    db_array_bool(&c, true);
    db_query(pg->db, &stmt, (const char *const[]){db_array_end(&a), db_array_end(&b), db_array_end(&c)},
             pg_on_answer, &answer);
    pg_wait(pg, &answer.times, 1);
    assert_string_equal(answer.value, "a\"b\\c,{}1true|NULL-2false|<null>9223372036854775807-|0true");
    assert_string_equal(db_array_end(&none), "{}");
    assert_string_equal(db_array_end(&none), "{}");
}

static void a_session_has_its_settings(void **state)
{
    AUTO_FREE char *url = pg_url_with("options=-c%20lock_timeout%3D5s%20-c%20work_mem%3D2MB");
    struct db_options options = {.url = url,
                                 .application_name = "tester",
                                 .statement_timeout_ms = 1234,
                                 .lock_timeout_ms = 99,
                                 .session_options = "-c work_mem=1MB -c enable_seqscan=off"};
    struct pg *pg = pg_open(&options);

    (void)state;
    assert_string_equal(pg_value(pg, "SHOW statement_timeout"), "1234ms");
    assert_string_equal(pg_value(pg, "SHOW lock_timeout"), "5s"); /* the URL's go before ours */
    assert_string_equal(pg_value(pg, "SHOW work_mem"), "2MB");
    assert_string_equal(pg_value(pg, "SHOW enable_seqscan"), "off");
    assert_string_equal(pg_value(pg, "SHOW application_name"), "tester");
    assert_string_equal(pg_value(pg, "SHOW timezone"), "UTC");
    assert_string_equal(pg_value(pg, "SHOW client_encoding"), "UTF8");
    assert_string_equal(pg_value(pg, "SHOW client_connection_check_interval"), "1s");
    assert_string_equal(pg_value(pg, "SHOW jit"), "off");
    assert_int_equal(db_backend_pid(pg->db), atoi(pg_value(pg, "SELECT pg_backend_pid()")));
    pg_close(pg);
}

/* --- groups --- */

enum { GROUP = 20 };

static const struct db_stmt insert_g = {
    .name = "insert_g",
    .sql = "INSERT INTO g (id) VALUES ($1::int) RETURNING pg_current_xact_id()",
    .params = 1,
};

static void insert_many(struct pg *pg, struct answer *answers, const int *ids, int count)
{
    char id[16];

    for (int i = 0; i < count; i++) {
        answers[i] = (struct answer){0};
        snprintf(id, sizeof id, "%d", ids[i]);
        db_query(pg->db, &insert_g, (const char *const[]){id}, pg_on_answer, &answers[i]);
    }
    for (int i = 0; i < count; i++)
        pg_wait(pg, &answers[i].times, 1);
}

static int has_table_g(void **state)
{
    struct pg *pg = pg_open(NULL);

    pg_value(pg, "DROP TABLE IF EXISTS g");
    pg_value(pg,
             "CREATE TABLE g (id int PRIMARY KEY, parent int REFERENCES g DEFERRABLE INITIALLY DEFERRED)");
    *state = pg;
    return 0;
}

static void what_is_asked_together_is_one_transaction(void **state)
{
    struct pg *pg = *state;
    struct answer answers[GROUP];
    int ids[GROUP];

    for (int i = 0; i < GROUP; i++)
        ids[i] = i;
    insert_many(pg, answers, ids, GROUP);
    for (int i = 0; i < GROUP; i++) {
        assert_int_equal(answers[i].kind, ERR_NONE);
        assert_string_equal(answers[i].value, answers[0].value);
    }
}

static void what_is_asked_meanwhile_is_the_next_one(void **state)
{
    struct pg *pg = *state;
    struct pg *holder = pg_open(NULL);
    struct answer waiting, answers[GROUP];
    char id[16];

    pg_value(holder, "SELECT pg_advisory_lock(7)");
    pg_ask(pg, &waiting, "SELECT pg_advisory_xact_lock(7)", NULL, 0);
    while (
        strcmp(pg_value(holder, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"),
               "1") != 0)
        pg_turn(pg, 1);
    for (int i = 0; i < GROUP; i++) {
        answers[i] = (struct answer){0};
        snprintf(id, sizeof id, "%d", i);
        db_query(pg->db, &insert_g, (const char *const[]){id}, pg_on_answer, &answers[i]);
        pg_turn(pg, 1);
    }
    assert_int_equal(waiting.times, 0);
    pg_close(holder);
    pg_wait(pg, &answers[GROUP - 1].times, 1);
    for (int i = 0; i < GROUP; i++)
        assert_string_equal(answers[i].value, answers[0].value);
}

/* In whatever place the bad one is, its neighbours are done, each exactly once. */
static void an_error_costs_its_neighbours_nothing(void **state)
{
    struct pg *pg = *state;
    struct answer answers[GROUP], count;
    int ids[GROUP];

    for (int bad = 0; bad < GROUP; bad++) {
        pg_value(pg, "TRUNCATE g");
        pg_value(pg, "INSERT INTO g VALUES (1000)");
        for (int i = 0; i < GROUP; i++)
            ids[i] = i == bad ? 1000 : i;
        insert_many(pg, answers, ids, GROUP);
        for (int i = 0; i < GROUP; i++)
            pg_fail_unless(&answers[i], i == bad ? ERR_CONFLICT : ERR_NONE, i == bad ? "23505" : "",
                           "insert");
        if (bad > 1)
            assert_string_not_equal(answers[0].value, answers[1].value); /* each on its own */
        count = pg_run(pg, "SELECT count(*) FROM g");
        assert_string_equal(count.value, "20");
    }
}

/* Two who want the same: the first one gets it, also when all are run again. */
static void an_error_between_neighbours_is_fair(void **state)
{
    struct pg *pg = *state;
    struct answer answers[4];

    insert_many(pg, answers, (const int[]){1, 2, 1, 3}, 4);
    pg_fail_unless(&answers[0], ERR_NONE, "", "1");
    pg_fail_unless(&answers[1], ERR_NONE, "", "2");
    pg_fail_unless(&answers[2], ERR_CONFLICT, "23505", "1 again");
    pg_fail_unless(&answers[3], ERR_NONE, "", "3");
}

/* An error that only the commit finds. */
static void an_error_of_the_commit_is_told(void **state)
{
    struct pg *pg = *state;
    struct answer answers[3], alone;

    pg_ask(pg, &answers[0], "INSERT INTO g VALUES (1, NULL)", NULL, 0);
    pg_ask(pg, &answers[1], "INSERT INTO g VALUES (2, 99)", NULL, 0);
    pg_ask(pg, &answers[2], "INSERT INTO g VALUES (3, 1)", NULL, 0);
    pg_wait(pg, &answers[2].times, 1);
    pg_fail_unless(&answers[0], ERR_NONE, "", "1");
    pg_fail_unless(&answers[1], ERR_INVALID, "23503", "2");
    pg_fail_unless(&answers[2], ERR_NONE, "", "3");
    alone = pg_run(pg, "INSERT INTO g VALUES (4, 98)");
    pg_fail_unless(&alone, ERR_INVALID, "23503", "4");
    assert_string_equal(pg_value(pg, "SELECT string_agg(id::text, ',' ORDER BY id) FROM g"), "1,3");
    assert_int_equal(pg->ups, 1);
}

/* The server does what it is asked, and libpq reads something else in the place of its answer: the end of a
 * socket of ours, under the number that the connection's had. */
static void an_error_of_libpqs_own_does_not_say_that_nothing_was_done(void **state)
{
    static const char odd[] = "?\0\0\0\4"; /* no message of the protocol */
    struct pg *pg = *state;
    struct answer answers[2] = {0};
    int ends[2], server;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    assert_int_equal(write(ends[0], odd, sizeof odd - 1), sizeof odd - 1);
    db_query(pg->db, &insert_g, (const char *const[]){"1"}, pg_on_answer, &answers[0]);
    db_query(pg->db, &insert_g, (const char *const[]){"2"}, pg_on_answer, &answers[1]);
    while (pg->db->cur == NULL) /* until they are sent */
        event_base_loop(pg->base, EVLOOP_ONCE);
    server = fcntl(PQsocket(pg->db->pg), F_DUPFD_CLOEXEC, 0); /* its answer is still the event */
    assert_int_equal(dup3(ends[1], PQsocket(pg->db->pg), O_CLOEXEC), PQsocket(pg->db->pg));
    pg_wait(pg, &answers[1].times, 1);
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        assert_int_equal(answers[i].times, 1);
        pg_fail_unless(&answers[i], ERR_UNAVAILABLE, "whether the statement was done is not known",
                       insert_g.sql);
    }
    close(server);
    close(ends[0]);
    close(ends[1]);
    pg_wait(pg, &pg->ups, 2);
    assert_string_equal(pg_value(pg, "SELECT count(*) FROM g"), "2");
}

static void a_great_many_are_several_groups(void **state)
{
    enum { MANY = 3 * DB_GROUP_MAX + 7 };
    static struct answer answers[MANY];
    static int ids[MANY];
    struct pg *pg = *state;

    for (int i = 0; i < MANY; i++)
        ids[i] = i == 700 ? 3 : i; /* the second group has an error */
    insert_many(pg, answers, ids, MANY);
    for (int i = 0; i < MANY; i++)
        pg_fail_unless(&answers[i], i == 700 ? ERR_CONFLICT : ERR_NONE, "", "insert");
    assert_string_equal(answers[0].value, answers[DB_GROUP_MAX - 1].value);
    assert_string_not_equal(answers[0].value, answers[DB_GROUP_MAX * 3].value);
    assert_string_equal(pg_value(pg, "SELECT count(*) FROM g"), "1506");
}

static const struct db_stmt update_g = {
    .name = "update_g",
    /* RETURNING sleeps with the lock in its hands. */
    .sql = "UPDATE g SET parent = NULL WHERE id = $1::int RETURNING pg_current_xact_id(), pg_sleep(0.2)",
    .params = 1,
    .locks = 1,
};

/* A deadlock would undo one of the two groups, whose queries were then each in a transaction of its own. */
static void who_locks_the_same_rows_in_another_order_just_waits(void **state)
{
    const char *const rows[] = {"1", "2", "3", "2", "1"};
    struct pg *pg = *state;
    const struct db_options options = {.url = pg_url()};
    struct db *dbs[] = {pg->db, db_new(pg->base, &options, NULL)};
    struct answer answers[2][ARRAY_LEN(rows) - 2] = {0}, up = {0};

    pg_value(pg, "INSERT INTO g VALUES (1), (2), (3)");
    while (up.times == 0 || up.kind != ERR_NONE) {
        up.times = 0;
        db_ping(dbs[1], pg_on_answer, &up);
        pg_wait(pg, &up.times, 1);
    }
    for (size_t d = 0; d < ARRAY_LEN(dbs); d++)
        for (size_t i = 0; i < ARRAY_LEN(answers[d]); i++)
            db_query(dbs[d], &update_g, &rows[2 * d + i], pg_on_answer, &answers[d][i]);
    for (size_t d = 0; d < ARRAY_LEN(dbs); d++) {
        for (size_t i = 0; i < ARRAY_LEN(answers[d]); i++) {
            pg_wait(pg, &answers[d][i].times, 1);
            assert_int_equal(answers[d][i].kind, ERR_NONE);
            assert_string_equal(answers[d][i].value, answers[d][0].value);
        }
    }
    db_free(dbs[1]);
}

static void who_runs_too_long_is_not_run_again(void **state)
{
    struct db_options options = {.statement_timeout_ms = 300};
    struct pg *pg = pg_open(&options);
    struct answer answers[3];
    int64_t start = clock_monotonic_ms(&clock_system);

    (void)state;
    pg_value(pg, "DROP TABLE IF EXISTS slow");
    pg_value(pg, "CREATE TABLE slow (id int)");
    pg_ask(pg, &answers[0], "INSERT INTO slow VALUES (1)", NULL, 0);
    pg_ask(pg, &answers[1], "SELECT pg_sleep(100)", NULL, 0);
    pg_ask(pg, &answers[2], "INSERT INTO slow VALUES (2)", NULL, 0);
    pg_wait(pg, &answers[2].times, 1);
    pg_fail_unless(&answers[0], ERR_NONE, "", "1");
    pg_fail_unless(&answers[1], ERR_UNAVAILABLE, "statement timeout", "sleep");
    pg_fail_unless(&answers[2], ERR_NONE, "", "2");
    assert_string_equal(pg_value(pg, "SELECT count(*) FROM slow"), "2");
    assert_true(clock_monotonic_ms(&clock_system) - start >= 300);
    pg_close(pg);
}

static void who_is_asked_first_stands_in_no_line(void **state)
{
    static const struct db_stmt first = {.sql = "SELECT 'first'"};
    struct db_options options = {.queue_max = 3};
    struct pg *pg = pg_open(&options);
    struct answer answers[4], answer = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        pg_ask(pg, &answers[i], "SELECT pg_sleep(0.3)", NULL, 0);
    db_query_first(pg->db, &first, NULL, pg_on_answer, &answer);
    pg_wait(pg, &answer.times, 1);
    pg_fail_unless(&answer, ERR_NONE, "", first.sql);
    pg_fail_unless(&answers[3], ERR_UNAVAILABLE, "3 queries wait for it already", "sleep");
    assert_int_equal(answers[2].times, 0);
    pg_wait(pg, &answers[2].times, 1);
    pg_fail_unless(&answers[2], ERR_NONE, "", "sleep");
    pg_close(pg);
}

static const struct db_stmt touch_g = {
    .name = "touch_g",
    .sql = "UPDATE g SET parent = NULL WHERE id = $1::int RETURNING pg_current_xact_id()",
    .params = 1,
    .locks = 1,
};

/* Ten rows, and somebody whose transaction has those that the condition says. */
static struct pg *lock_rows(const char *condition)
{
    AUTO_FREE char *lock =
        mem_printf("SELECT count(*) FROM (SELECT FROM g WHERE %s FOR UPDATE) AS locked", condition);
    struct pg *holder = pg_open(NULL);

    pg_value(holder, "DROP TABLE IF EXISTS g");
    pg_value(holder, "CREATE TABLE g (id int PRIMARY KEY, parent int)");
    pg_value(holder, "INSERT INTO g SELECT generate_series(0, 9)");
    assert_int_equal(pg_run(holder, "BEGIN").kind, ERR_NONE);
    pg_value(holder, lock);
    return holder;
}

static void a_locked_row_holds_up_who_wants_it_and_nobody_else(void **state)
{
    const char *const rows[] = {"1", "2", "2", "3"};
    struct db_options options = {.lock_timeout_ms = 500};
    struct pg *holder = lock_rows("id = 2"), *pg = pg_open(&options);
    struct answer answers[ARRAY_LEN(rows)] = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        db_query(pg->db, &touch_g, &rows[i], pg_on_answer, &answers[i]);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        pg_wait(pg, &answers[i].times, 1);
        pg_fail_unless(&answers[i], i == 1 || i == 2 ? ERR_UNAVAILABLE : ERR_NONE,
                       i == 1 || i == 2 ? "SQLSTATE 55P03" : "", rows[i]);
        assert_int_equal(answers[i].locked, i == 1 || i == 2);
    }
    assert_string_equal(answers[0].value, answers[3].value); /* in one transaction, as ever */
    pg_close(holder);
    assert_int_equal(pg_run(pg, "UPDATE g SET parent = 1 WHERE id = 2").kind, ERR_NONE);
    pg_close(pg);
}

static void who_does_not_wait_long_costs_nobody_the_connection(void **state)
{
    static const struct db_stmt quick = {.sql = "SELECT 7"};
    struct pg *holder = lock_rows("id = 1"), *pg = pg_open(NULL);
    struct answer impatient = {0}, neighbour = {0};
    int pid = db_backend_pid(pg->db);

    (void)state;
    db_query(pg->db, &touch_g, (const char *const[]){"1"}, pg_on_answer, &neighbour);
    db_query_within(pg->db, &quick, NULL, 200, pg_on_answer, &impatient);
    pg_wait(pg, &impatient.times, 1);
    pg_fail_unless(&impatient, ERR_UNAVAILABLE, "not answered within 200 ms", quick.sql);
    assert_int_equal(neighbour.times, 0);
    pg_close(holder);
    pg_wait(pg, &neighbour.times, 1);
    pg_fail_unless(&neighbour, ERR_NONE, "", touch_g.sql);
    assert_string_equal(pg_value(pg, quick.sql), "7");
    assert_int_equal(impatient.times, 1);
    assert_int_equal(db_pending(pg->db), 0);
    assert_int_equal(db_backend_pid(pg->db), pid);
    assert_int_equal(pg->downs, 0);
    pg_close(pg);
}

/* They wait in vain, one after the other, and nearly all of them not long: who comes behind them, and wants
 * another row, has his turn in time. With the whole time for each of them he would not. */
static void many_locked_rows_hold_up_others_as_one_does(void **state)
{
    enum { ROWS = 10, FREE = ROWS };
    struct db_options options = {.lock_timeout_ms = 1000, .deadline_ms = 9000};
    struct pg *holder = lock_rows("true"), *pg = pg_open(&options);
    struct answer answers[ROWS + 1] = {0};
    char id[16];

    (void)state;
    for (int i = 0; i <= ROWS; i++) {
        snprintf(id, sizeof id, "%d", i == FREE ? 99 : i);
        db_query(pg->db, &touch_g, (const char *const[]){id}, pg_on_answer, &answers[i]);
    }
    for (int i = 0; i <= ROWS; i++) {
        pg_wait(pg, &answers[i].times, 1);
        pg_fail_unless(&answers[i], i == FREE ? ERR_NONE : ERR_UNAVAILABLE, i == FREE ? "" : "SQLSTATE 55P03",
                       "touch");
        assert_int_equal(answers[i].locked, i != FREE);
    }
    assert_string_equal(pg_value(pg, "SHOW lock_timeout"), "1s"); /* for those that come */
    assert_int_equal(pg->downs, 0);
    pg_close(holder);
    pg_close(pg);
}

/* --- streams --- */

struct stream {
    struct pg *pg;
    struct answer end;
    int64_t rows, sum, stop_at, free_at;
    long rss_kb, rss_max_kb;
    int64_t last_us, longest_us; /* without a turn of the loop */
};

static long rss_kb(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    long size, resident = 0;

    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld %ld", &size, &resident), 2);
    fclose(f);
    return resident * 4;
}

static bool on_row(void *arg, const struct db_result *row)
{
    struct stream *stream = arg;

    assert_int_equal(db_rows(row), 1);
    stream->rows++;
    stream->sum += db_int64(row, 0, 0);
    if (stream->rows % 10000 == 0 && rss_kb() > stream->rss_max_kb)
        stream->rss_max_kb = rss_kb();
    if (stream->rows == stream->free_at) {
        db_free(stream->pg->db);
        stream->pg->db = NULL;
    }
    return stream->rows != stream->stop_at;
}

static void on_end(void *arg, const struct db_result *result, const struct err *err)
{
    pg_on_answer(&((struct stream *)arg)->end, result, err);
}

static void on_tick(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct stream *stream = arg;
    int64_t now = clock_monotonic_us(&clock_system);

    if (stream->last_us != 0 && now - stream->last_us > stream->longest_us)
        stream->longest_us = now - stream->last_us;
    stream->last_us = now;
}

static const struct db_stmt million = {
    .name = "million",
    .sql = "SELECT i, repeat('x', 100) FROM generate_series(1, $1::int) AS i",
    .params = 1,
};

static void run_stream(struct stream *stream, const struct db_stmt *stmt, const char *const *params)
{
    stream->rss_kb = stream->rss_max_kb = rss_kb();
    db_stream(stream->pg->db, stmt, params, on_row, on_end, stream);
    pg_wait(stream->pg, &stream->end.times, 1);
}

static void a_million_rows_take_no_memory_and_let_the_loop_turn(void **state)
{
    struct stream stream = {.pg = *state};
    struct event *tick = event_new(stream.pg->base, -1, EV_PERSIST, on_tick, &stream);
    struct timeval tv = {0, 500};
    struct answer beside;

    event_add(tick, &tv);
    db_stream(stream.pg->db, &million, (const char *const[]){"1000000"}, on_row, on_end, &stream);
    pg_ask(stream.pg, &beside, "SELECT 'after it'", NULL, 0);
    stream.rss_kb = stream.rss_max_kb = rss_kb();
    pg_wait(stream.pg, &beside.times, 1);
    event_free(tick);
    assert_int_equal(stream.end.times, 1);
    assert_int_equal(stream.end.kind, ERR_NONE);
    assert_int_equal(stream.rows, 1000000);
    assert_int_equal(stream.sum, 500000500000);
    print_message("a million rows: %ld KB more memory, at most %jd us without a turn of the loop\n",
                  stream.rss_max_kb - stream.rss_kb, (intmax_t)stream.longest_us);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
    assert_true(stream.rss_max_kb - stream.rss_kb < 4096);
#endif
}

static void a_stream_may_be_enough(void **state)
{
    struct stream stream = {.pg = *state, .stop_at = 5};

    run_stream(&stream, &million, (const char *const[]){"100000"});
    assert_int_equal(stream.end.kind, ERR_NONE);
    assert_int_equal(stream.rows, 5);
    assert_string_equal(pg_value(*state, "SELECT 1"), "1");
}

static void a_stream_may_break_in_the_middle(void **state)
{
    static const struct db_stmt breaks = {.name = "breaks",
                                          .sql = "SELECT 1/(500-i) FROM generate_series(1, 1000) AS i"};
    struct stream stream = {.pg = *state};
    struct answer beside[2];

    pg_ask(*state, &beside[0], "SELECT 1", NULL, 0);
    db_stream(stream.pg->db, &breaks, NULL, on_row, on_end, &stream);
    pg_ask(*state, &beside[1], "SELECT 2", NULL, 0);
    pg_wait(*state, &beside[1].times, 1);
    pg_fail_unless(&stream.end, ERR_INVALID, "division by zero", "stream");
    assert_int_equal(stream.rows, 499);
    pg_fail_unless(&beside[0], ERR_NONE, "", "before");
    pg_fail_unless(&beside[1], ERR_NONE, "", "after");
}

static void a_stream_has_no_statement_timeout(void **state)
{
    static const struct db_stmt slow = {
        .name = "slow_rows", .sql = "SELECT i FROM generate_series(1, 8) AS i, pg_sleep(0.1 + i * 0)"};
    struct db_options options = {.statement_timeout_ms = 300};
    struct stream stream = {.pg = pg_open(&options)};
    struct answer answer;

    (void)state;
    run_stream(&stream, &slow, NULL);
    pg_fail_unless(&stream.end, ERR_NONE, "", slow.sql);
    assert_int_equal(stream.rows, 8);
    answer = pg_run(stream.pg, "SELECT pg_sleep(10)"); /* it is back */
    pg_fail_unless(&answer, ERR_UNAVAILABLE, "statement timeout", "sleep");
    pg_close(stream.pg);
}

static void a_stream_that_is_wrong_says_so(void **state)
{
    static const struct db_stmt wrong = {.name = "wrong_rows", .sql = "SELECT oops"};
    struct stream stream = {.pg = *state};

    run_stream(&stream, &wrong, NULL);
    pg_fail_unless(&stream.end, ERR_INTERNAL, "column \"oops\" does not exist", wrong.sql);
}

static void a_stream_may_free_its_db(void **state)
{
    struct stream stream = {.pg = *state, .free_at = 100};

    run_stream(&stream, &million, (const char *const[]){"100000"});
    pg_fail_unless(&stream.end, ERR_UNAVAILABLE, "stopping", "stream");
    assert_int_equal(stream.rows, 100);
}

/* --- notifications --- */

struct ear {
    int heard;
    char last[64];
    struct pg *free_it;
};

static void on_notify(void *arg, const char *channel, const char *payload)
{
    struct ear *ear = arg;

    ear->heard++;
    snprintf(ear->last, sizeof ear->last, "%s:%s", channel, payload);
    if (ear->free_it != NULL) {
        db_free(ear->free_it->db);
        ear->free_it->db = NULL;
    }
}

static void who_listens_hears(void **state)
{
    struct pg *pg = pg_begin(NULL);
    struct ear early = {0}, late = {0}, odd = {0};

    (void)state;
    db_listen(pg->db, "early", on_notify, &early);
    pg_wait(pg, &pg->ups, 1);
    db_listen(pg->db, "late", on_notify, &late);
    db_listen(pg->db, "o\"dd Name", on_notify, &odd);
    pg_value(pg, "SELECT pg_notify('early', 'a'), pg_notify('late', ''), pg_notify('o\"dd Name', 'x'),"
                 " pg_notify('other', '')");
    pg_wait(pg, &early.heard, 1);
    pg_wait(pg, &late.heard, 1);
    pg_wait(pg, &odd.heard, 1);
    assert_string_equal(early.last, "early:a");
    assert_string_equal(late.last, "late:");
    assert_string_equal(odd.last, "o\"dd Name:x");
    late.free_it = pg;
    pg_ask(pg, &(struct answer){0}, "SELECT pg_notify('late', 'b')", NULL, 0);
    pg_wait(pg, &late.heard, 2);
    assert_null(pg->db);
    pg_close(pg);
}

/* --- freed anywhere --- */

struct chain {
    struct pg *pg;
    int answered, failed;
    int again; /* asks so many more times */
    bool frees;
};

static void on_chain(void *arg, const struct db_result *result, const struct err *err)
{
    struct chain *chain = arg;
    static const struct db_stmt one = {.name = "one", .sql = "SELECT 1"};

    chain->answered++;
    chain->failed += err != NULL;
    if (chain->again-- > 0)
        db_query(chain->pg->db, &one, NULL, on_chain, chain);
    if (chain->frees && chain->pg->db != NULL) {
        struct db *db = chain->pg->db;

        chain->pg->db = NULL;
        db_free(db);
        if (result != NULL)
            assert_int_equal(db_int64(result, 0, 0), 1); /* the result is lent until we return */
    }
}

static void a_callback_may_ask_again(void **state)
{
    struct chain chain = {.pg = *state, .again = 100};

    db_ping(chain.pg->db, on_chain, &chain);
    pg_wait(chain.pg, &chain.answered, 101);
    assert_int_equal(chain.failed, 0);
}

static void a_callback_may_free_the_db(void **state)
{
    struct chain chains[4];
    struct pg *pg = *state;

    for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
        chains[i] = (struct chain){.pg = pg, .frees = i == 1};
        db_ping(pg->db, on_chain, &chains[i]);
    }
    pg_wait(pg, &chains[3].answered, 1);
    for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
        assert_int_equal(chains[i].answered, 1);
        assert_int_equal(chains[i].failed, 0); /* their answers were there */
    }
    assert_null(pg->db);
}

static void freeing_answers_all(void **state)
{
    struct chain chains[3];
    struct pg *pg = *state;

    for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
        chains[i] = (struct chain){.pg = pg, .again = i == 1};
        if (i == 2)
            pg_turn(pg, 0);
        db_ping(pg->db, on_chain, &chains[i]);
    }
    db_free(pg->db);
    pg->db = NULL;
    for (size_t i = 0; i < ARRAY_LEN(chains); i++)
        assert_int_equal(chains[i].answered, i == 1 ? 2 : 1);
}

static void frees_in_on_up(void *arg)
{
    struct pg *pg = arg;
    struct db *db = pg->db;

    pg->db = NULL;
    db_free(db);
}

static void it_may_be_freed_as_it_comes_up_or_before(void **state)
{
    struct pg *pg = pg_begin(NULL);

    (void)state;
    pg->on_up = frees_in_on_up;
    pg->arg = pg;
    pg_wait(pg, &pg->ups, 1);
    pg_close(pg);
    for (int turns = 0; turns < 12; turns++) { /* in every state on the way up */
        pg = pg_begin(NULL);
        for (int i = 0; i < turns && pg->ups == 0; i++)
            event_base_loop(pg->base, EVLOOP_ONCE);
        pg_close(pg);
    }
    db_free(NULL);
}

/* --- names of hosts, which a thread looks up --- */

static char *url_with_a_name(void)
{
    return mem_printf("host=localhost,%s port=1,5432 user=%s dbname=%s", getenv("PGHOST"), getenv("PGUSER"),
                      getenv("PGDATABASE"));
}

static void a_host_that_is_a_name_is_tried_like_others(void **state)
{
    AUTO_FREE char *url = url_with_a_name();
    struct pg *pg = pg_open(&(struct db_options){.url = url});

    (void)state;
    assert_string_equal(pg_value(pg, "SELECT 7"), "7");
    pg_close(pg);
}

static void it_may_be_freed_while_a_name_is_looked_up(void **state)
{
    AUTO_FREE char *url = url_with_a_name();

    (void)state;
    for (int i = 0; i < 50; i++) {
        struct pg *pg = pg_begin(&(struct db_options){.url = url});

        for (int turns = 0; turns < i % 3; turns++) /* before the thread starts, while it runs, after it */
            event_base_loop(pg->base, EVLOOP_ONCE);
        pg_close(pg);
    }
}

/* --- URLs --- */

struct url_case {
    const char *name, *url, *words;
};

static struct url_case urls[] = {
    {"a wrong escape", "postgresql://u:hush%zz@h/d", "neither a PostgreSQL URI nor a conninfo"},
    {"a conninfo without =", "host=x hush", "neither a PostgreSQL URI nor a conninfo"},
    {"a misspelt parameter", "postgresql:///d?sslmod=hush", "URI query parameter: \"sslmod\""},
    {"a misspelt word", "host=h sslmod=require password=hush", "connection option \"sslmod\""},
    {"a password with odd characters", "postgresql://u:a/b?hush=c@h/d", "URI query parameter: \"\""},
    {"a password with an ampersand", "postgresql:///d?password=a&hush=b", "URI query parameter: \"\""},
    {"a password with a blank", "host=h password=a hush=b", "connection option \"\""},
    {"two hosts and three ports", "host=a,b port=1,2,3 password=hush", "different numbers of hosts"},
    {"two hosts and one address", "host=a,b hostaddr=127.0.0.1 password=hush", "different numbers of hosts"},
};

static void check_url(void **state)
{
    const struct url_case *c = *state;
    struct event_base *base = event_base_new();
    struct db_options options = {.url = c->url};
    struct err err = {0};

    assert_null(db_new(base, &options, &err));
    assert_int_equal(err.kind, ERR_INVALID);
    if (strstr(err.text, c->words) == NULL || strstr(err.text, "hush") != NULL)
        fail_msg("%s", err.text);
    event_base_free(base);
}

#define WITH_PG(fn) cmocka_unit_test_setup_teardown(fn, reads, ends)
#define WITH_G(fn) cmocka_unit_test_setup_teardown(fn, has_table_g, ends)

static const struct CMUnitTest fixed[] = {
    WITH_PG(a_result_is_read_by_getters),
    WITH_PG(a_statement_that_is_wrong_stays_wrong),
    WITH_PG(a_statement_made_useless_costs_a_connection_and_works_again),
    WITH_PG(arrays_arrive_as_they_are),
    cmocka_unit_test(a_session_has_its_settings),
    WITH_G(what_is_asked_together_is_one_transaction),
    WITH_G(what_is_asked_meanwhile_is_the_next_one),
    WITH_G(an_error_costs_its_neighbours_nothing),
    WITH_G(an_error_between_neighbours_is_fair),
    WITH_G(an_error_of_the_commit_is_told),
    WITH_G(an_error_of_libpqs_own_does_not_say_that_nothing_was_done),
    WITH_G(a_great_many_are_several_groups),
    WITH_G(who_locks_the_same_rows_in_another_order_just_waits),
    cmocka_unit_test(who_runs_too_long_is_not_run_again),
    cmocka_unit_test(who_is_asked_first_stands_in_no_line),
    cmocka_unit_test(a_locked_row_holds_up_who_wants_it_and_nobody_else),
    cmocka_unit_test(who_does_not_wait_long_costs_nobody_the_connection),
    cmocka_unit_test(many_locked_rows_hold_up_others_as_one_does),
    WITH_PG(a_million_rows_take_no_memory_and_let_the_loop_turn),
    WITH_PG(a_stream_may_be_enough),
    WITH_PG(a_stream_may_break_in_the_middle),
    cmocka_unit_test(a_stream_has_no_statement_timeout),
    WITH_PG(a_stream_that_is_wrong_says_so),
    WITH_PG(a_stream_may_free_its_db),
    cmocka_unit_test(who_listens_hears),
    WITH_PG(a_callback_may_ask_again),
    WITH_PG(a_callback_may_free_the_db),
    WITH_PG(freeing_answers_all),
    cmocka_unit_test(it_may_be_freed_as_it_comes_up_or_before),
    cmocka_unit_test(a_host_that_is_a_name_is_tried_like_others),
    cmocka_unit_test(it_may_be_freed_while_a_name_is_looked_up),
};

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(fixed) + ARRAY_LEN(errors) + ARRAY_LEN(urls)];
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        tests[n++] = fixed[i];
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        tests[n++] = (struct CMUnitTest){errors[i].name, check_error, NULL, NULL, &errors[i]};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++)
        tests[n++] = (struct CMUnitTest){urls[i].name, check_url, NULL, NULL, &urls[i]};
    pg_filter();
    return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
