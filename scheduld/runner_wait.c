/* When what did not work is tried again. See runner_internal.h. */
#include "runner_internal.h"

#include <stdlib.h>

#include <event2/event.h>

#include "clock.h"
#include "db.h"
#include "err.h"
#include "log.h"

enum {
    DB_AGAIN_MIN_MS = 100,
    DB_AGAIN_MAX_MS = 2000,
    LOCKED_AGAIN_MS = 1000,
    DB_TRIES_LOGGED = 60, /* each so many-th */
    HELD_UP_FAILS_MS = 10000,
};

int64_t runner_now_ms(const struct runner *runner)
{
    return clock_monotonic_ms(runner->options.clock);
}

/* Full jitter, so that what failed together is not tried again together. */
static int64_t back_off_ms(int64_t min_ms, int64_t max_ms, int tries)
{
    int64_t most = min_ms;

    for (int i = 0; i < tries && most < max_ms; i++)
        most *= 2;
    most = most < max_ms ? most : max_ms;
    return 1 + (int64_t)arc4random_uniform((uint32_t)most);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return b != 0 && b < a ? b : a;
}

void runner_set_timer(struct runner *runner)
{
    const struct fire *first = fire_heap_first(&runner->retry);
    int64_t at = first == NULL ? INT64_MAX : first->heap_key[0], wait;
    struct timeval in;

    at = sooner(at, runner->db_again_ms);
    at = sooner(at, runner->send_again_ms);
    at = sooner(at, runner->locked_again_ms);
    if (!TAILQ_EMPTY(&runner->held) && !runner->planning && runner->db_again_ms == 0)
        at = sooner(at, runner->held_again_ms);
    if (at == INT64_MAX) {
        evtimer_del(runner->timer);
        return;
    }
    wait = at - runner_now_ms(runner);
    wait = wait > 0 ? wait : 0;
    in = (struct timeval){wait / 1000, wait % 1000 * 1000};
    evtimer_add(runner->timer, &in);
}

void runner_park(struct runner *runner, struct fire *fire)
{
    int64_t wait = back_off_ms(runner->options.retry_min_ms, runner->options.retry_max_ms, fire->tries++);
    int64_t left_s = fire->main.fire_s + fire->main.grace_s + 1 - clock_wall_s(runner->options.clock);

    if (left_s > 0 && wait > left_s * 1000) /* the end of the grace is not to be slept through */
        wait = left_s * 1000;
    fire_heap_add(&runner->retry, fire, runner_now_ms(runner) + wait);
    runner->parked += fire->run != NULL;
    runner_set_timer(runner);
}

void runner_unpark(struct runner *runner, struct fire *fire)
{
    fire_heap_remove(&runner->retry, fire);
    runner->parked -= fire->run != NULL;
}

bool runner_db_rests(struct runner *runner)
{
    if (runner->db_again_ms != 0 && runner_now_ms(runner) < runner->db_again_ms)
        return true;
    runner->db_again_ms = 0;
    return false;
}

/* Who keeps a lock on some rows keeps nobody from the others: there is no rest after that. */
void runner_db_held_up(struct runner *runner)
{
    if (runner->held_up_ms == 0)
        runner->held_up_ms = runner_now_ms(runner);
}

void runner_db_failed(struct runner *runner, const char *what, const struct err *err)
{
    bool lock = db_err_is_lock(err);

    if (lock ? runner->held_up_ms == 0 : runner->db_tries % DB_TRIES_LOGGED == 0)
        log_warning("runner.database", "what=%s error=%s", what, LOGQ(err->text));
    if (lock) {
        runner_db_held_up(runner);
        return;
    }
    runner->db_again_ms =
        runner_now_ms(runner) + back_off_ms(DB_AGAIN_MIN_MS, DB_AGAIN_MAX_MS, runner->db_tries++);
    runner_set_timer(runner);
}

void runner_db_worked(struct runner *runner)
{
    runner->db_tries = 0;
    runner->held_up_ms = 0;
}

bool runner_db_fails(const struct runner *runner)
{
    return runner->db_tries > 0 ||
           (runner->held_up_ms != 0 && runner_now_ms(runner) - runner->held_up_ms > HELD_UP_FAILS_MS);
}

void runner_wait_for_lock(struct runner *runner)
{
    if (runner->locked_again_ms == 0)
        runner->locked_again_ms = runner_now_ms(runner) + LOCKED_AGAIN_MS;
    runner_set_timer(runner);
}

void runner_unlock(struct runner *runner)
{
    if (runner->locked_again_ms == 0 || runner_now_ms(runner) < runner->locked_again_ms)
        return;
    runner->locked_again_ms = 0;
    TAILQ_CONCAT(&runner->record, &runner->locked, work_link);
}
