/* The ledger's statements against a real PostgreSQL, as the role that scheduld has. */
#include "pg.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "run.h"
#include "run_store.h"

enum { ROWS_MAX = 10 };

/* What a write answered. */
struct wrote {
    int times;
    enum err_kind kind;
    bool fenced;
    int rows;
    bool locked[ROWS_MAX];
    size_t index[ROWS_MAX];
    int64_t id[ROWS_MAX];
};

static struct pg *admin; /* as the owner of the tables */

static int migrated(void **state)
{
    (void)state;
    pg_migrate();
    admin = pg_open(NULL);
    return 0;
}

static int done(void **state UNUSED)
{
    pg_close(admin);
    return 0;
}

static int fresh(void **state)
{
    AUTO_FREE char *url = pg_url_with("options=-c%20role%3Decs_scheduler_scheduld");
    struct db_options options = {.url = url};

    pg_value(admin, "TRUNCATE jobs, job_state, job_tombstones, runs");
    pg_value(admin, "UPDATE scheduler SET epoch = 5");
    pg_value(admin,
             "INSERT INTO jobs (id, task_definition, schedule) VALUES ('a', 'ta', '0'), ('b', 'tb', '0')");
    *state = pg_open(&options);
    return 0;
}

static int ends(void **state)
{
    pg_close(*state);
    return 0;
}

static void on_planned(void *arg, const struct db_result *result, const struct err *err)
{
    struct wrote *wrote = arg;

    wrote->times++;
    if (err != NULL) {
        wrote->kind = err->kind;
        print_message("%s\n", err->text);
        return;
    }
    wrote->fenced = run_store_fenced(result);
    while (run_store_planned(result, wrote->rows, &wrote->index[wrote->rows], &wrote->id[wrote->rows]))
        wrote->rows++;
}

static void on_recorded(void *arg, const struct db_result *result, const struct err *err)
{
    struct wrote *wrote = arg;

    wrote->times++;
    if (err != NULL) {
        wrote->kind = err->kind;
        print_message("%s\n", err->text);
        return;
    }
    wrote->fenced = run_store_fenced(result);
    while (run_store_recorded(result, wrote->rows, &wrote->index[wrote->rows], &wrote->locked[wrote->rows]))
        wrote->rows++;
}

static struct wrote plan(struct pg *pg, int64_t epoch, const struct run_plan_row *rows, size_t count,
                         bool again)
{
    struct wrote wrote = {0};

    run_store_plan(pg->db, epoch, rows, count, again, false, on_planned, &wrote);
    pg_wait(pg, &wrote.times, 1);
    return wrote;
}

static struct wrote record(struct pg *pg, int64_t epoch, const struct run_record_row *rows, size_t count)
{
    struct wrote wrote = {0};

    run_store_record(pg->db, epoch, rows, count, on_recorded, &wrote);
    pg_wait(pg, &wrote.times, 1);
    return wrote;
}

#define CHUNKS                                                                                               \
    "[{\"count\":2,\"started\":0,\"attempt\":1,\"token\":\"0123456789abcdef0123456789abcdef01234567\","      \
    "\"outcome\":\"pending\",\"since\":1700000000}]"

static const struct run_plan_row planned = {.job_id = "a",
                                            .fire_s = 1700000000,
                                            .state = "planned",
                                            .coalesced = 2,
                                            .wanted = 3,
                                            .running = 1,
                                            .needed = 2,
                                            .request = "{\"cluster\":\"c \\\"{,}\\\\\"}",
                                            .chunks = CHUNKS,
                                            .next_s = 1700000060,
                                            .revision = 7};

#define SELECT_RUN                                                                                           \
    "SELECT concat_ws('|', job_id, extract(epoch FROM fire_at)::bigint, state, coalesced, wanted, running,"  \
    " needed, request ->> 'cluster', jsonb_array_length(chunks), tasks, error, epoch, finished_at IS NULL)"  \
    " FROM runs ORDER BY fire_at, job_id"
#define SELECT_STATE                                                                                         \
    "SELECT concat_ws('|', extract(epoch FROM cursor)::bigint, extract(epoch FROM next_run)::bigint,"        \
    " armed_revision, problem, extract(epoch FROM last_run)::bigint, last_run_tasks) FROM job_state WHERE"   \
    " job_id = 'a'"

static void a_plan_is_written_with_the_job(void **state)
{
    struct wrote wrote = plan(*state, 5, &planned, 1, false);

    assert_int_equal(wrote.kind, ERR_NONE);
    assert_int_equal(wrote.rows, 1);
    assert_int_equal(wrote.index[0], 0);
    assert_true(wrote.id[0] > 0);
    assert_string_equal(pg_value(admin, SELECT_RUN), "a|1700000000|planned|2|3|1|2|c \"{,}\\|1|[]|5|t");
    assert_string_equal(pg_value(admin, SELECT_STATE), "1700000000|1700000060|7");
}

static void what_is_on_record_is_not_new(void **state)
{
    struct run_plan_row rows[2] = {planned, planned};
    struct wrote wrote;

    plan(*state, 5, &planned, 1, false);
    rows[0].state = "not_needed";
    rows[1].job_id = "b";
    wrote = plan(*state, 5, rows, 2, false);
    assert_int_equal(wrote.rows, 1);
    assert_int_equal(wrote.index[0], 1);
    assert_string_equal(pg_value(admin, "SELECT state FROM runs WHERE job_id = 'a'"), "planned");
}

static void a_write_whose_answer_was_lost_finds_its_rows(void **state)
{
    struct wrote first = plan(*state, 5, &planned, 1, false), again;

    again = plan(*state, 5, &planned, 1, true);
    assert_int_equal(again.rows, 1);
    assert_int_equal(again.id[0], first.id[0]);
    pg_value(admin, "UPDATE runs SET epoch = 4");
    assert_int_equal(plan(*state, 5, &planned, 1, true).rows, 0); /* another leader's */
    pg_value(admin, "UPDATE runs SET epoch = 5, state = 'started'");
    assert_int_equal(plan(*state, 5, &planned, 1, true).rows, 0);
}

/* By somebody's trigger, or a constraint that is newer than the rows. */
static void what_is_on_record_cannot_be_refused(void **state)
{
    struct wrote first = plan(*state, 5, &planned, 1, false), again;

    pg_value(admin, "ALTER TABLE runs ADD CONSTRAINT none CHECK (job_id <> 'a') NOT VALID");
    pg_value(admin, "ALTER TABLE job_state ADD CONSTRAINT none CHECK (job_id <> 'a') NOT VALID");
    again = plan(*state, 5, &planned, 1, true);
    assert_int_equal(again.kind, ERR_NONE);
    assert_int_equal(again.rows, 1);
    assert_int_equal(again.id[0], first.id[0]);
    pg_value(admin, "ALTER TABLE job_state DROP CONSTRAINT none");
    pg_value(admin, "ALTER TABLE runs DROP CONSTRAINT none");
}

static void a_stale_epoch_changes_nothing(void **state)
{
    struct run_record_row row = {.state = "started", .chunks = "[]", .tasks = "[{\"taskId\":\"t\"}]"};
    struct wrote wrote = plan(*state, 4, &planned, 1, false);

    assert_true(wrote.fenced);
    assert_int_equal(wrote.rows, 0);
    assert_string_equal(
        pg_value(admin, "SELECT (SELECT count(*) FROM runs) + (SELECT count(*) FROM job_state)"), "0");
    row.id = plan(*state, 5, &planned, 1, false).id[0];
    assert_true(record(*state, 6, &row, 1).fenced);
    assert_true(record(*state, 4, &row, 1).fenced);
    assert_string_equal(pg_value(admin, "SELECT state FROM runs"), "planned");
    assert_string_equal(pg_value(admin, SELECT_STATE), "1700000000|1700000060|7");
}

static void several_rows_of_one_job(void **state)
{
    struct run_plan_row rows[3] = {planned, planned, planned};
    struct wrote wrote;

    rows[0] = (struct run_plan_row){.job_id = "a",
                                    .fire_s = 1699990000,
                                    .state = "missed",
                                    .coalesced = 4,
                                    .wanted = -1,
                                    .running = -1,
                                    .needed = -1,
                                    .error = "nobody was there",
                                    .next_s = 1700000000,
                                    .revision = 7};
    rows[2] = (struct run_plan_row){.job_id = "a",
                                    .fire_s = 1700000030,
                                    .state = "skipped",
                                    .wanted = -1,
                                    .running = -1,
                                    .needed = -1,
                                    .error = "too soon",
                                    .revision = 7};
    wrote = plan(*state, 5, rows, 3, false);
    assert_int_equal(wrote.rows, 3);
    assert_string_equal(pg_value(admin, SELECT_RUN), "a|1699990000|missed|4|0|[]|nobody was there|5|f");
    assert_string_equal(pg_value(admin, SELECT_STATE), "1700000030|7"); /* no more fires */
}

/* A fire that is found to be missed in the instant in which it is planned. */
static void of_two_rows_for_one_fire_the_first_is_written(void **state)
{
    struct run_plan_row rows[2] = {planned, planned};
    struct wrote wrote;

    rows[0].state = "missed";
    rows[0].needed = rows[0].wanted = rows[0].running = -1;
    rows[0].request = rows[0].chunks = NULL;
    rows[0].error = "nobody was there";
    wrote = plan(*state, 5, rows, 2, false);
    assert_int_equal(wrote.kind, ERR_NONE);
    assert_int_equal(wrote.rows, 1);
    assert_int_equal(wrote.index[0], 0);
    assert_string_equal(pg_value(admin, "SELECT string_agg(state, ' ') FROM runs"), "missed");
}

static void what_is_newer_in_job_state_stays(void **state)
{
    struct run_plan_row row = planned;

    plan(*state, 5, &planned, 1, false);
    row.fire_s -= 60; /* an older fire */
    row.next_s = 1;
    plan(*state, 5, &row, 1, false);
    assert_string_equal(pg_value(admin, SELECT_STATE), "1700000000|1700000060|7");
    row.fire_s += 120; /* computed from an older definition: only the cursor moves */
    row.revision = 6;
    plan(*state, 5, &row, 1, false);
    assert_string_equal(pg_value(admin, SELECT_STATE), "1700000060|1700000060|7");
    row.state = NULL; /* only the job's state */
    row.revision = 8;
    row.next_s = 1700000120;
    assert_int_equal(plan(*state, 5, &row, 1, false).rows, 0);
    assert_string_equal(pg_value(admin, SELECT_STATE), "1700000060|1700000120|8");
    assert_string_equal(pg_value(admin, "SELECT count(*) FROM runs"), "3");
}

static void a_plan_ends_the_job_s_problem(void **state)
{
    pg_value(admin, "INSERT INTO job_state (job_id, problem) VALUES ('a', 'does not parse')");
    plan(*state, 5, &planned, 1, false);
    assert_string_equal(pg_value(admin, SELECT_STATE), "1700000000|1700000060|7");
}

static void a_job_that_is_gone_has_a_run_and_no_state(void **state)
{
    struct run_plan_row rows[2] = {planned, planned};

    rows[1].job_id = "gone";
    assert_int_equal(plan(*state, 5, rows, 2, false).rows, 2);
    assert_string_equal(pg_value(admin, "SELECT count(*) FROM job_state"), "1");
}

static void a_result_is_written_with_the_job_s_last_run(void **state)
{
    struct run_record_row row = {
        .state = "started", .chunks = "[]", .tasks = "[{\"taskId\":\"t\"}]", .launched_us = 1700000000500000};
    struct wrote wrote;

    row.id = plan(*state, 5, &planned, 1, false).id[0];
    wrote = record(*state, 5, &row, 1);
    assert_int_equal(wrote.kind, ERR_NONE);
    assert_int_equal(wrote.rows, 1);
    assert_string_equal(pg_value(admin, SELECT_RUN),
                        "a|1700000000|started|2|3|1|2|c \"{,}\\|0|[{\"taskId\": \"t\"}]|5|t");
    assert_string_equal(
        pg_value(admin, "SELECT extract(epoch FROM launched_at - fire_at)::numeric(9, 3) FROM runs"),
        "0.500");
    assert_string_equal(pg_value(admin, SELECT_STATE),
                        "1700000000|1700000060|7|1700000000|[{\"taskId\": \"t\"}]");
    /* It is over: nothing is written any more. */
    row.state = "launch_failed";
    wrote = record(*state, 5, &row, 1);
    assert_false(wrote.fenced);
    assert_int_equal(wrote.rows, 0);
    assert_string_equal(pg_value(admin, "SELECT state FROM runs"), "started");
}

static void without_a_task_there_is_no_last_run(void **state)
{
    struct run_record_row row = {
        .state = "launch_failed", .chunks = "[]", .tasks = "[]", .error = "AccessDenied"};

    row.id = plan(*state, 5, &planned, 1, false).id[0];
    assert_int_equal(record(*state, 5, &row, 1).rows, 1);
    assert_string_equal(pg_value(admin, SELECT_STATE), "1700000000|1700000060|7");
    assert_string_equal(
        pg_value(admin, "SELECT concat(launched_at IS NULL, finished_at IS NULL, error) FROM runs"),
        "tfAccessDenied");
}

static void a_later_last_run_stays(void **state)
{
    struct run_record_row row = {.state = "started", .chunks = "[]", .tasks = "[{\"taskId\":\"t\"}]"};

    row.id = plan(*state, 5, &planned, 1, false).id[0];
    pg_value(admin, "UPDATE job_state SET last_run = to_timestamp(1700000900), last_run_tasks = '[]'");
    record(*state, 5, &row, 1);
    assert_string_equal(pg_value(admin, SELECT_STATE), "1700000000|1700000060|7|1700000900|[]");
}

/* Does something in a transaction that goes on until end_slow(). */
static struct pg *begin_slow(struct answer *answer, const char *sql)
{
    struct pg *pg = pg_open(NULL);

    pg_ask(pg, answer, sql, NULL, 0);
    do
        pg_turn(pg, 1);
    while (strcmp(pg_value(admin, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"),
                  "1") != 0);
    return pg;
}

static void end_slow(struct pg *pg)
{
    AUTO_FREE char *sql = mem_printf("SELECT pg_terminate_backend(%d, 5000)", db_backend_pid(pg->db));

    pg_value(admin, sql);
    pg_close(pg);
}

static void who_locks_a_job_is_not_waited_for(void **state)
{
    struct run_plan_row rows[2] = {planned, planned};
    struct run_record_row row = {.state = "started", .chunks = "[]", .tasks = "[{\"taskId\":\"t\"}]"};
    struct answer answer;
    struct wrote wrote;
    struct pg *slow;

    pg_value(admin, "INSERT INTO job_state (job_id) VALUES ('a'), ('b')");
    slow =
        begin_slow(&answer, "WITH held AS MATERIALIZED (SELECT FROM job_state WHERE job_id = 'a' FOR UPDATE)"
                            " SELECT pg_sleep(60) FROM held");
    rows[1].job_id = "b";
    wrote = plan(*state, 5, rows, 2, false);
    assert_int_equal(wrote.kind, ERR_NONE);
    assert_int_equal(wrote.rows, 2);
    row.id = wrote.id[0];
    assert_int_equal(record(*state, 5, &row, 1).rows, 1);
    assert_int_equal(answer.times, 0); /* he has it still */
    assert_string_equal(
        pg_value(admin, "SELECT string_agg(job_id, ',') FROM job_state WHERE cursor IS NOT NULL"), "b");
    end_slow(slow);
    assert_int_equal(plan(*state, 5, rows, 1, false).rows, 0); /* the fire is said to be due again */
    assert_string_equal(pg_value(admin, SELECT_STATE), "1700000000|1700000060|7");
}

struct opened {
    int times, rows;
    struct run *run;
    struct run_open open; /* the last of them */
    char texts[1000];
    bool fenced;
};

static void on_open(void *arg, const struct db_result *result, const struct err *err)
{
    struct opened *opened = arg;

    opened->times++;
    opened->rows = 0;
    if (err != NULL)
        fail_msg("%s", err->text);
    opened->fenced = run_store_fenced(result);
    while (run_store_open(result, opened->rows, opened->run, &opened->open)) {
        opened->rows++;
        snprintf(opened->texts, sizeof opened->texts, "%s %" PRId64 " %" PRId64 " %s %s", opened->open.job_id,
                 opened->open.at.fire_us, opened->open.coalesced, opened->open.request, opened->open.tasks);
    }
}

static void read_open(struct pg *pg, int64_t epoch, struct run_open_at behind, int most,
                      struct opened *opened)
{
    int before = opened->times;

    run_store_read_open(pg->db, epoch, &behind, most, on_open, opened);
    pg_wait(pg, &opened->times, before + 1);
}

/* In one transaction, as webapid does and psql may: neither waits for the other, in whatever order. */
static void who_deletes_jobs_is_not_waited_for(void **state)
{
    struct run_plan_row rows[2] = {planned, planned};
    struct answer answer;
    struct wrote wrote;
    struct pg *slow;

    pg_value(admin, "INSERT INTO job_state (job_id) VALUES ('b')"); /* a has none yet */
    slow = begin_slow(&answer, "WITH gone AS (DELETE FROM jobs WHERE id = 'a' RETURNING id)"
                               " SELECT pg_sleep(60) FROM gone");
    rows[1].job_id = "b";
    wrote = plan(*state, 5, rows, 2, false);
    assert_int_equal(wrote.kind, ERR_NONE);
    assert_int_equal(wrote.rows, 2);
    assert_int_equal(answer.times, 0); /* he is not done */
    assert_string_equal(pg_value(admin, "SELECT string_agg(job_id, ',') FROM job_state"), "b");
    end_slow(slow);
    plan(*state, 5, rows, 1, false);
    assert_string_equal(pg_value(admin, SELECT_STATE), "1700000000|1700000060|7");
}

static void who_locks_a_run_is_not_waited_for(void **state)
{
    AUTO_RUN struct run *run = run_new();
    struct opened opened = {.run = run};
    struct run_plan_row rows[2] = {planned, planned};
    struct run_record_row results[2] = {
        {.state = "started", .chunks = "[]", .tasks = "[{\"taskId\":\"t\"}]"},
        {.state = "started", .chunks = "[]", .tasks = "[{\"taskId\":\"t\"}]"}};
    struct pg *pg = *state, *slow;
    struct answer answer;
    struct wrote wrote;

    rows[1].job_id = "b";
    wrote = plan(pg, 5, rows, 2, false);
    for (int i = 0; i < 2; i++)
        results[wrote.index[i]].id = wrote.id[i];
    slow = begin_slow(&answer, "WITH held AS MATERIALIZED (SELECT FROM runs WHERE job_id = 'a' FOR UPDATE)"
                               " SELECT pg_sleep(60) FROM held");
    wrote = record(pg, 5, results, 2);
    assert_int_equal(wrote.rows, 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(wrote.locked[i], wrote.index[i] == 0);
    assert_string_equal(pg_value(admin, "SELECT string_agg(state, ' ' ORDER BY job_id) FROM runs"),
                        "planned started");
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
    read_open(pg, 6, (struct run_open_at){0}, 10, &opened);
    assert_int_equal(opened.rows, 1);
    assert_int_equal(strncmp(opened.texts, "a ", 2), 0);
    end_slow(slow);
    assert_false(record(pg, 6, results, 1).locked[0]);
    assert_string_equal(pg_value(admin, "SELECT state FROM runs WHERE job_id = 'a'"), "started");
}

static void a_row_that_is_committed_meanwhile_is_seen_by_the_next(void **state)
{
    struct answer answer;
    struct pg *slow =
        begin_slow(&answer, "WITH put AS (INSERT INTO runs (job_id, fire_at, state, epoch)"
                            " VALUES ('a', to_timestamp(1700000000), 'planned', 5) RETURNING id)"
                            " SELECT pg_sleep(1) FROM put");

    assert_int_equal(plan(*state, 5, &planned, 1, true).rows, 0);
    assert_int_equal(plan(*state, 5, &planned, 1, true).rows, 1);
    pg_close(slow);
}

static void what_is_open_is_read(void **state)
{
    struct pg *pg = *state;
    AUTO_RUN struct run *run = run_new();
    struct opened opened = {.run = run};
    struct run_plan_row rows[2] = {planned, planned};

    rows[1].job_id = "b";
    rows[1].state = "not_needed";
    plan(pg, 5, rows, 2, false);
    pg_value(admin, "UPDATE jobs SET misfire_grace_seconds = 7 WHERE id = 'a'");
    read_open(pg, 4, (struct run_open_at){0}, 10, &opened);
    assert_true(opened.fenced);
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
    for (int i = 0; i < 2; i++) { /* the answer before may have been lost */
        read_open(pg, 6, (struct run_open_at){0}, 10, &opened);
        assert_false(opened.fenced);
        assert_int_equal(opened.rows, 1);
        assert_string_equal(opened.texts, "a 1700000000000000 2 {\"cluster\": \"c \\\"{,}\\\\\"} []");
        assert_int_equal(opened.open.grace_s, 7);
        assert_int_equal(run->needed, 2);
        assert_int_equal(run->launched_us, 0);
    }
    assert_string_equal(pg_value(admin, "SELECT concat(state, epoch) FROM runs WHERE job_id = 'a'"),
                        "planned5");
}

/* Two at a time, of two that are due at the same instant, and one at a part of a second, as only a hand puts
 * it. */
static void what_is_open_is_read_in_parts(void **state)
{
    struct pg *pg = *state;
    AUTO_RUN struct run *run = run_new();
    struct opened opened = {.run = run};
    struct run_open_at behind = {0};

    pg_value(
        admin,
        "INSERT INTO runs (job_id, fire_at, state, epoch, request, chunks)"
        " SELECT chr(97 + i), timestamptz '2023-11-14 22:13:20Z' - i / 2 * interval '1.000001 s', 'planned',"
        " 5, '{}', '[]' FROM generate_series(1, 5) AS i");
    pg_value(admin, "UPDATE scheduler SET epoch = 6");
    for (int i = 0; i < 4; i++) {
        static const char *const last[] = {"f 1699999997999998", "d 1699999998999999", "b 1700000000000000"};
        static const int rows[] = {2, 2, 1, 0};

        read_open(pg, 6, behind, 2, &opened);
        assert_int_equal(opened.rows, rows[i]);
        if (i < 3)
            assert_int_equal(strncmp(opened.texts, last[i], strlen(last[i])), 0);
        behind = opened.open.at;
    }
    assert_false(opened.fenced);
}

struct read {
    int times, rows;
    char text[1000];
};

static void on_read(void *arg, const struct db_result *result, const struct err *err)
{
    struct read *read = arg;
    struct run_job_row row;

    read->times++;
    if (err != NULL)
        fail_msg("%s", err->text);
    read->rows = db_rows(result);
    run_store_job(result, 0, &row);
    snprintf(read->text, sizeof read->text, "%s %s %d %d %s %s", row.id, row.task_definition, row.task_count,
             row.max_count, row.trigger, row.overrides == NULL ? "NULL" : row.overrides);
}

static void definitions_are_read_by_id(void **state)
{
    struct pg *pg = *state;
    struct read read = {0};

    pg_value(admin, "UPDATE jobs SET max_count = 9, trigger = '{\"type\": \"noop\"}' WHERE id = 'a'");
    run_store_read_jobs(pg->db, (const char *[]){"a", "nobody"}, 2, on_read, &read);
    pg_wait(pg, &read.times, 1);
    assert_int_equal(read.rows, 1);
    assert_string_equal(read.text, "a ta 1 9 {\"type\": \"noop\"} NULL");
}

struct claimed {
    int times;
    bool at[4];
    int64_t others;
};

static void on_claimed(void *arg, const struct db_result *result, const struct err *err)
{
    struct claimed *claimed = arg;
    size_t index;

    claimed->times++;
    if (err != NULL)
        fail_msg("%s", err->text);
    claimed->others = run_store_open_others(result);
    for (int row = 0; run_store_claimed_at(result, row, &index); row++)
        claimed->at[index] = true;
}

static struct claimed ask_claims(struct pg *pg, const char *job_id)
{
    struct claimed claimed = {0};

    run_store_claimed(pg->db,
                      &(struct run_claims){.run_id = 0,
                                           .cluster = "c",
                                           .family = "ta",
                                           .job_id = job_id,
                                           .arns = (const char *[]){"t0", "t1", "t2", "t3"},
                                           .count = 4},
                      on_claimed, &claimed);
    pg_wait(pg, &claimed.times, 1);
    return claimed;
}

static void tasks_on_record_are_found(void **state)
{
    struct pg *pg = *state;
    struct claimed claimed;

    pg_value(admin,
             "INSERT INTO runs (job_id, fire_at, state, epoch, request, tasks) VALUES"
             " ('a', to_timestamp(1699999000), 'started', 5, NULL, '[{\"taskId\": \"t1\"}, {\"taskId\": "
             "\"t1\"}]'),"
             " ('a', to_timestamp(1699820000), 'started', 5, NULL, '[{\"taskId\": \"t3\"}]'),"
             " ('b', to_timestamp(1699830000), 'started', 5, NULL, '[{\"taskId\": \"t2\"}]'),"
             " ('a', to_timestamp(1700000000), 'planned', 5, '{\"cluster\": \"c\", \"taskDefinition\": "
             "\"ta:3\"}', '[]'),"
             " ('b', to_timestamp(1700000000), 'planned', 5,"
             "  '{\"cluster\": \"arn:aws:ecs:eu-west-1:1:cluster/c\", \"taskDefinition\": \"ta\"}', '[]'),"
             " ('b', to_timestamp(1700000001), 'planned', 5, '{\"cluster\": \"d\", \"taskDefinition\": "
             "\"ta\"}', '[]')");
    claimed = ask_claims(pg, NULL);
    assert_true(!claimed.at[0] && claimed.at[1] && claimed.at[2] && claimed.at[3]);
    assert_int_equal(claimed.others, 2);
    assert_int_equal(ask_claims(pg, "b").others, 1); /* its tasks have its tag */
}

/* Who is briefly there is so alone: what is asked beside it waits for somebody's lock as long as ever. */
static void a_brief_plan_makes_no_other_brief(void **state)
{
    struct pg *pg = *state, *slow = pg_open(NULL);
    const struct run_plan_row row = {
        .job_id = "a", .fire_s = 1700000000, .state = "not_needed", .revision = 1};
    struct wrote wrote = {0};
    struct answer held, waits;

    pg_value(pg, "SET lock_timeout = '30s'");
    pg_ask(slow, &held, "SELECT pg_advisory_xact_lock(1), pg_sleep(0.5)", NULL, 0);
    while (strcmp(pg_value(admin, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"),
                  "0") == 0)
        pg_turn(slow, 1);
    run_store_plan(pg->db, 5, &row, 1, false, true, on_planned, &wrote);
    pg_ask(pg, &waits, "SELECT pg_advisory_xact_lock(1)", NULL, 0);
    pg_wait(pg, &wrote.times, 1);
    pg_wait(pg, &waits.times, 1);
    assert_int_equal(wrote.rows, 1);
    pg_fail_unless(&waits, ERR_NONE, "", "to wait");
    pg_wait(slow, &held.times, 1);
    pg_close(slow);
}

struct text {
    int times;
    char data[4096];
};

static void on_text(void *arg, const struct db_result *result, const struct err *err)
{
    struct text *text = arg;
    size_t len = 0;

    text->times++;
    if (err != NULL)
        fail_msg("%s", err->text);
    for (int row = 0; row < db_rows(result) && len < sizeof text->data; row++)
        len += (size_t)snprintf(text->data + len, sizeof text->data - len, "%s\n", db_text(result, row, 0));
}

/* It is asked on the connection that plans, of a ledger that may have millions of rows. */
static void tasks_on_record_are_found_by_an_index(void **state)
{
    static const struct db_stmt explain = {.sql =
                                               "EXPLAIN EXECUTE run_claimed(0, 'c', 'ta', NULL, '{t1,t2}')"};
    struct pg *pg = *state;
    struct text plan = {0};

    pg_value(pg, "SELECT set_config('plan_cache_mode', 'force_generic_plan', false),"
                 " set_config('enable_seqscan', 'off', false)");
    ask_claims(pg, NULL); /* which prepares it */
    db_query(pg->db, &explain, NULL, on_text, &plan);
    pg_wait(pg, &plan.times, 1);
    assert_non_null(strstr(plan.data, " on runs_tasks "));
    assert_non_null(strstr(plan.data, " runs_open "));
    assert_null(strstr(plan.data, "Seq Scan"));
}

static void to_get_ready_changes_nothing(void **state)
{
    struct pg *pg = *state;

    pg_value(admin, "INSERT INTO runs (job_id, fire_at, state, epoch) VALUES ('a', now(), 'planned', 4)");
    run_store_warm(pg->db);
    assert_string_equal(pg_value(pg, "SELECT count(*) FROM pg_prepared_statements"), "5");
    assert_string_equal(pg_value(admin, "SELECT concat_ws(' ', count(*), min(state), min(epoch)) FROM runs"),
                        "1 planned 4");
    assert_string_equal(pg_value(admin, "SELECT count(*) FROM job_state"), "0");
}

int main(void)
{
#define FRESH(test) cmocka_unit_test_setup_teardown(test, fresh, ends)
    const struct CMUnitTest tests[] = {
        FRESH(a_plan_is_written_with_the_job),
        FRESH(what_is_on_record_is_not_new),
        FRESH(a_write_whose_answer_was_lost_finds_its_rows),
        FRESH(what_is_on_record_cannot_be_refused),
        FRESH(a_stale_epoch_changes_nothing),
        FRESH(several_rows_of_one_job),
        FRESH(of_two_rows_for_one_fire_the_first_is_written),
        FRESH(what_is_newer_in_job_state_stays),
        FRESH(a_plan_ends_the_job_s_problem),
        FRESH(a_job_that_is_gone_has_a_run_and_no_state),
        FRESH(a_result_is_written_with_the_job_s_last_run),
        FRESH(without_a_task_there_is_no_last_run),
        FRESH(a_later_last_run_stays),
        FRESH(who_locks_a_job_is_not_waited_for),
        FRESH(who_deletes_jobs_is_not_waited_for),
        FRESH(who_locks_a_run_is_not_waited_for),
        FRESH(a_row_that_is_committed_meanwhile_is_seen_by_the_next),
        FRESH(what_is_open_is_read),
        FRESH(what_is_open_is_read_in_parts),
        FRESH(definitions_are_read_by_id),
        FRESH(a_brief_plan_makes_no_other_brief),
        FRESH(tasks_on_record_are_found),
        FRESH(tasks_on_record_are_found_by_an_index),
        FRESH(to_get_ready_changes_nothing),
    };

    pg_filter();
    return cmocka_run_group_tests_name("run_store", tests, migrated, done);
}
