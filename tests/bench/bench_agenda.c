/*
 * The agenda with very many jobs: time until all are loaded and armed, memory a job, the longest step of the
 * loop, and CPU when nothing is due. Makes its jobs in the database that $ECSS_DATABASE_URL names; run it on
 * one of its own:
 *
 *     tests/pg/with_pg.py -- build/release/tests/bench/bench_agenda [JOBS]     default 1000000
 */
#include "agenda.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <event2/event.h>

#include "attr.h"
#include "clock.h"
#include "db.h"
#include "mem.h"
#include "migrate.h"

enum { IDLE_MS = 10000, US_PER_S = 1000000 };

struct bench {
    struct event_base *base;
    struct db *db;
    struct agenda *agenda;
    bool up, done, ready;
    int64_t dues, value;
    int64_t longest_us;
};

static void on_due(void *arg, const struct agenda_due *due UNUSED)
{
    ((struct bench *)arg)->dues++;
}

static void on_ready(void *arg)
{
    ((struct bench *)arg)->ready = true;
}

static void on_up(void *arg)
{
    struct bench *b = arg;

    b->up = true;
    if (b->agenda != NULL)
        agenda_db_up(b->agenda);
}

static void on_down(void *arg UNUSED, const struct err *err)
{
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

static void on_done(void *arg, const struct db_result *result, const struct err *err)
{
    struct bench *b = arg;

    if (err != NULL)
        on_down(arg, err);
    b->value = db_rows(result) > 0 ? db_int64(result, 0, 0) : 0;
    b->done = true;
}

static int64_t cpu_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

/* One turn of the loop. A step is what a turn costs in CPU: waiting, and what other processes take, is not
 * ours. */
static void turn(struct bench *b)
{
    int64_t begun = cpu_us(), took;

    event_base_loop(b->base, EVLOOP_ONCE);
    took = cpu_us() - begun;
    if (took > b->longest_us)
        b->longest_us = took;
}

static void run(struct bench *b, const char *sql)
{
    struct db_stmt stmt = {.sql = sql};

    b->done = false;
    db_query(b->db, &stmt, NULL, on_done, b);
    while (!b->done)
        turn(b);
}

static void on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    ((struct bench *)arg)->done = true;
}

static void idle(struct bench *b)
{
    struct timeval tv = {IDLE_MS / 1000, 0};
    struct event *timer = evtimer_new(b->base, on_timer, b);
    int64_t begun = cpu_us();

    b->done = false;
    event_add(timer, &tv);
    while (!b->done)
        turn(b);
    printf("CPU in %d s with nothing due: %.1f ms\n", IDLE_MS / 1000, (double)(cpu_us() - begun) / 1000);
    event_free(timer);
}

static void make_jobs(struct bench *b, long jobs)
{
    AUTO_FREE char *insert =
        mem_printf("INSERT INTO jobs (id, task_definition, schedule, timezone, changed_xid)"
                   " SELECT 'nightly-report-' || i, 'report', i %% 60 || ' ' || i / 60 %% 60 || ' ' || i %% "
                   "24 || ' * * 1 1 2999',"
                   " (ARRAY['Europe/Berlin', 'America/New_York', NULL])[1 + i %% 3], pg_current_xact_id()"
                   " FROM generate_series(1, %ld) AS i",
                   jobs);

    run(b, "ALTER TABLE jobs DISABLE TRIGGER USER");
    run(b, insert);
    run(b, "UPDATE jobs SET revision = ordinal");
    run(b, "ALTER TABLE jobs ENABLE TRIGGER USER");
    run(b, "UPDATE scheduler SET epoch = 1");
    run(b, "ANALYZE");
}

static void load(struct bench *b)
{
    struct agenda_options options = {
        .base = b->base, .db = b->db, .grace_s = 3600, .on_due = on_due, .on_ready = on_ready, .arg = b};
    int64_t begun = clock_monotonic_us(&clock_system), cpu = cpu_us();
    struct mallinfo2 before = mallinfo2(), after;
    struct agenda_stats stats;

    b->agenda = agenda_new(&options);
    agenda_db_up(b->agenda);
    while (!b->ready)
        turn(b);
    after = mallinfo2();
    agenda_stats(b->agenda, &stats);
    printf("%zu jobs loaded, %zu armed: %.2f s, of it %.2f s of CPU here\n", stats.jobs, stats.armed,
           (double)(clock_monotonic_us(&clock_system) - begun) / US_PER_S,
           (double)(cpu_us() - cpu) / US_PER_S);
    printf("bytes a job: %.0f by its own count, %.0f by the allocator's\n",
           (double)stats.bytes / (double)stats.jobs,
           (double)(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / (double)stats.jobs);
    printf("longest step of the loop until here: %.2f ms\n", (double)b->longest_us / 1000);
}

static void lead(struct bench *b)
{
    int64_t begun = clock_monotonic_us(&clock_system);
    struct agenda_stats stats = {0};

    agenda_lead(b->agenda, 1);
    while (!stats.leading) {
        turn(b);
        agenda_stats(b->agenda, &stats);
    }
    printf("leads after %.2f s\n", (double)(clock_monotonic_us(&clock_system) - begun) / US_PER_S);
}

int main(int argc, char **argv)
{
    long jobs = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
    struct db_options options = {
        .url = getenv("ECSS_DATABASE_URL"), .deadline_ms = 1000000, .on_up = on_up, .on_down = on_down};
    struct bench b = {0};
    struct err err = {0};

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!migrate_apply(options.url, MIGRATE_PATIENCE_MS, stderr, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    options.arg = &b;
    b.base = event_base_new();
    b.db = db_new(b.base, &options, &err);
    while (!b.up)
        event_base_loop(b.base, EVLOOP_ONCE);
    make_jobs(&b, jobs);
    load(&b);
    lead(&b);
    do { /* the first leader of all has to write a row a job */
        run(&b, "SELECT count(*) FROM job_state");
    } while (b.value < jobs);
    idle(&b);
    printf("longest step of the loop: %.2f ms\n", (double)b.longest_us / 1000);
    db_free(b.db);
    agenda_free(b.agenda);
    event_base_free(b.base);
    return 0;
}
