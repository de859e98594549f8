/*
 * Wakes its owner at a second of the wall clock, and at once when somebody sets that clock: one timerfd on
 * the event loop. It never wakes in vain.
 */
#pragma once

#include <stdint.h>

struct clock;
struct event_base;
struct ticker;

/* Called from the loop. Returns the second to be woken at next (it may have passed; INT64_MIN: at once, after
 * the loop had its turn; INT64_MAX: not before ticker_wake()). */
typedef int64_t ticker_fn(void *arg);

/* The clock says how far away a second is; the system's timers wait so long. Calls on_tick soon. */
struct ticker *ticker_new(struct event_base *base, const struct clock *clock, ticker_fn *on_tick, void *arg);
void ticker_free(struct ticker *ticker);

/* Calls on_tick soon, from the loop: there is something to do, or to be woken for. */
void ticker_wake(struct ticker *ticker);
