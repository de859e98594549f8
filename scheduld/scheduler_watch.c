/* What a scheduler tells of itself: in a line for people, as health, and as numbers. */
#include "scheduler_internal.h"

#include <inttypes.h>
#include <math.h>

#include "agenda.h"
#include "aws_client.h"
#include "clock.h"
#include "db.h"
#include "health.h"
#include "leader.h"
#include "meters.h"
#include "runner.h"
#include "timestamp.h"
#include "tz.h"

enum { US_PER_MS = 1000 };

static void put_role(const struct scheduler *scheduler, struct buf *buf)
{
    const int64_t epoch = scheduler->leader == NULL ? 0 : leader_epoch(scheduler->leader);

    if (scheduler->done != NULL)
        buf_puts(buf, "finishes what is on its way");
    else if (scheduler->leader == NULL)
        buf_puts(buf, migrate_wait_text(&scheduler->wait));
    else if (epoch != 0)
        buf_printf(buf, "leads, epoch %" PRId64, epoch);
    else
        buf_puts(buf, "stands by");
}

void scheduler_status(const struct scheduler *scheduler, struct buf *ret)
{
    struct agenda_stats stats;

    put_role(scheduler, ret);
    if (scheduler->leader == NULL || scheduler->done != NULL)
        return;
    agenda_stats(scheduler->agenda, &stats);
    if (scheduler->wait.state != MIGRATE_CURRENT)
        buf_printf(ret, "; %s", migrate_wait_text(&scheduler->wait));
    if (scheduler->clock_off)
        buf_puts(ret, "; plans nothing, as the clock is off");
    buf_printf(ret, "; %zu jobs armed", stats.armed);
    if (stats.problems > 0)
        buf_printf(ret, ", %zu cannot be (see job_state.problem)", stats.problems);
    if (stats.next_s == 0)
        return;
    buf_puts(ret, "; next fire ");
    timestamp_put_instant(ret, stats.next_s, tz_utc());
}

/* --- health --- */

static enum health_role role_of(const struct scheduler *scheduler)
{
    if (scheduler->done != NULL)
        return HEALTH_STOPPING;
    if (scheduler->leader == NULL)
        return HEALTH_WAITING;
    return leader_is_leading(scheduler->leader) ? HEALTH_LEADER : HEALTH_STANDBY;
}

/* How long the first fire in the wheel has been due. */
static int64_t overdue_s(const struct agenda_stats *stats)
{
    int64_t late_s = stats->next_s == 0 ? 0 : clock_wall_s(&clock_system) - stats->next_s;

    return late_s > 0 ? late_s : 0;
}

static struct health look(const struct scheduler *scheduler)
{
    const struct runner_counts runs = runner_count(scheduler->runner);
    struct agenda_stats stats;

    agenda_stats(scheduler->agenda, &stats);
    return (struct health){
        .role = role_of(scheduler),
        .epoch = scheduler->leader == NULL ? 0 : leader_epoch(scheduler->leader),
        .database_up = db_is_up(scheduler->db),
        .schema_unreadable = scheduler->wait.state == MIGRATE_UNREADABLE,
        .unanswered_ms =
            db_pending(scheduler->db) == 0
                ? 0
                : (clock_monotonic_us(&clock_system) - db_last_answer_us(scheduler->db)) / US_PER_MS,
        .clock_off = scheduler->clock_off,
        .writes_fail = runs.writes_fail,
        .loaded = stats.ready,
        .lease_holds = scheduler->leader != NULL && leader_may_launch(scheduler->leader),
        .jobs = stats.jobs,
        .armed = stats.armed,
        .problems = stats.problems,
        .overdue_s = overdue_s(&stats),
    };
}

bool scheduler_health(const struct scheduler *scheduler, struct buf *ret)
{
    const struct health health = look(scheduler);

    health_put(ret, &health);
    return health_problem(&health) == NULL;
}

/* --- numbers --- */

static void measure(struct metrics *metrics, enum meter meter, double value)
{
    metrics_set(metrics, meter, 0, 0, value);
}

const struct metrics *scheduler_measure(struct scheduler *scheduler)
{
    struct metrics *metrics = scheduler->metrics;
    const struct health health = look(scheduler);
    const struct runner_counts runs = runner_count(scheduler->runner);
    struct agenda_stats stats;

    agenda_stats(scheduler->agenda, &stats);
    measure(metrics, METER_LEADING, health.role == HEALTH_LEADER);
    measure(metrics, METER_EPOCH, health.epoch == 0 ? (double)NAN : (double)health.epoch);
    measure(metrics, METER_READY, health_problem(&health) == NULL);
    measure(metrics, METER_DATABASE_UP, health.database_up);
    measure(metrics, METER_QUERIES, (double)db_pending(scheduler->db));
    measure(metrics, METER_JOBS, (double)stats.jobs);
    measure(metrics, METER_ARMED, (double)stats.armed);
    measure(metrics, METER_PROBLEMS, (double)stats.problems);
    measure(metrics, METER_AGENDA_BYTES, (double)stats.bytes);
    measure(metrics, METER_TICK_AGE, (double)(clock_monotonic_us(&clock_system) - stats.tick_us) / 1e6);
    measure(metrics, METER_OVERDUE, (double)health.overdue_s);
    metrics_set(metrics, METER_RUNS_NOW, METER_WAITING, 0, (double)runs.waiting);
    metrics_set(metrics, METER_RUNS_NOW, METER_ACTIVE, 0, (double)runs.active);
    metrics_set(metrics, METER_RUNS_NOW, METER_RETRYING, 0, (double)runs.retrying);
    aws_client_measure(scheduler->aws);
    return metrics;
}
