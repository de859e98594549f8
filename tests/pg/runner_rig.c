/* See runner_rig.h. */
#include "runner_rig.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

enum { TAKE_MAX = 7 };

struct pg *admin;

static int64_t wall_us(void *arg)
{
    return ((struct rig *)arg)->wall_us;
}

static int64_t monotonic_us(void *arg)
{
    return clock_monotonic_us(&clock_system) + ((struct rig *)arg)->turned_us;
}

static bool clock_is_right(void *arg)
{
    return !((struct rig *)arg)->clock_off;
}

static bool may_launch(void *arg)
{
    return ((struct rig *)arg)->lease;
}

static void on_fenced(void *arg)
{
    ((struct rig *)arg)->fenced++;
}

void rig_on_drained(void *arg)
{
    ((struct rig *)arg)->drained++;
}

int rig_migrate(void **state)
{
    (void)state;
    pg_migrate();
    admin = pg_open(NULL);
    return 0;
}

int rig_done(void **state UNUSED)
{
    pg_close(admin);
    return 0;
}

static struct runner *make_runner(struct rig *rig, size_t runs_max, size_t requests_max)
{
    return runner_new(&(struct runner_options){
        .base = rig->pg->base,
        .clock = &rig->clock,
        .db = rig->pg->db,
        .ecs_ops = &fake_ecs_ops,
        .ecs = &rig->aws,
        .sqs_ops = &fake_sqs_ops,
        .sqs = &rig->aws,
        .cluster = "test-cluster",
        .name = "ecs-scheduler",
        .grace_s = GRACE_S,
        .may_launch = may_launch,
        .clock_is_right = clock_is_right,
        .on_fenced = on_fenced,
        .arg = rig,
        .retry_min_ms = 1,
        .retry_max_ms = 20,
        .drain_ms = RIG_DRAIN_MS,
        .runs_max = runs_max,
        .requests_max = requests_max,
        .take_max = TAKE_MAX,
    });
}

int rig_begin_with(void **state, size_t runs_max, size_t requests_max)
{
    AUTO_FREE char *url = pg_url_with("options=-c%20role%3Decs_scheduler_scheduld");
    struct db_options options = {.url = url, .lock_timeout_ms = 500};
    struct rig *rig = mem_alloc(sizeof *rig);

    pg_value(admin, "TRUNCATE jobs, job_state, job_tombstones, runs");
    pg_value(admin, "UPDATE scheduler SET epoch = 5");
    pg_value(admin,
             "INSERT INTO jobs (id, task_definition, schedule) VALUES ('a', 'fa', '0'), ('b', 'fb', '0')");
    rig->pg = pg_open(&options);
    rig->clock = (struct clock){wall_us, monotonic_us, rig};
    rig->wall_us = NOW * INT64_C(1000000) + 5000;
    rig->lease = true;
    fake_init(&rig->aws, rig->pg->base);
    rig->runner = make_runner(rig, runs_max, requests_max);
    runner_lead(rig->runner, 5, INSTALLATION);
    *state = rig;
    return 0;
}

int rig_begin(void **state)
{
    return rig_begin_with(state, 0, 0);
}

int rig_end(void **state)
{
    struct rig *rig = *state;

    runner_stand_by(rig->runner);
    fake_release(&rig->aws); /* what is on the wire is answered, as by aws_client_free() */
    pg_turn(rig->pg, 1);
    db_free(rig->pg->db);
    rig->pg->db = NULL;
    runner_free(rig->runner);
    fake_done(&rig->aws);
    pg_close(rig->pg);
    free(rig);
    return 0;
}

int64_t rig_revision(const char *job_id)
{
    AUTO_FREE char *sql = mem_printf("SELECT revision FROM jobs WHERE id = '%s'", job_id);

    return strtoll(pg_value(admin, sql), NULL, 10);
}

void rig_due(struct rig *rig, const char *job_id, int64_t fire_s)
{
    runner_due(rig->runner, &(struct agenda_due){.job_id = job_id,
                                                 .revision = rig_revision(job_id),
                                                 .fire_s = fire_s,
                                                 .next_s = fire_s + 60,
                                                 .grace_s = GRACE_S});
}

void rig_turn_seconds(struct rig *rig, int64_t seconds)
{
    rig->wall_us += seconds * 1000000;
    rig->turned_us += seconds * 1000000;
}

void rig_wait_for_(struct rig *rig, const char *sql, const char *wanted, const char *file, int line)
{
    int64_t end = clock_monotonic_ms(&clock_system) + PG_DEADLINE_MS;

    while (strcmp(pg_value(admin, sql), wanted) != 0) {
        if (clock_monotonic_ms(&clock_system) > end) {
            print_error("%s:%d: %s\n is \"%s\", not \"%s\"\ncalls:\n%s", file, line, sql,
                        pg_value(admin, sql), wanted, rig->aws.calls.data);
            _fail(file, line);
        }
        pg_turn(rig->pg, 2);
    }
}

void rig_wait_idle(struct rig *rig)
{
    struct runner_counts counts;

    do {
        pg_turn(rig->pg, 5);
        counts = runner_count(rig->runner);
    } while (counts.waiting + counts.active + counts.retrying > 0);
}

void rig_check_error(const char *words)
{
    const char *error = pg_value(admin, ERROR);

    if (strstr(error, words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, error);
}
