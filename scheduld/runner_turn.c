/* Entries, what follows from what, and what is begun at the end of a turn of the loop. See runner_internal.h.
 */
#include "runner_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "json.h"
#include "log.h"
#include "mem.h"

enum {
    PARKED_MAX = 20000, /* while so many runs wait for another attempt, or for their row, no other begins */
    AHEAD_S = 4,        /* runs begin that are to be launched in this time... */
    AHEAD_MIN = 100,    /* ...but not fewer than so many, as not all need a launch */
    FRESH_S = 1,        /* a fire that is no older may begin beyond that */
    PLACES_SHARE = 4,   /* one in so many of those in memory may have a queue to ask */
};

struct run_identity runner_identity(const struct runner *runner, const struct fire *fire)
{
    return (struct run_identity){
        .installation = runner->installation, .job_id = fire->job_id, .fire_s = fire->main.fire_s};
}

int64_t runner_run_id(const struct fire *fire)
{
    return fire->run == NULL ? 0 : fire->run->id;
}

const char *runner_stamp(int64_t fire_s, char out[static RUNNER_STAMP_SIZE])
{
    time_t t = (time_t)fire_s;
    struct tm tm = {0};

    gmtime_r(&t, &tm);
    strftime(out, RUNNER_STAMP_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return out;
}

bool runner_clock_is_right(const struct runner *runner)
{
    return runner->options.clock_is_right == NULL || runner->options.clock_is_right(runner->options.arg);
}

bool runner_over_grace(const struct runner *runner, const struct fire *fire)
{
    return clock_wall_s(runner->options.clock) > fire->main.fire_s + fire->main.grace_s &&
           runner_clock_is_right(runner);
}

bool runner_too_late(const struct runner *runner, const struct fire *fire)
{
    return runner_over_grace(runner, fire) ||
           (run_token_expired(fire->run, clock_wall_s(runner->options.clock)) &&
            runner_clock_is_right(runner));
}

void runner_say_why(struct fire *fire, const char *fmt, ...)
{
    char text[RUN_ERROR_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    json_utf8_cut(text);
    free(fire->why);
    fire->why = mem_strdup(text);
}

/* Entries. */

struct fire *runner_add(struct runner *runner, const char *job_id, bool indexed)
{
    struct fire *fire = fire_new(job_id);

    TAILQ_INSERT_TAIL(&runner->all, fire, all_link);
    if (indexed)
        fire_index_add(&runner->by_job, fire);
    return fire;
}

bool runner_release(struct fire *fire)
{
    bool dead = fire->dead;

    fire->holds--;
    if (dead && fire->holds == 0)
        fire_free(fire);
    return !dead;
}

static void count_bytes(struct runner *runner, struct fire *fire, size_t bytes)
{
    runner->request_bytes = runner->request_bytes - fire->request_bytes + bytes;
    fire->request_bytes = bytes;
}

void runner_count_request(struct runner *runner, struct fire *fire)
{
    const char *request = fire->run == NULL ? NULL : fire->run->request;

    count_bytes(runner, fire, request == NULL ? 0 : strlen(request));
}

void runner_forget(struct runner *runner, struct fire *fire)
{
    count_bytes(runner, fire, 0);
    runner_take_slot(runner, fire, false);
    fire_index_remove(&runner->by_job, fire);
    TAILQ_REMOVE(&runner->all, fire, all_link);
    fire->dead = true;
    if (fire->holds == 0)
        fire_free(fire);
}

void runner_take_slot(struct runner *runner, struct fire *fire, bool take)
{
    if (!take)
        runner_leave_place(runner, fire);
    if (fire->holds_slot == take)
        return;
    fire->holds_slot = take;
    if (take)
        runner->active++;
    else
        runner->active--;
}

/* How many may be in memory on their way to a launch. */
static size_t window(const struct runner *runner)
{
    size_t ahead = (size_t)runner->options.launch_rate * AHEAD_S;

    ahead = ahead > AHEAD_MIN ? ahead : AHEAD_MIN;
    return runner->options.launch_rate > 0 && ahead < runner->options.runs_max ? ahead
                                                                               : runner->options.runs_max;
}

/* How many may have a queue to ask: when all of them are answered at once they are no more than would begin
 * in any case, and they never have but a part of the memory. */
static size_t places(const struct runner *runner)
{
    size_t share = (runner->options.runs_max + PLACES_SHARE - 1) / PLACES_SHARE;

    return share < window(runner) ? share : window(runner);
}

bool runner_find_place(struct runner *runner, struct fire *fire)
{
    if (fire->holds_place)
        return true;
    if (runner->at_queues >= places(runner))
        return false;
    fire->holds_place = true;
    runner->at_queues++;
    return true;
}

void runner_leave_place(struct runner *runner, struct fire *fire)
{
    runner->at_queues -= fire->holds_place;
    fire->holds_place = false;
}

void runner_queue_plan(struct runner *runner, struct fire *fire)
{
    if (!fire->plan_queued) {
        fire->plan_queued = true;
        TAILQ_INSERT_TAIL(&runner->plan, fire, plan_link);
    }
    runner_kick(runner);
}

void runner_queue_due(struct runner *runner, struct fire *fire)
{
    fire_line_add(&runner->due, fire);
    runner_kick(runner);
}

/* A repeat is outside of the slots, but while it is sent: those are for what begins. */
void runner_queue_launch(struct runner *runner, struct fire *fire)
{
    runner_take_slot(runner, fire, !fire->repeats);
    runner->in_line += fire->repeats;
    fire_line_add(&runner->launch, fire);
}

struct fire *runner_take_launch(struct runner *runner)
{
    struct fire *fire = fire_line_take(&runner->launch);

    if (fire != NULL) {
        runner->in_line -= fire->repeats;
        runner_take_slot(runner, fire, true);
    }
    return fire;
}

void runner_repeat(struct runner *runner, struct fire *fire)
{
    fire->repeats = true;
    runner_apply(runner, fire, RUN_EV_TIME);
}

void runner_sweep(struct runner *runner, struct fire *fire)
{
    if (fire_empty(fire) && !fire->plan_queued && !fire->in_plan)
        runner_forget(runner, fire);
}

void runner_main_over(struct runner *runner, struct fire *fire)
{
    bool more;

    runner_take_slot(runner, fire, false);
    runner_kick(runner);
    if (runner->mode == RUNNER_DRAINING)
        fire->later = (struct fire_span){0}; /* not on record: the next leader finds it */
    more = fire_promote(fire);
    runner_count_request(runner, fire);
    if (more)
        runner_queue_due(runner, fire);
    else
        runner_sweep(runner, fire);
}

/* What follows from what. */

static void do_nothing(struct runner *runner UNUSED, struct fire *fire UNUSED)
{
}

static void do_check(struct runner *runner, struct fire *fire)
{
    runner_take_slot(runner, fire, true);
    TAILQ_INSERT_TAIL(&runner->check, fire, work_link);
}

static void do_wait(struct runner *runner, struct fire *fire)
{
    runner_take_slot(runner, fire, false);
    if (runner->mode == RUNNER_DRAINING)
        runner_main_over(runner, fire); /* the next leader's */
    else
        runner_park(runner, fire);
    runner_kick(runner); /* its slot may be another's */
}

static void do_stand(struct runner *runner, struct fire *fire)
{
    runner_take_slot(runner, fire, false);
    if (runner->mode == RUNNER_DRAINING) {
        runner_main_over(runner, fire);
        return;
    }
    if (fire->why == NULL)
        runner_say_why(fire, "too many other runs were waiting for SQS");
    fire_line_add(&runner->no_place, fire);
    runner_kick(runner);
}

/* What is written one by one may have to wait for long, and keeps no other from beginning. */
static void do_plan(struct runner *runner, struct fire *fire)
{
    runner_take_slot(runner, fire, !fire->is_held);
    runner_leave_place(runner, fire);
    runner_count_request(runner, fire);
    fire->to_plan = true;
    fire->repeats = false;
    fire->unsure = fire->looked = false;
    fire->lost_ms = 0;
    runner_queue_plan(runner, fire);
}

static void do_launch(struct runner *runner, struct fire *fire)
{
    fire->next_chunk = 0;
    runner_queue_launch(runner, fire);
    if (fire_skip_later(fire))
        runner_queue_plan(runner, fire);
    runner_kick(runner);
}

static void do_record(struct runner *runner, struct fire *fire)
{
    fire->unsure = false;
    TAILQ_INSERT_TAIL(&runner->record, fire, work_link);
    runner_kick(runner);
}

static void (*const effects[])(struct runner *runner, struct fire *fire) = {
    [RUN_DO_NOTHING] = do_nothing, [RUN_DO_CHECK] = do_check,       [RUN_DO_WAIT] = do_wait,
    [RUN_DO_STAND] = do_stand,     [RUN_DO_PLAN] = do_plan,         [RUN_DO_LAUNCH] = do_launch,
    [RUN_DO_RECORD] = do_record,   [RUN_DO_END] = runner_main_over,
};

void runner_apply(struct runner *runner, struct fire *fire, enum run_event event)
{
    struct run_step step;

    if (!run_step(fire->state, event, &step)) {
        log_error("run.ignored", RUN_LOG " state=%s got=%s", RUN_LOG_OF(fire), run_state_name(fire->state),
                  run_event_name(event));
        return;
    }
    fire->state = step.next;
    effects[step.effect](runner, fire);
}

/* Whose turn it is. */

void runner_end_late(struct runner *runner, struct fire *fire)
{
    int64_t late_s = clock_wall_s(runner->options.clock) - fire->main.fire_s;
    AUTO_FREE char *why = fire->why;

    fire->why = NULL;
    if (why == NULL)
        runner_say_why(fire, "its turn came %" PRId64 " s late, beyond the grace of %" PRId64 " s", late_s,
                       fire->main.grace_s);
    else
        runner_say_why(fire, "it could not be checked within the grace of %" PRId64 " s: %s",
                       fire->main.grace_s, why);
    runner_apply(runner, fire, RUN_EV_LATE);
}

void runner_end_launch_late(struct runner *runner, struct fire *fire, enum run_event event)
{
    AUTO_FREE char *last = mem_strdup(fire->run->error);

    run_set_error(fire->run, "not all of it could be started within the grace of %" PRId64 " s%s%s",
                  fire->main.grace_s, last[0] != '\0' ? ": " : "", last);
    runner_apply(runner, fire, event);
}

static void begin(struct runner *runner, struct fire *fire)
{
    if (runner_over_grace(runner, fire))
        runner_end_late(runner, fire);
    else
        runner_apply(runner, fire, RUN_EV_BEGIN);
}

/* By turns, as long as both lines have somebody who may. */
static struct fire *take_either(struct runner *runner)
{
    bool from_due = fire_line_count(&runner->due) > 0 && !runner->no_place_is_next;
    struct fire *fire =
        from_due || runner->at_queues >= places(runner) ? NULL : fire_line_take(&runner->no_place);

    if (fire == NULL) {
        runner->no_place_is_next = true;
        return fire_line_take(&runner->due);
    }
    runner->no_place_is_next = false;
    runner_find_place(runner, fire);
    return fire;
}

/* Whose turn it is to begin; NULL: nobody's. Who has a queue to ask keeps nobody from a launch, and counts
 * only in memory. Beyond the window there is as much room again for what has just come due, so that after
 * more came through the checks at once than ECS takes not everybody has to wait for that. */
static struct fire *next_to_begin(struct runner *runner)
{
    size_t busy = runner->active - runner->at_queues;
    struct fire *fire;

    if (runner->active >= runner->options.runs_max || runner->request_bytes >= runner->options.requests_max ||
        runner->parked + runner->in_line + runner->doubts_waiting + runner->held_count >= PARKED_MAX)
        return NULL;
    if (busy < window(runner))
        return take_either(runner);
    fire = fire_line_newest(&runner->due);
    if (fire == NULL || busy >= 2 * window(runner) ||
        clock_wall_s(runner->options.clock) > fire->main.fire_s + FRESH_S)
        return NULL;
    fire_line_remove(&runner->due, fire);
    return fire;
}

void runner_begin_some(struct runner *runner)
{
    struct fire *fire;

    while ((fire = next_to_begin(runner)) != NULL)
        begin(runner, fire);
    runner_check_some(runner);
}

static void record_again(struct runner *runner, struct fire *fire)
{
    fire->refused = false;
    runner_take_slot(runner, fire, true);
    do_record(runner, fire);
}

/* Its time to be tried again has come. */
static void wake(struct runner *runner, struct fire *fire)
{
    runner_unpark(runner, fire);
    if (fire->refused) {
        record_again(runner, fire);
    } else if (fire->state == RUN_DUE) {
        runner_queue_due(runner, fire);
    } else if (run_is_unsure(fire->run)) {
        runner_resume(runner, fire);
    } else if (runner_over_grace(runner, fire)) {
        runner_end_launch_late(runner, fire, RUN_EV_LATE);
    } else {
        runner_repeat(runner, fire);
    }
}

void runner_wake_some(struct runner *runner)
{
    struct fire *fire;

    while ((fire = fire_heap_first(&runner->retry)) != NULL && fire->heap_key[0] <= runner_now_ms(runner))
        wake(runner, fire);
}
