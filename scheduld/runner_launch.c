/*
 * RunTask. A run's chunks are sent one after the other; a chunk that is to be tried again waits until all
 * have had their turn, and until what is known so far is on record.
 */
#include "runner_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "aws_error.h"
#include "clock.h"
#include "ecs.h"
#include "log.h"
#include "mem.h"

enum { LEASE_AGAIN_MS = 100, NUMBER_SIZE = 24 };

struct call {
    struct runner *runner;
    struct fire *fire; /* held */
    size_t chunk;
    uint64_t reign;
};

/* After the grace only what may have started tasks is sent, and only where ECS's lists do not tell whether it
 * did (runner_doubt.c). Likewise once another chunk was refused: what runs goes on record before the run
 * ends.
 */
static int next_chunk(const struct runner *runner, const struct fire *fire, size_t from)
{
    return runner_over_grace(runner, fire) || run_has_failed(fire->run) ? run_next_unsure(fire->run, from)
                                                                        : run_next_chunk(fire->run, from);
}

static void pass_over(struct runner *runner, struct fire *fire)
{
    struct run *run = fire->run;

    if (run_all_started(run)) {
        run->error[0] = '\0';
        runner_apply(runner, fire, RUN_EV_LAUNCHED);
    } else if (run_has_failed(run) && run_next_unsure(run, 0) < 0) {
        if (fire->why != NULL)
            run_set_error(run, "%s", fire->why);
        runner_apply(runner, fire, RUN_EV_FAILED);
    } else if (runner_over_grace(runner, fire) && run_next_unsure(run, 0) < 0) {
        runner_end_launch_late(runner, fire, RUN_EV_FAILED);
    } else {
        runner_apply(runner, fire, RUN_EV_AGAIN);
    }
}

/* A chunk was refused. Another one may have started tasks that nobody has told us of: its answer comes first,
 * but why all ends is this. */
static void give_up(struct runner *runner, struct fire *fire)
{
    if (run_next_unsure(fire->run, 0) < 0) {
        runner_apply(runner, fire, RUN_EV_FAILED);
        return;
    }
    runner_say_why(fire, "%s", fire->run->error);
    runner_apply(runner, fire, RUN_EV_AGAIN);
}

static void take_verdict(struct runner *runner, struct fire *fire, size_t chunk, enum run_verdict verdict)
{
    int next = next_chunk(runner, fire, chunk + 1);

    switch (verdict) {
    case RUN_GOES_ON:
        fire->tries = fire->run->chunks[chunk].outcome == RUN_CHUNK_STARTED ? 0 : fire->tries;
        if (next < 0) {
            pass_over(runner, fire);
            break;
        }
        fire->next_chunk = (size_t)next;
        runner_queue_launch(runner, fire);
        break;
    case RUN_PAUSES:
        pass_over(runner, fire);
        break;
    case RUN_GIVES_UP:
        give_up(runner, fire);
        break;
    }
}

static void on_answer(void *arg, const struct ecs_tasks *tasks, const struct aws_error *error)
{
    struct call call = *(struct call *)arg;
    struct runner *runner = call.runner;
    struct fire *fire = call.fire;
    struct run_identity identity;

    free(arg);
    fire->asked_ms = runner_now_ms(runner); /* until now it may have been on its way */
    if (call.reign == runner->reign)        /* those of another do not count any more */
        runner->calls--;
    runner_kick(runner);
    if (!runner_release(fire)) /* the run is the next leader's, who asks again with the same token */
        return;
    if (error != NULL && error->kind == AWS_CANCELLED)
        return; /* the client is being freed, and we with it: the row stays open for the next leader */
    identity = runner_identity(runner, fire);
    take_verdict(
        runner, fire, call.chunk,
        run_take_answer(fire->run, call.chunk, &identity, clock_wall_s(runner->options.clock), tasks, error));
}

/* Right before it is on the wire, which may be long after the call: the run is ours still, and we lead. */
static bool may_go(void *arg)
{
    const struct call *call = arg;
    struct run *run = call->fire->run;

    if (call->fire->dead || !call->runner->options.may_launch(call->runner->options.arg))
        return false;
    call->fire->asked_ms = runner_now_ms(call->runner);
    if (run->launched_us == 0)
        run->launched_us = clock_wall_us(call->runner->options.clock);
    return true;
}

static void send(struct runner *runner, struct fire *fire)
{
    struct run *run = fire->run;
    int chunk = next_chunk(runner, fire, fire->next_chunk);
    char run_id[NUMBER_SIZE], attempt[NUMBER_SIZE];
    struct call *call;

    if (chunk < 0) { /* taken over when all had been started; or the grace has ended meanwhile */
        pass_over(runner, fire);
        return;
    }
    call = mem_alloc(sizeof *call);
    *call = (struct call){.runner = runner, .fire = fire, .chunk = (size_t)chunk, .reign = runner->reign};
    fire->holds++;
    runner->calls++;
    snprintf(run_id, sizeof run_id, "%" PRId64, run->id);
    snprintf(attempt, sizeof attempt, "%d", run->chunks[chunk].attempt);
    runner->options.ecs_ops->run_task(runner->options.ecs,
                                      &(struct ecs_run_task){.plan = run->request,
                                                             .count = run_chunk_ask(&run->chunks[chunk]),
                                                             .client_token = run->chunks[chunk].token,
                                                             .values = {.job_id = fire->job_id,
                                                                        .fire_time = STAMP(fire->main.fire_s),
                                                                        .run_id = run_id,
                                                                        .attempt = attempt},
                                                             .may_send = may_go,
                                                             .may_send_arg = call},
                                      on_answer, call);
}

/* It waited for its turn until the grace was over, and nothing of it may have been started that is not known:
 * then it is not launched late. */
static bool end_if_late(struct runner *runner, struct fire *fire)
{
    if (!runner_over_grace(runner, fire) || run_is_unsure(fire->run))
        return false;
    if (fire->run->launched_us == 0 && fire->run->error[0] == '\0') {
        run_set_error(fire->run,
                      "its turn to be launched came %" PRId64 " s late, beyond the grace of %" PRId64 " s",
                      clock_wall_s(runner->options.clock) - fire->main.fire_s, fire->main.grace_s);
        runner_apply(runner, fire, RUN_EV_LATE);
    } else {
        runner_end_launch_late(runner, fire, RUN_EV_FAILED);
    }
    return true;
}

/* It waited for its turn until the grace was over, or ECS may have forgotten its token, and it may have
 * started tasks: before it is sent again, ECS is asked for them. What is known goes on record first. */
static bool is_to_be_looked_for(const struct runner *runner, const struct fire *fire)
{
    if (!run_is_unsure(fire->run) || !runner_too_late(runner, fire))
        return false;
    return !fire->untold || run_token_expired(fire->run, clock_wall_s(runner->options.clock));
}

static void begin_launch(struct runner *runner, struct fire *fire)
{
    if (end_if_late(runner, fire))
        return;
    if (!is_to_be_looked_for(runner, fire)) {
        send(runner, fire);
        return;
    }
    if (fire->run->error[0] == '\0')
        run_set_error(fire->run, "the grace is over, and whether its tasks were started is not known yet");
    runner_apply(runner, fire, RUN_EV_AGAIN);
}

void runner_drop_launching(struct runner *runner, struct fire *fire)
{
    if (fire->run->launched_us == 0)
        runner_main_over(runner, fire);
    else
        runner_apply(runner, fire, RUN_EV_AGAIN); /* what is known goes on record first */
}

static bool may_send(struct runner *runner)
{
    return runner->calls < runner->options.calls_max && fire_line_count(&runner->launch) > 0 &&
           runner->options.ecs_ops->launch_room(runner->options.ecs) > 0;
}

void runner_launch_some(struct runner *runner)
{
    struct fire *fire;

    while (may_send(runner)) {
        if (!runner->options.may_launch(runner->options.arg)) {
            runner->send_again_ms = runner_now_ms(runner) + LEASE_AGAIN_MS;
            runner_set_timer(runner);
            return;
        }
        fire = runner_take_launch(runner);
        begin_launch(runner, fire);
    }
    runner->send_again_ms = 0;
}
