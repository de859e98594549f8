/* See scheduler.h. */
#include "scheduler.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include <event2/event.h>

#include "agenda.h"
#include "aws_client.h"
#include "db.h"
#include "ecs.h"
#include "ecs_defaults.h"
#include "json.h"
#include "leader.h"
#include "log.h"
#include "mem.h"
#include "meters.h"
#include "migrate.h"
#include "pruner.h"
#include "runner.h"
#include "scheduler_internal.h"
#include "settings.h"
#include "sqs.h"

enum { SCHEMA_AGAIN_S = 1, LOCK_WAIT_MS = 1000 };
/* Of that which takes too long the server tells in time: our own deadline, which begins with the asking,
 * would cost the connection, and with it all that is on its way. */
enum { STATEMENT_MAX_MS = DB_DEADLINE_DEFAULT_MS / 2 };

static void status_changed(const struct scheduler *scheduler)
{
    if (scheduler->options.on_status != NULL)
        scheduler->options.on_status(scheduler->options.arg);
}

/* --- leading --- */

static void on_lead(void *arg, int64_t epoch, const char *installation)
{
    struct scheduler *scheduler = arg;

    runner_lead(scheduler->runner, epoch, installation); /* it is ready for what the agenda finds */
    agenda_lead(scheduler->agenda, epoch);
    pruner_start(scheduler->pruner, epoch);
    status_changed(scheduler);
}

static void resign(void *arg);

static void on_loss(void *arg, const struct err *err UNUSED)
{
    struct scheduler *scheduler = arg;

    scheduler->clock_off = false;
    agenda_stand_by(scheduler->agenda);
    runner_stand_by(scheduler->runner);
    pruner_stop(scheduler->pruner);
    if (scheduler->done != NULL)
        resign(scheduler); /* while the runner was finishing its work: it does not go on with it */
    else
        status_changed(scheduler);
}

/* A write was refused because of its epoch. */
static void on_fenced(void *arg)
{
    struct scheduler *scheduler = arg;

    if (scheduler->done != NULL)
        resign(scheduler); /* the runner has given up what it was finishing */
    else if (scheduler->leader != NULL)
        leader_step_down(scheduler->leader);
}

static bool may_launch(void *arg)
{
    const struct scheduler *scheduler = arg;

    return scheduler->leader != NULL && leader_may_launch(scheduler->leader);
}

/* Which of the two clocks is wrong nobody knows; planning by a wrong one would pass over fire times. */
static bool clock_is_right(void *arg)
{
    struct scheduler *scheduler = arg;
    int64_t off_s = scheduler->leader == NULL ? 0 : leader_clock_off_s(scheduler->leader);
    int64_t max_s = scheduler->options.settings->max_clock_offset_s;
    bool off = max_s > 0 && llabs(off_s) > max_s;

    if (off == scheduler->clock_off)
        return !off;
    scheduler->clock_off = off;
    if (off)
        log_error("scheduld.clock_off", "ahead_s=%" PRId64 " reason=%s", off_s,
                  LOGQ("the clock here and the database's differ by more than "
                       "ECSS_MAX_CLOCK_OFFSET_SECONDS: nothing is planned until one is set right"));
    else
        log_info("scheduld.clock_right", "ahead_s=%" PRId64, off_s);
    status_changed(scheduler);
    return !off;
}

static void on_due(void *arg, const struct agenda_due *due)
{
    struct scheduler *scheduler = arg;

    if (due->fire_s != 0)
        metrics_add(scheduler->metrics, METER_FIRES, 0, 0, 1);
    metrics_add(scheduler->metrics, METER_COALESCED, 0, 0, (uint64_t)due->coalesced);
    runner_due(scheduler->runner, due);
}

static void on_ready(void *arg)
{
    struct scheduler *scheduler = arg;
    struct agenda_stats stats;

    agenda_stats(scheduler->agenda, &stats);
    log_info("scheduld.loaded", "jobs=%zu armed=%zu problems=%zu", stats.jobs, stats.armed, stats.problems);
    status_changed(scheduler);
}

/* --- the database and its schema --- */

static bool begin_to_lead(struct scheduler *scheduler, struct err *err)
{
    const struct leader_options options = {
        .base = scheduler->options.base,
        .database_url = scheduler->options.settings->database_url,
        .on_lead = on_lead,
        .on_loss = on_loss,
        .arg = scheduler,
    };

    if (scheduler->leader == NULL && scheduler->done == NULL) {
        scheduler->leader = leader_new(&options, err);
        status_changed(scheduler);
        return scheduler->leader != NULL;
    }
    return true;
}

static void set_able(struct scheduler *scheduler, bool able)
{
    if (scheduler->leader != NULL)
        leader_set_able(scheduler->leader, able);
}

static void refuse(struct scheduler *scheduler, const struct err *err)
{
    if (scheduler->refused)
        return;
    scheduler->refused = true;
    scheduler->options.on_schema(scheduler->options.arg, err);
}

static void check_schema(struct scheduler *scheduler);

static void check_again(struct scheduler *scheduler)
{
    const struct timeval later = {.tv_sec = SCHEMA_AGAIN_S};

    event_add(scheduler->schema_again, &later);
}

static void on_schema(void *arg, enum migrate_state state, const struct err *why)
{
    struct scheduler *scheduler = arg;
    bool news = migrate_wait_note(&scheduler->wait, state, why);
    struct err err = {0};

    scheduler->checking = false;
    switch (state) {
    case MIGRATE_CURRENT:
        agenda_db_up(scheduler->agenda);
        runner_db_up(scheduler->runner);
        if (!begin_to_lead(scheduler, &err))
            refuse(scheduler, &err);
        set_able(scheduler, db_is_up(scheduler->db)); /* on_db_down() may have come before this answer */
        break;
    case MIGRATE_UNREADABLE:
        if (news)
            log_error("scheduld.schema_unreadable", "error=%s", LOGQ(why->text));
        check_again(scheduler);
        break;
    case MIGRATE_UNREACHABLE:
        check_again(scheduler);
        break;
    case MIGRATE_OLDER:
        if (scheduler->leader != NULL) {
            refuse(scheduler, why); /* it was another one before: what is in memory is not of this database */
            break;
        }
        /* As between the installation of a new release and --migrate, if the machine starts anew then. */
        if (news)
            log_warning("scheduld.schema_awaited", "error=%s", LOGQ(why->text));
        check_again(scheduler);
        break;
    case MIGRATE_EMPTY:
    case MIGRATE_NEWER:
        refuse(scheduler, why);
        break;
    }
    if (news)
        status_changed(scheduler);
}

static void on_schema_again(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    check_schema(arg);
}

static void check_schema(struct scheduler *scheduler)
{
    if (scheduler->checking || !db_is_up(scheduler->db))
        return;
    scheduler->checking = true;
    migrate_check_db(scheduler->db, on_schema, scheduler);
}

static void on_db_up(void *arg)
{
    check_schema(arg);
}

static void on_db_down(void *arg, const struct err *err)
{
    struct scheduler *scheduler = arg;

    agenda_db_down(scheduler->agenda);
    set_able(scheduler, false);
    if (migrate_wait_note(&scheduler->wait, MIGRATE_UNREACHABLE, err))
        status_changed(scheduler);
}

/* --- the end --- */

static void on_stopped(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct scheduler *scheduler = arg;

    scheduler->done(scheduler->done_arg);
}

static void on_resigned(void *arg)
{
    on_stopped(-1, 0, arg);
}

static void resign(void *arg)
{
    struct scheduler *scheduler = arg;

    if (scheduler->resigning)
        return;
    scheduler->resigning = true;
    pruner_stop(scheduler->pruner);
    leader_resign(scheduler->leader, on_resigned, scheduler);
}

void scheduler_stop(struct scheduler *scheduler, void (*done)(void *arg), void *arg)
{
    const struct timeval now = {0};

    assert(scheduler->done == NULL && done != NULL);
    scheduler->done = done;
    scheduler->done_arg = arg;
    status_changed(scheduler);
    if (scheduler->leader == NULL) {
        event_add(scheduler->stopped, &now);
    } else if (!leader_is_leading(scheduler->leader)) {
        resign(scheduler);
    } else {
        agenda_stand_by(scheduler->agenda);
        runner_drain(scheduler->runner, resign, scheduler);
    }
}

/* --- its life --- */

static bool make_database(struct scheduler *scheduler, struct err *err)
{
    const struct db_options options = {
        .url = scheduler->options.settings->database_url,
        .application_name = "scheduld",
        .statement_timeout_ms = STATEMENT_MAX_MS,
        .lock_timeout_ms = LOCK_WAIT_MS, /* who keeps a row locked in psql is not to hold up all */
        .on_up = on_db_up,
        .on_down = on_db_down,
        .arg = scheduler,
    };

    scheduler->db = db_new(scheduler->options.base, &options, err);
    return scheduler->db != NULL;
}

static bool make_aws(struct scheduler *scheduler, struct err *err)
{
    const struct settings *settings = scheduler->options.settings;
    const struct aws_client_options options = {
        .base = scheduler->options.base,
        .metrics = scheduler->metrics,
        .rates = {[AWS_LAUNCHES] = {settings->launch_rate, settings->launch_burst},
                  [AWS_READS] = {settings->read_rate, settings->read_burst},
                  [AWS_QUEUES] = {settings->sqs_rate, settings->sqs_rate}},
    };

    if (!aws_client_new(&options, &scheduler->aws, err))
        return false;
    scheduler->ecs = ecs_new(scheduler->aws);
    scheduler->sqs = sqs_new(scheduler->aws);
    return true;
}

static void make_parts(struct scheduler *scheduler)
{
    const struct settings *settings = scheduler->options.settings;
    const struct runner_options runner = {
        .base = scheduler->options.base,
        .db = scheduler->db,
        .ecs_ops = &ecs_ops_aws,
        .ecs = scheduler->ecs,
        .sqs_ops = &sqs_ops_aws,
        .sqs = scheduler->sqs,
        .cluster = settings->ecs_cluster,
        .ecs_defaults = scheduler->ecs_defaults,
        .name = settings->name,
        .launch_rate = settings->launch_rate,
        .grace_s = settings->misfire_grace_s,
        .metrics = scheduler->metrics,
        .may_launch = may_launch,
        .clock_is_right = clock_is_right,
        .on_fenced = on_fenced,
        .arg = scheduler,
    };
    const struct agenda_options agenda = {
        .base = scheduler->options.base,
        .db = scheduler->db,
        .grace_s = (int)settings->misfire_grace_s,
        .on_due = on_due,
        .on_lost = on_fenced,
        .clock_is_right = clock_is_right,
        .on_ready = on_ready,
        .arg = scheduler,
    };
    const struct pruner_options pruner = {
        .base = scheduler->options.base,
        .database_url = settings->database_url,
        .retention_days = (int)settings->run_retention_days,
    };

    scheduler->runner = runner_new(&runner);
    scheduler->agenda = agenda_new(&agenda);
    scheduler->pruner = pruner_new(&pruner);
}

struct scheduler *scheduler_new(const struct scheduler_options *options, struct err *err)
{
    struct scheduler *scheduler = mem_alloc(sizeof *scheduler);

    *scheduler = (struct scheduler){.options = *options, .metrics = meters_new()};
    scheduler->schema_again = evtimer_new(options->base, on_schema_again, scheduler);
    scheduler->stopped = evtimer_new(options->base, on_stopped, scheduler);
    if (!ecs_defaults_read(options->settings->ecs_defaults, &scheduler->ecs_defaults, err) ||
        !make_aws(scheduler, err) || !make_database(scheduler, err)) {
        scheduler_free(scheduler);
        return NULL;
    }
    make_parts(scheduler);
    log_info("scheduld.started", "version=%s cluster=%s name=%s region=%s", ECSS_VERSION,
             LOGQ(options->settings->ecs_cluster), LOGQ(options->settings->name),
             LOGQ(aws_client_region(scheduler->aws)));
    return scheduler;
}

/* Who asks is freed after who answers, as the answers come when that is freed. */
void scheduler_free(struct scheduler *scheduler)
{
    if (scheduler == NULL)
        return;
    leader_free(scheduler->leader);
    scheduler->leader = NULL;
    pruner_free(scheduler->pruner);
    aws_client_free(scheduler->aws);
    db_free(scheduler->db);
    agenda_free(scheduler->agenda);
    runner_free(scheduler->runner);
    ecs_free(scheduler->ecs);
    sqs_free(scheduler->sqs);
    json_release(scheduler->ecs_defaults);
    event_free(scheduler->schema_again);
    event_free(scheduler->stopped);
    metrics_free(scheduler->metrics);
    free(scheduler);
}
