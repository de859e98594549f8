/*
 * See ticker.h. The timer is on CLOCK_REALTIME and absolute, so that a sleep is right also when the clock is
 * slewed or the machine was suspended; TFD_TIMER_CANCEL_ON_SET makes reading fail by ECANCELED when the clock
 * leaps, or else the next arming, which then has worked all the same.
 */
#include "ticker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "attr.h"
#include "clock.h"
#include "log.h"
#include "mem.h"

enum { US_PER_S = 1000000, NS_PER_US = 1000 };

static const int64_t NOT_KNOWN = INT64_MIN; /* no second that the timer is ever armed for */

struct ticker {
    const struct clock *clock; /* lent */
    ticker_fn *on_tick;
    void *arg;
    int fd;
    struct event *on_fd; /* owned */
    struct event *soon;  /* owned */
    int64_t armed_s;     /* INT64_MAX: the timer is not armed; or NOT_KNOWN */
};

static void wake_at(struct ticker *ticker, int64_t next_s)
{
    struct itimerspec at = {0};
    int64_t us;

    if (next_s == ticker->armed_s)
        return;
    ticker->armed_s = next_s;
    if (next_s != INT64_MAX) {
        us = next_s * US_PER_S - clock_wall_us(ticker->clock) + clock_wall_us(&clock_system);
        at.it_value.tv_sec = (time_t)(us / US_PER_S);
        at.it_value.tv_nsec = (long)(us % US_PER_S * NS_PER_US);
    }
    if (timerfd_settime(ticker->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL) == 0)
        return;
    if (errno != ECANCELED) {
        log_critical("ticker.failed", "error=%s", strerror(errno)); /* not for a time that makes sense */
        abort();
    }
    /* The clock was set since the timer was last armed. It is armed now, by a clock that may have leapt while
     * we read it, and no read will tell. */
    ticker->armed_s = NOT_KNOWN;
    ticker_wake(ticker);
}

static void tick(struct ticker *ticker)
{
    int64_t next_s = ticker->on_tick(ticker->arg);

    if (next_s <= clock_wall_s(ticker->clock))
        ticker_wake(ticker);
    else
        wake_at(ticker, next_s);
}

static void on_fd(evutil_socket_t fd, short what UNUSED, void *arg)
{
    struct ticker *ticker = arg;
    uint64_t times;

    (void)!read(fd, &times,
                sizeof times); /* ECANCELED: the clock was set, which its reader sees by the clock */
    ticker->armed_s = INT64_MAX;
    tick(ticker);
}

static void on_soon(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    tick(arg);
}

struct ticker *ticker_new(struct event_base *base, const struct clock *clock, ticker_fn *on_tick, void *arg)
{
    struct ticker *ticker = mem_alloc(sizeof *ticker);

    *ticker = (struct ticker){.clock = clock, .on_tick = on_tick, .arg = arg, .armed_s = INT64_MAX};
    ticker->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (ticker->fd < 0) {
        log_critical("ticker.failed", "error=%s", strerror(errno));
        abort();
    }
    ticker->on_fd = event_new(base, ticker->fd, EV_READ | EV_PERSIST, on_fd, ticker);
    ticker->soon = evtimer_new(base, on_soon, ticker);
    event_add(ticker->on_fd, NULL);
    ticker_wake(ticker);
    return ticker;
}

void ticker_free(struct ticker *ticker)
{
    if (ticker == NULL)
        return;
    event_free(ticker->on_fd);
    event_free(ticker->soon);
    close(ticker->fd);
    free(ticker);
}

void ticker_wake(struct ticker *ticker)
{
    static const struct timeval now = {0, 0};

    if (!event_pending(ticker->soon, EV_TIMEOUT, NULL))
        event_add(ticker->soon, &now);
}
