/*
 * What pruning costs claims: a ledger of millions of runs, of which a day at a time is deleted by the pruner
 * as scheduld has it, while runs are planned and recorded as fast as it goes, by the statements of the
 * runner. Each round claims for a while alone, and then while a day is pruned; what is compared is of one
 * round. Ends with 1 if the median is above what is promised. Makes its runs in the database that
 * $ECSS_DATABASE_URL names; run it on one of its own:
 *
 *     tests/pg/with_pg.py -- build/release/tests/bench/bench_prune [ROWS [ROUNDS]]     default 5000000 5
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "attr.h"
#include "clock.h"
#include "db.h"
#include "mem.h"
#include "migrate.h"
#include "pruner.h"
#include "run_store.h"

enum { DAYS = 30, JOBS = 1000, BATCH = 250, EPOCH = 1, ALONE_MS = 6000, WARM_UP_MS = 3000, ROUNDS_MAX = 20 };
enum { COST_MAX = 20 };             /* percent */
enum { FIRST_FIRE_S = 1800000000 }; /* of what is claimed: later than all that is on record */

/* A plan and a result are on their way at a time, as in the runner: results are of the plan before. */
struct bench {
    struct event_base *base;
    struct db *db;
    bool up, done, stop, pruned;
    int asked; /* answers that are to come */
    char ids[JOBS][16];
    int64_t claims; /* rows of which plan and result are committed */
    int64_t next;   /* row to be claimed */
    int64_t longest_us, asked_us;
    int64_t planned[BATCH];
    int64_t deleted;
};

static void on_up(void *arg)
{
    ((struct bench *)arg)->up = true;
}

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static void on_done(void *arg, const struct db_result *result UNUSED, const struct err *err)
{
    if (err != NULL)
        fail(err->text);
    ((struct bench *)arg)->done = true;
}

static void run(struct bench *b, const char *sql)
{
    struct db_stmt stmt = {.sql = sql};

    b->done = false;
    db_query(b->db, &stmt, NULL, on_done, b);
    while (!b->done)
        event_base_loop(b->base, EVLOOP_ONCE);
}

/* --- claims --- */

static void plan_some(struct bench *b);

static void on_recorded(void *arg, const struct db_result *result, const struct err *err)
{
    struct bench *b = arg;

    if (err != NULL || db_rows(result) != BATCH)
        fail(err != NULL ? err->text : "not all results were written");
    b->claims += BATCH;
    b->asked--;
}

static void record_some(struct bench *b)
{
    struct run_record_row rows[BATCH];
    char tasks[BATCH][128];

    for (int i = 0; i < BATCH; i++) {
        snprintf(tasks[i], sizeof tasks[i],
                 "[{\"taskId\":\"arn:aws:ecs:eu-central-1:123456789012:task/c/%032" PRIx64 "\"}]",
                 (uint64_t)b->planned[i] * UINT64_C(0x9E3779B97F4A7C15)); /* as scattered as ECS's */
        rows[i] = (struct run_record_row){
            .id = b->planned[i],
            .state = "started",
            .chunks =
                "[{\"count\":1,\"started\":1,\"attempt\":1,\"token\":\"0123456789abcdef0123456789abcdef\","
                "\"outcome\":\"started\",\"since\":1800000000}]",
            .tasks = tasks[i],
            .launched_us = (int64_t)FIRST_FIRE_S * 1000000};
    }
    b->asked++;
    run_store_record(b->db, EPOCH, rows, BATCH, on_recorded, b);
}

static void on_planned(void *arg, const struct db_result *result, const struct err *err)
{
    struct bench *b = arg;
    int64_t took_us = clock_monotonic_us(&clock_system) - b->asked_us;
    size_t index;
    int row = 0;

    if (err != NULL)
        fail(err->text);
    while (row < BATCH && run_store_planned(result, row, &index, &b->planned[row]))
        row++;
    if (row != BATCH)
        fail("not all plans were written");
    if (took_us > b->longest_us)
        b->longest_us = took_us;
    b->asked--;
    record_some(b);
    if (!b->stop)
        plan_some(b);
}

static void plan_some(struct bench *b)
{
    struct run_plan_row rows[BATCH];

    for (int i = 0; i < BATCH; i++, b->next++)
        rows[i] = (struct run_plan_row){
            .job_id = b->ids[b->next % JOBS],
            .fire_s = FIRST_FIRE_S + b->next / JOBS,
            .state = "planned",
            .wanted = 1,
            .running = 0,
            .needed = 1,
            .request = "{\"cluster\":\"c\",\"startedBy\":\"ecs-scheduler\",\"taskDefinition\":\"report\"}",
            .chunks =
                "[{\"count\":1,\"started\":0,\"attempt\":1,\"token\":\"0123456789abcdef0123456789abcdef\","
                "\"outcome\":\"pending\",\"since\":1800000000}]",
            .next_s = FIRST_FIRE_S + b->next / JOBS + 1,
            .revision = 1};
    b->asked++;
    b->asked_us = clock_monotonic_us(&clock_system);
    run_store_plan(b->db, EPOCH, rows, BATCH, false, false, on_planned, b);
}

/* Claims until the time is up, or a day is pruned. Returns claims a second. */
static double claim(struct bench *b, int64_t ms)
{
    int64_t begun = clock_monotonic_us(&clock_system), until = begun + ms * 1000, now;
    int64_t had = b->claims;

    b->stop = b->pruned = false;
    b->longest_us = 0;
    plan_some(b);
    do {
        event_base_loop(b->base, EVLOOP_ONCE);
        now = clock_monotonic_us(&clock_system);
    } while (now < until && !b->pruned);
    had = b->claims - had;
    b->stop = true;
    while (b->asked > 0)
        event_base_loop(b->base, EVLOOP_ONCE);
    return (double)had * 1e6 / (double)(now - begun);
}

static void on_pass(void *arg, int64_t runs, int64_t tombstones UNUSED, const struct err *err)
{
    struct bench *b = arg;

    if (err != NULL)
        fail(err->text);
    b->deleted = runs;
    b->pruned = true;
}

static double claim_while_pruning(struct bench *b, int keep_days)
{
    struct pruner *pruner = pruner_new(&(struct pruner_options){.base = b->base,
                                                                .database_url = getenv("ECSS_DATABASE_URL"),
                                                                .retention_days = keep_days,
                                                                .pass_ms = 1,
                                                                .on_pass = on_pass,
                                                                .arg = b});
    double rate;

    pruner_start(pruner, 1);
    rate = claim(b, 600000);
    pruner_stop(pruner);
    pruner_free(pruner);
    return rate;
}

/* --- the ledger --- */

static void fill(struct bench *b, long rows, int days)
{
    AUTO_FREE char *jobs =
        mem_printf("INSERT INTO jobs (id, task_definition, schedule) SELECT 'job-' || i, 'report', '*'"
                   " FROM generate_series(0, %d) AS i",
                   JOBS - 1);

    run(b, jobs);
    run(b, "INSERT INTO job_state (job_id, armed_revision) SELECT id, 1 FROM jobs");
    run(b, "UPDATE scheduler SET epoch = 1");
    for (int day = days; day > 0; day--) {
        AUTO_FREE char *sql = mem_printf(
            "INSERT INTO runs (job_id, fire_at, state, wanted, running, needed, request, chunks, tasks, "
            "epoch,"
            "  planned_at, launched_at, updated_at)"
            " SELECT 'job-' || i %% %d, at, 'started', 1, 0, 1,"
            "  '{\"cluster\":\"c\",\"startedBy\":\"ecs-scheduler\",\"taskDefinition\":\"report\"}',"
            "  jsonb_build_array(jsonb_build_object('count', 1, 'started', 1, 'attempt', 1, 'token', "
            "md5(i::text),"
            "   'outcome', 'started', 'since', 1800000000)),"
            "  jsonb_build_array(jsonb_build_object('taskId', "
            "'arn:aws:ecs:eu-central-1:123456789012:task/c/' ||"
            "   md5(i::text))), 1, at, at, at"
            " FROM generate_series(1, %ld) AS i, LATERAL (SELECT now() - make_interval(days => %d) + "
            "interval '1 hour'"
            "  + i / %d * interval '%f s') AS t (at)",
            JOBS, rows / days, day, JOBS, 80000.0 / ((double)rows / days / JOBS + 1));

        run(b, sql);
    }
    run(b, "VACUUM (FREEZE, ANALYZE) runs");
    run(b, "CHECKPOINT");
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    long rows = argc > 1 ? strtol(argv[1], NULL, 10) : 5000000;
    int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 5;
    struct db_options options = {.url = getenv("ECSS_DATABASE_URL"), .deadline_ms = 1000000, .on_up = on_up};
    struct bench b = {0};
    double costs[ROUNDS_MAX];
    struct err err = {0};

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (rounds < 1 || rounds > ROUNDS_MAX || rows < 1000)
        fail("usage: bench_prune [ROWS [ROUNDS, 1 to 20]]");
    if (!migrate_apply(options.url, MIGRATE_PATIENCE_MS, stderr, &err))
        fail(err.text);
    options.arg = &b;
    b.base = event_base_new();
    b.db = db_new(b.base, &options, &err);
    for (int i = 0; i < JOBS; i++)
        snprintf(b.ids[i], sizeof b.ids[i], "job-%d", i);
    while (!b.up)
        event_base_loop(b.base, EVLOOP_ONCE);
    fill(&b, rows, DAYS + rounds);
    printf("%ld runs of %d days\n", rows, DAYS + rounds);
    claim(&b, WARM_UP_MS);
    for (int i = 0; i < rounds; i++) {
        double alone = claim(&b, ALONE_MS), beside;
        int64_t alone_us = b.longest_us, begun = clock_monotonic_ms(&clock_system);

        beside = claim_while_pruning(&b, DAYS + rounds - 1 - i);
        costs[i] = 100 * (1 - beside / alone);
        printf("%.0f claims a second alone (longest write %.0f ms), %.0f (%.0f ms) while %" PRId64
               " runs are pruned in %.1f s: costs %.1f %%\n",
               alone, (double)alone_us / 1000, beside, (double)b.longest_us / 1000, b.deleted,
               (double)(clock_monotonic_ms(&clock_system) - begun) / 1000, costs[i]);
    }
    qsort(costs, (size_t)rounds, sizeof *costs, by_size);
    printf("pruning costs claims %.1f %% (median of %d), at most %d %% are promised%s\n", costs[rounds / 2],
           rounds, COST_MAX, costs[rounds / 2] > COST_MAX ? ": TOO MUCH" : "");
    db_free(b.db);
    event_base_free(b.base);
    return costs[rounds / 2] > COST_MAX ? 1 : 0;
}
