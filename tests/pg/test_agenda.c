/* The agenda against a real PostgreSQL: jobs are changed by SQL, time is the test's. */
#include "agenda.h"
#include "pg.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "job_load.h"
#include "mem.h"

enum { EPOCH = 7, GRACE = 3600, DUES = 100, ID_SIZE = 32, SLOW_MS = 250000 };

struct told {
    char job_id[ID_SIZE];
    struct agenda_due due;
};

/* An agenda that says what is due to us. */
struct watch {
    struct pg *pg; /* ours, for what people do to jobs */
    struct db *db; /* the agenda's, as scheduld's role */
    struct agenda *agenda;
    int64_t start_s; /* a midnight to come: a job's window opens then, so that nothing before it is owed */
    int64_t now_us;
    struct told told[DUES];
    int dues, lost, ready;
    bool clock_off;
    char folder[64]; /* of zones; "": the system's */
};

static int migrated(void **state UNUSED)
{
    pg_migrate();
    return 0;
}

static void on_due(void *arg, const struct agenda_due *due)
{
    struct watch *w = arg;
    struct told *told = &w->told[w->dues++ % DUES];

    snprintf(told->job_id, sizeof told->job_id, "%s", due->job_id);
    told->due = *due;
}

static void on_lost(void *arg)
{
    ((struct watch *)arg)->lost++;
}

static void on_ready(void *arg)
{
    ((struct watch *)arg)->ready++;
}

static void on_up(void *arg)
{
    agenda_db_up(((struct watch *)arg)->agenda);
}

static void on_down(void *arg, const struct err *err UNUSED)
{
    agenda_db_down(((struct watch *)arg)->agenda);
}

static int64_t test_wall_us(void *arg)
{
    return ((struct watch *)arg)->now_us;
}

static struct clock test_clock = {.wall_us = test_wall_us};

static struct agenda_stats stats(const struct watch *w)
{
    struct agenda_stats ret;

    agenda_stats(w->agenda, &ret);
    return ret;
}

/* Turns the loop until it is so. */
#define UNTIL(w, so)                                                                                         \
    do {                                                                                                     \
        int64_t begun_ = clock_monotonic_ms(&clock_system);                                                  \
        while (!(so)) {                                                                                      \
            pg_turn((w)->pg, 2);                                                                             \
            if (clock_monotonic_ms(&clock_system) - begun_ > PG_DEADLINE_MS)                                 \
                fail_msg("line %d: not in time: %s", __LINE__, #so);                                         \
        }                                                                                                    \
    } while (0)

static bool clock_is_right(void *arg)
{
    return !((const struct watch *)arg)->clock_off;
}

static void begin_with(struct watch *w, int sweep_ms)
{
    AUTO_FREE char *url = pg_url_with("options=-c%20role%3Decs_scheduler_scheduld");
    struct db_options db = {.url = url,
                            .application_name = "agenda",
                            .deadline_ms = PG_DEADLINE_MS,
                            .on_up = on_up,
                            .on_down = on_down,
                            .arg = w};
    struct agenda_options options = {.base = w->pg->base,
                                     .clock = &test_clock,
                                     .zoneinfo = w->folder[0] == '\0' ? NULL : w->folder,
                                     .grace_s = GRACE,
                                     .sweep_ms = sweep_ms,
                                     .zones_ms = 50,
                                     .on_due = on_due,
                                     .on_lost = on_lost,
                                     .clock_is_right = clock_is_right,
                                     .on_ready = on_ready,
                                     .arg = w};
    struct err err = {0};

    options.db = w->db = db_new(w->pg->base, &db, &err);
    assert_non_null(w->db);
    w->agenda = agenda_new(&options);
    UNTIL(w, w->ready == 1);
}

static void lead(struct watch *w)
{
    agenda_lead(w->agenda, EPOCH);
    UNTIL(w, stats(w).leading);
}

static void stop(struct watch *w)
{
    db_free(w->db);
    agenda_free(w->agenda);
    w->db = NULL;
    w->agenda = NULL;
    w->ready = 0;
}

static int fresh(void **state)
{
    struct watch *w = mem_alloc(sizeof *w);

    w->pg = pg_open(NULL);
    pg_value(w->pg, "TRUNCATE jobs, job_state, job_tombstones, runs");
    pg_value(w->pg, "UPDATE scheduler SET epoch = 7");
    pg_value(w->pg, "ALTER TABLE jobs ENABLE TRIGGER ALL");
    w->start_s = (clock_wall_s(&clock_system) / 86400 + 2) * 86400;
    w->now_us = w->start_s * 1000000 - 1000000;
    test_clock.monotonic_us = clock_system.monotonic_us;
    test_clock.arg = w;
    *state = w;
    return 0;
}

static int ends(void **state)
{
    struct watch *w = *state;

    if (w->agenda != NULL)
        stop(w);
    pg_close(w->pg);
    free(w);
    return 0;
}

/* Makes jobs whose window opens at the start: values are "('id', 'schedule'), ..." */
static void make(struct watch *w, const char *values)
{
    char start[32];
    time_t t = (time_t)w->start_s;
    struct tm tm;
    AUTO_FREE char *sql = NULL;

    strftime(start, sizeof start, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
    sql = mem_printf("INSERT INTO jobs (id, task_definition, schedule, schedule_start)"
                     " SELECT id, 'x', schedule, '%s' FROM (VALUES %s) AS v (id, schedule)",
                     start, values);
    pg_value(w->pg, sql);
}

/* Sets the clock to so many seconds after the start. */
static void set_clock(struct watch *w, int64_t s)
{
    w->now_us = (w->start_s + s) * 1000000;
    agenda_wake(w->agenda);
}

/* job_state's next_run of a job, in seconds after the start; -1: none. */
static int64_t next_of(struct watch *w, const char *id)
{
    AUTO_FREE char *sql = mem_printf("SELECT coalesce((SELECT extract(epoch FROM next_run)::bigint - %lld"
                                     " FROM job_state AS s JOIN jobs AS j ON j.id = s.job_id"
                                     " AND j.revision = s.armed_revision WHERE j.id = '%s'), -1)",
                                     (long long)w->start_s, id);

    return atoll(pg_value(w->pg, sql));
}

static void expect_due(struct watch *w, int i, const char *id, int64_t fire, int64_t coalesced, int64_t next)
{
    const struct told *told = &w->told[i];

    assert_string_equal(told->job_id, id);
    assert_int_equal(told->due.fire_s, fire == 0 ? 0 : w->start_s + fire);
    assert_int_equal(told->due.coalesced, coalesced);
    assert_int_equal(told->due.next_s, next == 0 ? 0 : w->start_s + next);
}

/* What who plans the run writes. */
static void plan(struct watch *w, const char *id, int64_t cursor, int64_t next)
{
    AUTO_FREE char *sql = mem_printf(
        "INSERT INTO job_state (job_id, cursor, next_run, armed_revision)"
        " SELECT id, to_timestamp(%" PRId64 "), to_timestamp(%" PRId64 "), revision FROM jobs WHERE id = '%s'"
        " ON CONFLICT (job_id) DO UPDATE SET cursor = EXCLUDED.cursor, next_run = EXCLUDED.next_run,"
        " armed_revision = EXCLUDED.armed_revision",
        w->start_s + cursor, w->start_s + next, id);

    pg_value(w->pg, sql);
}

/* Its run is on record, and job_state does not say so: somebody had locked the row when it was planned. */
static void record(struct watch *w, const char *id, int64_t fire)
{
    AUTO_FREE char *sql = mem_printf("INSERT INTO runs (job_id, fire_at, state, epoch)"
                                     " VALUES ('%s', to_timestamp(%" PRId64 "), 'not_needed', 6)",
                                     id, w->start_s + fire);

    pg_value(w->pg, sql);
}

/* --- tests --- */

static void every_statement_prepares_as_scheduld(void **state)
{
    struct watch *w = *state;

    pg_value(w->pg, "SET ROLE ecs_scheduler_scheduld");
    for (size_t i = 0; job_load_all[i] != NULL; i++) {
        AUTO_FREE char *sql = mem_printf("PREPARE p%zu AS %s", i, job_load_all[i]->sql);
        AUTO_FREE char *count = mem_printf(
            "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'p%zu'", i);

        pg_value(w->pg, sql);
        assert_int_equal(atoi(pg_value(w->pg, count)), job_load_all[i]->params);
    }
}

static void what_is_changed_by_hand_is_armed(void **state)
{
    struct watch *w = *state;

    make(w, "('old', '0 0')");
    begin_with(w, 60000);
    assert_int_equal(stats(w).armed, 1);
    lead(w);
    UNTIL(w, next_of(w, "old") == 0);
    make(w, "('a', '0 5'), ('b', '0 7')");
    UNTIL(w, next_of(w, "a") == 300 && next_of(w, "b") == 420);
    pg_value(w->pg, "UPDATE jobs SET schedule = '0 6' WHERE id = 'a'");
    UNTIL(w, next_of(w, "a") == 360);
    pg_value(w->pg, "UPDATE jobs SET suspended = true WHERE id = 'b'");
    UNTIL(w, stats(w).armed == 2 && next_of(w, "b") == -1);
    pg_value(w->pg, "UPDATE jobs SET suspended = NULL WHERE id = 'b'");
    UNTIL(w, next_of(w, "b") == 420);
    pg_value(w->pg, "DELETE FROM jobs WHERE id = 'a'");
    UNTIL(w, stats(w).jobs == 2);
    pg_value(w->pg, "TRUNCATE jobs CASCADE");
    UNTIL(w, stats(w).jobs == 0);
    assert_int_equal(stats(w).armed, 0);
    assert_int_equal(w->dues, 0);
}

static void what_is_due_is_said_once(void **state)
{
    struct watch *w = *state;

    make(w, "('a', '0 *'), ('b', '30')");
    begin_with(w, 60000);
    lead(w);
    UNTIL(w, next_of(w, "a") == 0 && next_of(w, "b") == 30);
    set_clock(w, 0);
    UNTIL(w, w->dues == 1);
    assert_int_equal(w->told[0].due.fire_s, w->start_s);
    plan(w, "a", 0, 60);
    set_clock(w, 59);
    UNTIL(w, w->dues == 2);
    expect_due(w, 1, "b", 30, 0, 90);
    plan(w, "b", 30, 90);
    set_clock(w, 0); /* somebody sets the clock back */
    pg_turn(w->pg, 50);
    set_clock(w, 59);
    pg_turn(w->pg, 50);
    assert_int_equal(w->dues, 2);
    set_clock(w, 200); /* and ahead */
    UNTIL(w, w->dues == 4);
    assert_int_equal(w->told[2].due.coalesced + w->told[3].due.coalesced, 2 + 1);
    set_clock(w, 200 + 2 * GRACE);
    UNTIL(w, w->dues == 6);
    assert_int_equal(w->told[4].due.missed, 60);
    assert_int_equal(w->told[4].due.coalesced, 59);
}

/* The clock leaps ahead, and is put right: what was still to come is due in its time. */
static void a_wrong_clock_plans_nothing(void **state)
{
    struct watch *w = *state;

    make(w, "('a', '0 5')");
    begin_with(w, 60000);
    lead(w);
    UNTIL(w, next_of(w, "a") == 300);
    w->clock_off = true;
    set_clock(w, 86400);
    pg_value(w->pg, "UPDATE jobs SET task_definition = 'y'"); /* is read, and armed by the wrong time */
    pg_turn(w->pg, 1500);
    assert_int_equal(w->dues, 0);
    set_clock(w, 10);
    w->clock_off = false;
    pg_turn(w->pg, 100);
    assert_int_equal(w->dues, 0);
    set_clock(w, 300);
    UNTIL(w, w->dues == 1);
    expect_due(w, 0, "a", 300, 0, 3900);
}

static void a_standby_whose_clock_is_set_back_arms_again(void **state)
{
    struct watch *w = *state;

    make(w, "('a', '0 5')");
    plan(w, "a", 0, 300);
    begin_with(w, 60000);
    set_clock(w, 86400);
    UNTIL(w, stats(w).next_s > w->start_s + 86400); /* in silence */
    set_clock(w, 10);
    UNTIL(w, stats(w).next_s == w->start_s + 300);
    lead(w);
    set_clock(w, 300);
    UNTIL(w, w->dues == 1);
    expect_due(w, 0, "a", 300, 0, 3900);
}

/* A few seconds are enough to pass over a fire time that is still to come. */
static void a_standby_whose_clock_is_set_back_a_little_loses_nothing(void **state)
{
    struct watch *w = *state;

    make(w, "('a', '0 5')");
    plan(w, "a", 0, 300);
    begin_with(w, 60000);
    set_clock(w, 300);
    UNTIL(w, stats(w).next_s == w->start_s + 3900); /* in silence */
    set_clock(w, 299);
    lead(w); /* at once: it does not lead before it has armed again */
    set_clock(w, 300);
    UNTIL(w, w->dues == 1);
    expect_due(w, 0, "a", 300, 0, 3900);
}

static void a_run_on_record_is_not_owed_though_the_cursor_has_not_moved(void **state)
{
    struct watch *w = *state;

    make(w, "('a', '0 *')");
    plan(w, "a", 0, 60);
    record(w, "a", 60);
    begin_with(w, 60000);
    set_clock(w, 130);
    lead(w);
    UNTIL(w, w->dues == 1);
    expect_due(w, 0, "a", 120, 0, 180);
}

/* Nor though it is armed for what it was before an edit. */
static void a_run_on_record_is_not_owed_though_the_edit_has_not_been_seen(void **state)
{
    struct watch *w = *state;

    make(w, "('a', '0 *'), ('b', '0 *')");
    plan(w, "a", 0, 86400);
    plan(w, "b", 0, 86400);
    pg_value(w->pg, "UPDATE job_state SET next_run = NULL WHERE job_id = 'b'");
    pg_value(w->pg, "UPDATE job_state SET armed_revision = armed_revision - 1");
    for (int i = 0; i < 2; i++) {
        record(w, i == 0 ? "a" : "b", 60);
        record(w, i == 0 ? "a" : "b", 120);
    }
    begin_with(w, 60000);
    set_clock(w, 190);
    lead(w);
    UNTIL(w, w->dues == 2);
    for (int i = 0; i < 2; i++)
        expect_due(w, i, w->told[i].job_id, 180, 0, 240);
}

/* Two jobs whose first fire is on record, which the cursor of one does not say, and the other has no row. */
static void lead_with_cursors_that_lag(struct watch *w)
{
    make(w, "('a', '0 *'), ('new', '0 *')");
    plan(w, "a", 0, 60);
    begin_with(w, 60000);
    lead(w);
    UNTIL(w, next_of(w, "new") == 0);
    pg_value(w->pg, "DELETE FROM job_state WHERE job_id = 'new'"); /* as if there never was one */
    set_clock(w, 60);
    UNTIL(w, w->dues == 2);
    record(w, "a", 60);
    record(w, "new", 60);
}

/* Nor is it counted by a later one that waits when the job is read again. */
static void an_edit_counts_nothing_that_is_on_record(void **state)
{
    struct watch *w = *state;

    lead_with_cursors_that_lag(w);
    set_clock(w, 120);
    UNTIL(w, w->dues == 4);
    pg_value(w->pg, "UPDATE jobs SET task_count = 2");
    UNTIL(w, w->dues == 6);
    for (int i = 2; i < 6; i++)
        expect_due(w, i, w->told[i].job_id, 120, 0, 180);
}

static bool is_cursor(struct watch *w, const char *id, int64_t cursor)
{
    AUTO_FREE char *sql = mem_printf("SELECT count(*) FROM job_state WHERE job_id = '%s'"
                                     " AND cursor = to_timestamp(%" PRId64 ")",
                                     id, w->start_s + cursor);

    return strcmp(pg_value(w->pg, sql), "1") == 0;
}

/* What arms a job for a later fire leaves no cursor behind that is older than what is on record. */
static void an_edit_brings_the_cursor_up_to_what_is_on_record(void **state)
{
    struct watch *w = *state;

    lead_with_cursors_that_lag(w);
    pg_value(w->pg, "UPDATE jobs SET task_count = 2");
    UNTIL(w, next_of(w, "a") == 120 && next_of(w, "new") == 120);
    assert_true(is_cursor(w, "a", 60));
    assert_true(is_cursor(w, "new", 60));
    assert_int_equal(w->dues, 2);
}

static void a_window_ends(void **state)
{
    struct watch *w = *state;

    make(w, "('a', '0 *')");
    pg_value(w->pg, "UPDATE jobs SET schedule_end = replace(schedule_start, 'T00:00:00', 'T00:01:00')");
    begin_with(w, 60000);
    lead(w);
    UNTIL(w, next_of(w, "a") == 0);
    set_clock(w, 60);
    UNTIL(w, w->dues == 1);
    expect_due(w, 0, "a", 60, 1, 0);
    assert_int_equal(stats(w).armed, 0);
    plan(w, "a", 60, 60);
    pg_value(w->pg, "UPDATE job_state SET next_run = NULL");
    pg_value(w->pg, "UPDATE jobs SET task_count = 2"); /* owes nothing, and is not armed again */
    UNTIL(w, strcmp(pg_value(w->pg, "SELECT count(*) FROM job_state JOIN jobs ON id = job_id"
                                    " WHERE armed_revision = revision AND next_run IS NULL"),
                    "1") == 0);
    assert_int_equal(w->dues, 1);
}

static void a_bad_row_disables_itself_alone(void **state)
{
    struct watch *w = *state;

    make(w, "('good', '0 5'), ('bad', '0 61'), ('lost', '0 5')");
    pg_value(w->pg, "UPDATE jobs SET timezone = 'Mars/Olympus' WHERE id = 'lost'");
    begin_with(w, 60000);
    lead(w);
    UNTIL(w, next_of(w, "good") == 300);
    UNTIL(w, strcmp(pg_value(w->pg, "SELECT count(*) FROM job_state WHERE problem IS NOT NULL"), "2") == 0);
    assert_non_null(
        strstr(pg_value(w->pg, "SELECT problem FROM job_state WHERE job_id = 'lost'"), "timezone: "));
    assert_non_null(
        strstr(pg_value(w->pg, "SELECT problem FROM job_state WHERE job_id = 'bad'"), "schedule: "));
    assert_int_equal(stats(w).problems, 2);
    pg_value(w->pg, "UPDATE jobs SET schedule = '0 6', timezone = NULL WHERE id <> 'good'");
    UNTIL(w, next_of(w, "bad") == 360 && next_of(w, "lost") == 360);
    assert_string_equal(pg_value(w->pg, "SELECT count(*) FROM job_state WHERE problem IS NOT NULL"), "0");
    assert_int_equal(stats(w).problems, 0);
}

static void a_lost_notification_is_repaired(void **state)
{
    struct watch *w = *state;

    make(w, "('a', '0 5'), ('b', '0 5')");
    begin_with(w, 100);
    lead(w);
    UNTIL(w, next_of(w, "b") == 300);
    pg_value(w->pg, "ALTER TABLE jobs DISABLE TRIGGER jobs_tell_insert");
    pg_value(w->pg, "ALTER TABLE jobs DISABLE TRIGGER jobs_tell_update");
    pg_value(w->pg, "ALTER TABLE jobs DISABLE TRIGGER jobs_tell_delete");
    make(w, "('c', '0 7')");
    pg_value(w->pg, "UPDATE jobs SET schedule = '0 6' WHERE id = 'a'");
    pg_value(w->pg, "DELETE FROM jobs WHERE id = 'b'");
    UNTIL(w, next_of(w, "a") == 360 && next_of(w, "c") == 420 && stats(w).jobs == 2);
}

static void a_standby_says_nothing_and_then_what_is_owed(void **state)
{
    struct watch *w = *state;

    make(w, "('dead', '0 *'), ('done', '0 *'), ('new', '0 *'), ('never', '0 *')");
    plan(w, "dead", 60, 120);
    plan(w, "done", 60, 120);
    plan(w, "never", 0, 60);
    begin_with(w, 60000);
    set_clock(w, 250);
    UNTIL(w, stats(w).next_s == w->start_s + 300);
    plan(w, "done", 240, 300); /* by who leads */
    assert_int_equal(w->dues, 0);
    pg_value(w->pg, "UPDATE jobs SET suspended = true WHERE id = 'never'");
    UNTIL(w, stats(w).armed == 3);
    lead(w);
    UNTIL(w, w->dues == 2);
    for (int i = 0; i < 2; i++)
        expect_due(w, i, w->told[i].job_id, 240, strcmp(w->told[i].job_id, "new") == 0 ? 4 : 2, 300);
    assert_true(strcmp(w->told[0].job_id, w->told[1].job_id) != 0);
    UNTIL(w, next_of(w, "never") == -1);
    assert_int_equal(next_of(w, "done"), 300);
    agenda_stand_by(w->agenda);
    set_clock(w, 400);
    UNTIL(w, stats(w).next_s == w->start_s + 420);
    assert_int_equal(w->dues, 2);
    set_clock(w, 400 + 2 * GRACE); /* nobody leads for long */
    lead(w);
    UNTIL(w, w->dues == 5);
    assert_int_equal(w->told[4].due.missed_s / 60, (w->start_s + 400 + GRACE) / 60);
}

static void each_job_has_a_grace_of_its_own(void **state)
{
    struct watch *w = *state;

    make(w, "('setting', '0 *'), ('short', '0 *'), ('none', '0 *')");
    pg_value(w->pg, "UPDATE jobs SET misfire_grace_seconds = 70 WHERE id = 'short'");
    pg_value(w->pg, "UPDATE jobs SET misfire_grace_seconds = 0 WHERE id = 'none'");
    for (int i = 0; i < 3; i++)
        plan(w, (const char *[]){"setting", "short", "none"}[i], 60, 120);
    begin_with(w, 60000);
    set_clock(w, 301);
    lead(w);
    UNTIL(w, w->dues == 3);
    for (int i = 0; i < 3; i++) {
        const struct agenda_due *due = &w->told[i].due;
        bool is_short = strcmp(w->told[i].job_id, "short") == 0,
             is_none = strcmp(w->told[i].job_id, "none") == 0;

        assert_int_equal(due->grace_s, is_short ? 70 : is_none ? 0 : GRACE);
        assert_int_equal(due->fire_s, is_none ? 0 : w->start_s + 300);
        assert_int_equal(due->coalesced, is_short ? 1 : is_none ? 0 : 3);
        assert_int_equal(due->missed, is_short ? 2 : is_none ? 4 : 0);
    }
    pg_value(w->pg, "UPDATE jobs SET misfire_grace_seconds = 70 WHERE id = 'none'");
    UNTIL(w, w->dues == 4); /* it is not on record yet, and now it is not missed any more */
    expect_due(w, 3, "none", 300, 1, 360);
}

static void a_change_that_is_no_reschedule_loses_nothing(void **state)
{
    struct watch *w = *state;

    make(w, "('a', '0 *')");
    begin_with(w, 60000);
    lead(w);
    UNTIL(w, next_of(w, "a") == 0);
    set_clock(w, 61);
    UNTIL(w, w->dues == 1); /* and it is not on record */
    pg_value(w->pg, "UPDATE jobs SET task_count = 2");
    UNTIL(w, w->dues == 2);
    expect_due(w, 1, "a", 60, 1, 120);
    assert_true(w->told[1].due.revision > w->told[0].due.revision);
    plan(w, "a", 60, 120);
    pg_turn(w->pg, 50);
    assert_int_equal(w->dues, 2);
}

/* All are to be read again, and cannot be, when it begins to lead. */
static void a_leader_that_cannot_read_catches_up_when_it_can(void **state)
{
    struct watch *w = *state;
    int pid;

    make(w, "('a', '0 *')");
    begin_with(w, 60000);
    pid = db_backend_pid(w->db);
    pg_value(w->pg, "REVOKE SELECT ON jobs FROM ecs_scheduler_scheduld");
    pg_value(w->pg,
             "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'agenda'");
    UNTIL(w, db_backend_pid(w->db) != 0 && db_backend_pid(w->db) != pid);
    pg_turn(w->pg, 100);
    agenda_lead(w->agenda, EPOCH);
    pg_turn(w->pg, 100);
    assert_false(stats(w).leading);
    pg_value(w->pg, "GRANT SELECT ON jobs TO ecs_scheduler_scheduld");
    UNTIL(w, stats(w).leading);
    set_clock(w, 61);
    UNTIL(w, w->dues == 1);
}

/* Likewise, when it was about to: neither of the two that it has to read is forgotten for the other. */
static void a_leader_that_has_to_read_twice_catches_up(void **state)
{
    struct watch *w = *state;

    make(w, "('a', '0 *')");
    begin_with(w, 50);
    pg_value(w->pg, "REVOKE SELECT ON runs FROM ecs_scheduler_scheduld");
    agenda_lead(w->agenda, EPOCH);
    pg_turn(w->pg, 100);
    pg_value(w->pg, "REVOKE SELECT ON jobs FROM ecs_scheduler_scheduld");
    pg_value(w->pg, "TRUNCATE jobs, job_state, job_tombstones"); /* so all are read */
    pg_turn(w->pg, 200);
    assert_false(stats(w).leading);
    pg_value(w->pg, "GRANT SELECT ON jobs, runs TO ecs_scheduler_scheduld");
    UNTIL(w, stats(w).leading && stats(w).jobs == 0);
}

static void who_does_not_lead_writes_nothing(void **state)
{
    struct watch *w = *state;

    begin_with(w, 60000);
    lead(w);
    pg_value(w->pg, "UPDATE scheduler SET epoch = 8");
    make(w, "('a', '0 *')");
    UNTIL(w, w->lost == 1);
    assert_false(stats(w).leading);
    assert_string_equal(pg_value(w->pg, "SELECT count(*) FROM job_state"), "0");
}

static bool converged(struct watch *w, const char *count)
{
    return strcmp(pg_value(w->pg, "SELECT count(*) FROM jobs JOIN job_state ON id = job_id"
                                  " WHERE armed_revision = revision AND next_run IS NOT NULL"),
                  count) == 0;
}

/* Likewise, of very many: to ask costs the machine a lot, too. */
static void wait_converged(struct watch *w, const char *count)
{
    int64_t begun_ms = clock_monotonic_ms(&clock_system);

    do
        pg_turn(w->pg, 300);
    while (!converged(w, count) && clock_monotonic_ms(&clock_system) - begun_ms < SLOW_MS);
}

static const char drop_checks[] =
    "DO $$ DECLARE name text; BEGIN"
    " FOR name IN SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid = 'jobs'::regclass LOOP"
    "  EXECUTE format('ALTER TABLE jobs DROP CONSTRAINT %I', name);"
    " END LOOP; END $$";

/* A statement on very many rows, on a machine that may be busy. */
static void run_slowly(struct watch *w, const char *sql)
{
    struct answer answer;

    pg_ask(w->pg, &answer, sql, NULL, 0);
    for (int i = 0; answer.times == 0 && i < SLOW_MS; i++)
        pg_turn(w->pg, 1);
    pg_fail_unless(&answer, ERR_NONE, "", sql);
}

static void a_hundred_thousand_changes_at_once(void **state)
{
    struct db_options slow = {.deadline_ms = SLOW_MS};
    struct watch *w = *state;
    int64_t begun_ms;

    pg_close(w->pg);
    w->pg = pg_open(&slow);
    pg_value(w->pg, drop_checks); /* most of the time goes there, and these rows are right */
    begin_with(w, 0);             /* as scheduld looks for what it was not told of */
    lead(w);
    run_slowly(w, "INSERT INTO jobs (id, task_definition, schedule)"
                  " SELECT 'n' || i, 'x', '0 0 0 * * * 1 3000' FROM generate_series(1, 100000) AS i");
    wait_converged(w, "100000");
    pg_value(w->pg, "ALTER TABLE jobs DISABLE TRIGGER jobs_tell_update"); /* and nobody is told */
    run_slowly(w, "UPDATE jobs SET schedule = '0 0 1 * * * 1 3000'");
    begun_ms = clock_monotonic_ms(&clock_system);
    wait_converged(w, "100000");
    print_message("100,000 changes without a NOTIFY are armed and on record %jd ms after their commit\n",
                  (intmax_t)(clock_monotonic_ms(&clock_system) - begun_ms));
    assert_string_equal(
        pg_value(w->pg, "SELECT count(*) FROM job_state WHERE next_run = '3000-01-01 01:00Z'"), "100000");
    run_slowly(w, "DELETE FROM jobs WHERE id LIKE 'n1%'");
    UNTIL(w, stats(w).jobs == 100000 - 11112);
    assert_int_equal(stats(w).armed, stats(w).jobs);
    assert_int_equal(w->dues, 0);
}

/* Hints say what to look at, never what is there: who sends them twice, late or wrongly changes nothing. */
static void hints_may_come_in_any_order_and_number(void **state)
{
    struct watch *w = *state;

    make(w, "('a', '0 5'), ('b', '0 5'), ('c', '0 5')");
    begin_with(w, 60000);
    lead(w);
    UNTIL(w, next_of(w, "c") == 300);
    pg_value(w->pg, "ALTER TABLE jobs DISABLE TRIGGER jobs_tell_update");
    pg_value(w->pg, "ALTER TABLE jobs DISABLE TRIGGER jobs_tell_delete");
    pg_value(w->pg, "SELECT pg_notify('ecss_jobs', 'a'), pg_notify('ecss_jobs', 'd')"); /* before it is so */
    pg_value(w->pg, "UPDATE jobs SET schedule = '0 6' WHERE id = 'a'");
    pg_value(w->pg, "UPDATE jobs SET schedule = '0 7' WHERE id = 'b'");
    make(w, "('d', '0 8')");
    pg_value(w->pg, "DELETE FROM jobs WHERE id = 'c'");
    for (int i = 0; i < 3; i++) {
        pg_value(w->pg, "SELECT pg_notify('ecss_jobs', id) FROM unnest('{d,c,b,a,nobody,\"no "
                        "name\"}'::text[]) AS u (id)");
        pg_value(w->pg, "SELECT pg_notify('ecss_jobs', repeat('x', 7999))");
    }
    UNTIL(w,
          next_of(w, "a") == 360 && next_of(w, "b") == 420 && next_of(w, "d") == 480 && stats(w).jobs == 3);
    assert_int_equal(stats(w).armed, 3);
    assert_int_equal(w->dues, 0);
}

/* Another session locks these jobs, until release(). */
static void hold(struct watch *w, struct pg *other, struct answer *answer, const char *which)
{
    AUTO_FREE char *sql = mem_printf("WITH held AS MATERIALIZED (SELECT FROM jobs WHERE %s FOR UPDATE)"
                                     " SELECT pg_sleep(60) FROM (SELECT count(*) FROM held) AS n",
                                     which);

    pg_ask(other, answer, sql, NULL, 0);
    while (strcmp(pg_value(w->pg, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"),
                  "0") == 0)
        pg_turn(other, 1);
}

static void release(struct watch *w)
{
    pg_value(w->pg, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
}

static void who_locks_a_job_delays_that_job_alone(void **state)
{
    struct watch *w = *state;
    struct pg *slow = pg_open(NULL);
    struct answer answer;

    make(w, "('a', '0 5'), ('b', '0 5')");
    begin_with(w, 100);
    hold(w, slow, &answer, "id = 'a'");
    lead(w);
    UNTIL(w, next_of(w, "b") == 300);
    assert_string_equal(pg_value(w->pg, "SELECT count(*) FROM job_state WHERE job_id = 'a'"), "0");
    release(w);
    UNTIL(w, next_of(w, "a") == 300);
    pg_close(slow);
}

/* They do not change, so nothing but the agenda itself knows that they are to be read again. */
static void more_locked_jobs_than_it_remembers_are_written_in_the_end(void **state)
{
    struct watch *w = *state;
    struct pg *slow = pg_open(NULL);
    struct answer answer;

    pg_value(w->pg, "INSERT INTO jobs (id, task_definition, schedule)"
                    " SELECT 'n' || i, 'x', '0 0 0 * * * 1 3000' FROM generate_series(1, 6000) AS i");
    hold(w, slow, &answer, "true");
    begin_with(w, 2000);
    lead(w);
    pg_turn(w->pg, 1000); /* each was found locked */
    assert_string_equal(pg_value(w->pg, "SELECT count(*) FROM job_state"), "0");
    release(w);
    UNTIL(w, converged(w, "6000"));
    pg_close(slow);
}

/* Turning this one's loop. */
static void wait_for_event(struct watch *w, struct pg *turned, const char *event)
{
    AUTO_FREE char *sql = mem_printf("SELECT count(*) FROM pg_stat_activity WHERE wait_event = '%s'", event);

    while (strcmp(pg_value(w->pg, sql), "1") != 0)
        pg_turn(turned, 1);
}

/* The standby's read of the edit waits, and is answered when it leads and has asked what is owed. The edit
 * was seen by who led before, so it is not; its next fire time passes meanwhile. */
static void an_edit_that_is_read_while_one_catches_up_loses_nothing(void **state)
{
    struct watch *w = *state;
    struct pg *slow = pg_open(NULL);
    struct answer answer;

    make(w, "('a', '0 *')");
    plan(w, "a", 0, 60);
    begin_with(w, 60000);
    set_clock(w, 59);
    pg_value(w->pg, "SELECT pg_advisory_lock(1)");
    pg_ask(slow, &answer,
           "DO $$ BEGIN LOCK TABLE job_state; PERFORM pg_advisory_xact_lock(1);"
           " UPDATE job_state SET armed_revision = (SELECT max(revision) FROM jobs); END $$",
           NULL, 0);
    wait_for_event(w, slow, "advisory");
    pg_value(w->pg, "UPDATE jobs SET task_count = 2");
    wait_for_event(w, w->pg, "relation");
    agenda_lead(w->agenda, EPOCH);
    pg_turn(w->pg, 200); /* it asks */
    set_clock(w, 61);
    pg_value(w->pg, "SELECT pg_advisory_unlock(1)");
    UNTIL(w, stats(w).leading);
    pg_turn(w->pg, 50); /* it says what is due */
    set_clock(w, 120);
    UNTIL(w, w->dues == 2);
    expect_due(w, 0, "a", 60, 0, 120);
    expect_due(w, 1, "a", 120, 0, 180);
    pg_wait(slow, &answer.times, 1);
    pg_close(slow);
}

static void changes_while_the_connection_is_cut(void **state)
{
    struct watch *w = *state;

    begin_with(w, 60000);
    lead(w);
    for (int i = 0; i < 30; i++) {
        AUTO_FREE char *insert = mem_printf("('j%d', '0 5')", i);
        AUTO_FREE char *update = mem_printf("UPDATE jobs SET schedule = '0 6' WHERE id = 'j%d'", i / 2);
        AUTO_FREE char *delete = mem_printf("DELETE FROM jobs WHERE id = 'j%d'", i / 3);

        make(w, insert);
        if (i % 3 == 0)
            pg_value(w->pg, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                            " WHERE application_name = 'agenda'");
        pg_value(w->pg, update);
        pg_value(w->pg, delete);
        pg_turn(w->pg, i % 7 * 10);
    }
    UNTIL(w, stats(w).jobs == 20 && converged(w, "20"));
    assert_string_equal(pg_value(w->pg, "SELECT count(*) FROM jobs JOIN job_state ON id = job_id"
                                        " WHERE next_run = schedule_start::timestamptz"
                                        " + make_interval(mins => substr(schedule, 3)::int)"),
                        "20");
    assert_int_equal(stats(w).armed, 20);
}

static void copy_zone(struct watch *w, const char *from)
{
    AUTO_FREE char *command = mem_printf("cp /usr/share/zoneinfo/%s '%s/new' && mv '%s/new' '%s/Here'", from,
                                         w->folder, w->folder, w->folder);

    assert_int_equal(system(command), 0);
}

/* Zones of its own, of which there is one, Here. */
static void begin_zones(struct watch *w, const char *from)
{
    snprintf(w->folder, sizeof w->folder, "/tmp/ecss-zones-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    copy_zone(w, from);
}

static void remove_zones(struct watch *w)
{
    AUTO_FREE char *rm = mem_printf("rm -r '%s'", w->folder);

    assert_int_equal(system(rm), 0);
}

static void an_update_of_a_zone_arms_its_jobs_again(void **state)
{
    struct watch *w = *state;

    begin_zones(w, "Asia/Kolkata");
    make(w, "('a', '0 0 12'), ('utc', '0 0 12')");
    pg_value(w->pg, "UPDATE jobs SET timezone = 'Here' WHERE id = 'a'");
    begin_with(w, 60000);
    lead(w);
    UNTIL(w, next_of(w, "a") == 6 * 3600 + 1800);
    copy_zone(w, "Asia/Tokyo");
    UNTIL(w, next_of(w, "a") == 3 * 3600);
    assert_int_equal(next_of(w, "utc"), 12 * 3600);
    remove_zones(w); /* the zone is gone: its job does not fire, and says why */
    assert_int_equal(mkdir(w->folder, 0700), 0);
    UNTIL(w, stats(w).problems == 1);
    UNTIL(w, strcmp(pg_value(w->pg, "SELECT coalesce(problem, '') || (next_run IS NULL) FROM job_state"
                                    " WHERE job_id = 'a'"),
                    "timezone: Invalid timezone format: Heretrue") == 0);
    assert_int_equal(next_of(w, "utc"), 12 * 3600);
    copy_zone(w, "Asia/Kolkata");
    UNTIL(w, next_of(w, "a") == 6 * 3600 + 1800);
    assert_int_equal(stats(w).problems, 0);
    remove_zones(w);
}

static void remove_zone(struct watch *w)
{
    AUTO_FREE char *rm = mem_printf("rm '%s/Here'", w->folder);

    assert_int_equal(system(rm), 0);
    UNTIL(w, strcmp(pg_value(w->pg, "SELECT count(*) FROM job_state WHERE problem IS NOT NULL"), "1") == 0);
}

/* As a user does now, by a clock that is ahead of the database's. */
static void give_zone(struct watch *w, int64_t now)
{
    AUTO_FREE char *sql = mem_printf("UPDATE jobs SET timezone = 'UTC', revision = revision + 1,"
                                     " scheduled_since = to_timestamp(%" PRId64 ")",
                                     w->start_s + now);

    pg_value(w->pg, "ALTER TABLE jobs DISABLE TRIGGER jobs_stamp");
    pg_value(w->pg, sql);
}

/* The job is as it was, so each of its fire times counts; not so where the user gives it another zone. */
static void what_passes_while_a_zone_is_gone_is_owed(void **state)
{
    struct watch *w = *state;

    begin_zones(w, "Asia/Kolkata");
    make(w, "('a', '0 *')");
    pg_value(w->pg, "UPDATE jobs SET timezone = 'Here'");
    begin_with(w, 60000);
    lead(w);
    UNTIL(w, next_of(w, "a") == 0);
    remove_zone(w);
    set_clock(w, 130);
    assert_int_equal(w->dues, 0);
    copy_zone(w, "Asia/Kolkata");
    UNTIL(w, w->dues == 1);
    expect_due(w, 0, "a", 120, 2, 180);
    plan(w, "a", 120, 180);
    pg_value(w->pg, "UPDATE job_state SET problem = NULL");

    /* Another leads meanwhile, on a host without the zone. */
    agenda_stand_by(w->agenda);
    pg_value(w->pg, "UPDATE job_state SET problem = 'timezone: no', next_run = NULL");
    set_clock(w, 250 + GRACE);
    UNTIL(w, stats(w).next_s == w->start_s + 300 + GRACE);
    lead(w);
    UNTIL(w, w->dues == 2);
    expect_due(w, 1, "a", 240 + GRACE, 59, 300 + GRACE);
    assert_int_equal(w->told[1].due.missed_first_s, w->start_s + 180);
    assert_int_equal(w->told[1].due.missed, 2);
    plan(w, "a", 240 + GRACE, 300 + GRACE);
    pg_value(w->pg, "UPDATE job_state SET problem = NULL");

    remove_zone(w);
    set_clock(w, 430 + GRACE);
    give_zone(w, 310 + GRACE);
    UNTIL(w, w->dues == 3);
    expect_due(w, 2, "a", 420 + GRACE, 1, 480 + GRACE);
    remove_zones(w);
}

/* Its row does not change, so that to look at what changed would not find it. */
static void an_update_of_a_zone_that_cannot_be_acted_on_is_not_forgotten(void **state)
{
    struct watch *w = *state;

    begin_zones(w, "Asia/Kolkata");
    make(w, "('a', '0 0 12')");
    pg_value(w->pg, "UPDATE jobs SET timezone = 'Here'");
    begin_with(w, 60000);
    lead(w);
    UNTIL(w, next_of(w, "a") == 6 * 3600 + 1800);
    pg_value(w->pg, "REVOKE SELECT ON jobs FROM ecs_scheduler_scheduld");
    copy_zone(w, "Asia/Tokyo");
    UNTIL(w, strcmp(pg_value(w->pg, "SELECT state = 'idle' AND query NOT LIKE '%job_state AS s (%'"
                                    " FROM pg_stat_activity WHERE application_name = 'agenda'"),
                    "t") == 0); /* it has tried to read the job since it was written */
    pg_value(w->pg, "GRANT SELECT ON jobs TO ecs_scheduler_scheduld");
    UNTIL(w, next_of(w, "a") == 3 * 3600);
    remove_zones(w);
}

#define FRESH(fn) cmocka_unit_test_setup_teardown(fn, fresh, ends)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(every_statement_prepares_as_scheduld),
        FRESH(what_is_changed_by_hand_is_armed),
        FRESH(what_is_due_is_said_once),
        FRESH(a_run_on_record_is_not_owed_though_the_cursor_has_not_moved),
        FRESH(a_run_on_record_is_not_owed_though_the_edit_has_not_been_seen),
        FRESH(an_edit_counts_nothing_that_is_on_record),
        FRESH(an_edit_brings_the_cursor_up_to_what_is_on_record),
        FRESH(a_wrong_clock_plans_nothing),
        FRESH(a_standby_whose_clock_is_set_back_arms_again),
        FRESH(a_standby_whose_clock_is_set_back_a_little_loses_nothing),
        FRESH(a_window_ends),
        FRESH(a_bad_row_disables_itself_alone),
        FRESH(a_lost_notification_is_repaired),
        FRESH(a_standby_says_nothing_and_then_what_is_owed),
        FRESH(each_job_has_a_grace_of_its_own),
        FRESH(a_change_that_is_no_reschedule_loses_nothing),
        FRESH(a_leader_that_cannot_read_catches_up_when_it_can),
        FRESH(a_leader_that_has_to_read_twice_catches_up),
        FRESH(who_does_not_lead_writes_nothing),
        FRESH(hints_may_come_in_any_order_and_number),
        FRESH(who_locks_a_job_delays_that_job_alone),
        FRESH(more_locked_jobs_than_it_remembers_are_written_in_the_end),
        FRESH(an_edit_that_is_read_while_one_catches_up_loses_nothing),
        FRESH(changes_while_the_connection_is_cut),
        FRESH(an_update_of_a_zone_arms_its_jobs_again),
        FRESH(what_passes_while_a_zone_is_gone_is_owed),
        FRESH(an_update_of_a_zone_that_cannot_be_acted_on_is_not_forgotten),
        FRESH(a_hundred_thousand_changes_at_once), /* the last: it drops constraints */
    };

    pg_filter();
    return cmocka_run_group_tests_name("agenda", tests, migrated, NULL);
}
