/* See runner.h and runner_internal.h. */
#include "runner_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <event2/event.h>

#include "agenda.h"
#include "clock.h"
#include "ecs.h"
#include "log.h"
#include "mem.h"
#include "plan.h"
#include "run_store.h"

enum {
    RETRY_MIN_MS = 1000,
    RETRY_MAX_MS = 60000,
    DRAIN_MS = 10000,
    CALLS_MAX = 48, /* below aws_client's limit: what we send is on the wire at once, while the lease holds */
    RUNS_MAX = 4000,
    REQUESTS_MAX = 64 << 20,
    TAKE_MAX = 500,
};

static void on_kick(evutil_socket_t fd UNUSED, short what UNUSED, void *arg);
static void on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *arg);
static void on_drain_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *arg);

static void set_defaults(struct runner_options *options)
{
    if (options->clock == NULL)
        options->clock = &clock_system;
    if (options->retry_min_ms == 0)
        options->retry_min_ms = RETRY_MIN_MS;
    if (options->retry_max_ms == 0)
        options->retry_max_ms = RETRY_MAX_MS;
    if (options->drain_ms == 0)
        options->drain_ms = DRAIN_MS;
    if (options->calls_max == 0)
        options->calls_max = CALLS_MAX;
    if (options->runs_max == 0)
        options->runs_max = RUNS_MAX;
    if (options->requests_max == 0)
        options->requests_max = REQUESTS_MAX;
    if (options->take_max == 0)
        options->take_max = TAKE_MAX;
}

static void init_lists(struct runner *runner)
{
    TAILQ_INIT(&runner->all);
    TAILQ_INIT(&runner->check);
    TAILQ_INIT(&runner->plan);
    TAILQ_INIT(&runner->held);
    TAILQ_INIT(&runner->record);
    TAILQ_INIT(&runner->locked);
    TAILQ_INIT(&runner->doubts);
    runner->doubts_waiting = 0;
}

static void on_room(void *arg)
{
    runner_kick(arg);
}

struct runner *runner_new(const struct runner_options *options)
{
    struct runner *runner = mem_alloc(sizeof *runner);

    runner->options = *options;
    set_defaults(&runner->options);
    runner->cluster = mem_strdup(options->cluster);
    runner->name = mem_strdup(options->name);
    init_lists(runner);
    fire_line_init(&runner->due);
    fire_line_init(&runner->no_place);
    fire_line_init(&runner->ask);
    fire_line_init(&runner->launch);
    runner->kick = event_new(options->base, -1, 0, on_kick, runner);
    runner->timer = evtimer_new(options->base, on_timer, runner);
    runner->drain_timer = evtimer_new(options->base, on_drain_timer, runner);
    options->ecs_ops->on_room(options->ecs, on_room, runner);
    return runner;
}

void runner_free(struct runner *runner)
{
    if (runner == NULL)
        return;
    runner_stand_by(runner);
    fire_index_done(&runner->by_job);
    runner_forget_queues(runner);
    fire_line_done(&runner->due);
    fire_line_done(&runner->no_place);
    fire_line_done(&runner->ask);
    fire_line_done(&runner->launch);
    fire_heap_done(&runner->retry);
    event_free(runner->kick);
    event_free(runner->timer);
    event_free(runner->drain_timer);
    free(runner->cluster);
    free(runner->name);
    free(runner->installation);
    free(runner);
}

/* The loop. */

static bool idle(const struct runner *runner)
{
    return runner->active == 0 && !runner->planning && !runner->recording && TAILQ_EMPTY(&runner->plan) &&
           TAILQ_EMPTY(&runner->held) && TAILQ_EMPTY(&runner->record);
}

/* Either may free the runner. */
static void end_drain(struct runner *runner)
{
    void (*drained)(void *arg) = runner->drained;
    void *arg = runner->drained_arg;

    runner_stand_by(runner);
    if (drained != NULL)
        drained(arg);
}

/* Draining: what cannot be begun at once is left to the next leader. */
static void drop_lines(struct runner *runner)
{
    struct fire *fire;

    while ((fire = fire_line_take(&runner->ask)) != NULL)
        runner_drop_asking(runner, fire);
    while ((fire = runner_take_launch(runner)) != NULL)
        runner_drop_launching(runner, fire);
}

static bool read_next(struct runner *runner)
{
    bool doubt = runner->doubt_is_next;

    if (doubt ? runner_doubt_next(runner) : runner_ask_next(runner)) {
        runner->doubt_is_next = !doubt;
        return true;
    }
    return doubt ? runner_ask_next(runner) : runner_doubt_next(runner);
}

/* What ECS lets be read goes by turns to who begins and to who is in doubt, so that neither waits for the end
 * of the other's line. */
static void read_some(struct runner *runner)
{
    while (runner->options.ecs_ops->read_room(runner->options.ecs) > 0 && read_next(runner))
        ;
}

static void work(struct runner *runner)
{
    bool rests = runner_db_rests(runner);

    if (runner->mode == RUNNER_TAKING_OVER && !rests)
        runner_take_over(runner);
    if (runner->mode == RUNNER_LEADING && !rests)
        runner_begin_some(runner);
    if (runner->mode == RUNNER_LEADING || runner->mode == RUNNER_DRAINING) {
        read_some(runner);
        if (!rests)
            runner_write_plans(runner);
        if (!rests)
            runner_write_records(runner);
        runner_launch_some(runner);
    }
    if (runner->mode == RUNNER_DRAINING)
        drop_lines(runner);
    if (runner->mode == RUNNER_DRAINING && idle(runner))
        end_drain(runner);
}

static void on_kick(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct runner *runner = arg;

    if (runner->tell_fenced) {
        runner->tell_fenced = false;
        runner->options.on_fenced(runner->options.arg);
        return;
    }
    work(runner);
}

void runner_kick(struct runner *runner)
{
    event_active(runner->kick, EV_TIMEOUT, 0);
}

static void on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct runner *runner = arg;

    runner_wake_some(runner);
    runner_unlock(runner);
    runner_set_timer(runner);
    work(runner);
}

static void on_drain_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct runner *runner = arg;

    log_warning("runner.drain_ends", "unfinished=%zu", runner->active + runner->held_count);
    end_drain(runner);
}

/* From outside. */

void runner_db_up(struct runner *runner)
{
    run_store_warm(runner->options.db);
}

void runner_lead(struct runner *runner, int64_t epoch, const char *installation)
{
    runner_stand_by(runner);
    runner->mode = RUNNER_TAKING_OVER;
    runner->epoch = epoch;
    runner->installation = mem_strdup(installation);
    runner_kick(runner);
}

void runner_due(struct runner *runner, const struct agenda_due *due)
{
    struct fire *fire;
    enum fire_change change;

    if (runner->mode != RUNNER_LEADING && runner->mode != RUNNER_TAKING_OVER)
        return;
    fire = fire_index_find(&runner->by_job, due->job_id);
    if (fire == NULL)
        fire = runner_add(runner, due->job_id, true);
    change = fire_take_due(fire, due);
    if (change == FIRE_BEGINS)
        runner_queue_due(runner, fire);
    if (change == FIRE_IS_WRITTEN || fire->missed.count > 0)
        runner_queue_plan(runner, fire);
}

void runner_stand_by(struct runner *runner)
{
    struct fire *fire;

    runner->mode = RUNNER_STAND_BY;
    runner->reign++;
    while (fire_line_take(&runner->due) != NULL || fire_line_take(&runner->no_place) != NULL ||
           fire_line_take(&runner->ask) != NULL || runner_take_launch(runner) != NULL)
        ;
    while ((fire = fire_heap_first(&runner->retry)) != NULL)
        runner_unpark(runner, fire);
    while ((fire = TAILQ_FIRST(&runner->all)) != NULL)
        runner_forget(runner, fire);
    init_lists(runner);
    runner->taking = runner->planning = runner->recording = false;
    runner->plan_alone = runner->record_alone = 0;
    runner->doubts_asked = 0;
    runner->held_count = 0;
    runner->calls = 0; /* the slots are for the next reign; what is on the wire has its own deadline */
    runner->db_again_ms = runner->send_again_ms = runner->locked_again_ms = runner->held_again_ms = 0;
    runner->taken = (struct run_open_at){0};
    runner_db_worked(runner);
    runner->drained = NULL;
    evtimer_del(runner->timer);
    evtimer_del(runner->drain_timer);
    event_del(runner->kick);
    runner->tell_fenced = false;
    free(runner->installation);
    runner->installation = NULL;
}

void runner_fenced(struct runner *runner)
{
    log_warning("runner.fenced", "epoch=%" PRId64 " reason=another_leads", runner->epoch);
    runner_stand_by(runner);
    runner->tell_fenced = true;
    runner_kick(runner);
}

static void drop_waiting(struct runner *runner, struct fire *fire)
{
    fire->later = (struct fire_span){0};
    fire_forget_main(fire);
    runner_sweep(runner, fire);
}

void runner_drain(struct runner *runner, void (*done)(void *arg), void *arg)
{
    struct timeval limit = {runner->options.drain_ms / 1000,
                            (suseconds_t)(runner->options.drain_ms % 1000) * 1000};
    struct fire *fire;

    if (runner->mode != RUNNER_LEADING)
        runner_stand_by(runner);
    runner->mode = RUNNER_DRAINING;
    runner->drained = done;
    runner->drained_arg = arg;
    while ((fire = fire_line_take(&runner->due)) != NULL ||
           (fire = fire_line_take(&runner->no_place)) != NULL)
        drop_waiting(runner, fire);
    while ((fire = fire_heap_first(&runner->retry)) != NULL) {
        runner_unpark(runner, fire);
        drop_waiting(runner, fire);
    }
    while ((fire = runner_take_doubt(runner)) != NULL)
        drop_waiting(runner, fire);
    evtimer_add(runner->drain_timer, &limit);
    runner_kick(runner);
}

struct runner_counts runner_count(const struct runner *runner)
{
    return (struct runner_counts){
        .waiting = fire_line_count(&runner->due) + fire_line_count(&runner->no_place),
        .active = runner->active,
        .retrying = runner->retry.count + runner->in_line + runner->doubts_waiting + runner->held_count,
        .writes_fail = runner_db_fails(runner)};
}
