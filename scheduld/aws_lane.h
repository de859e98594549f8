/*
 * Calls that draw from one quota of AWS: they are sent no faster than a rate that throttling lowers for all
 * of them (aws_rate.h), and at most so many are on the wire at a time. Who comes waits for his turn, oldest
 * first.
 *
 * Who would rather decide himself who is next asks aws_lane_room() before he comes, and comes only with so
 * many.
 */
#pragma once

#include "aws_rate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct clock;
struct event;
struct event_base;

/* Embedded in who waits. */
struct aws_turn {
    void (*go)(void *arg); /* has a slot, and has taken from the rate. May come from inside aws_lane_come() */
    void *arg;             /* lent */
    TAILQ_ENTRY(aws_turn) entry;
};

struct aws_lane {
    const char *name;          /* lent; for logs */
    const struct clock *clock; /* lent */
    struct aws_rate rate;
    TAILQ_HEAD(, aws_turn) turns;
    size_t slots, taken;
    struct event *turned; /* owned; there may be room again */
    bool asked;           /* somebody was told that there is none */
    bool slow;            /* and that the rate is lower than configured */
    bool pumping, closed;
    void (*on_room)(void *arg); /* NULL: nobody asks */
    void *on_room_arg;          /* lent */
};

struct aws_lane_options {
    const char *name;        /* lent */
    struct event_base *base; /* lent */
    const struct clock *clock;
    int64_t per_s, burst; /* 0: no limit */
    size_t slots;
};

void aws_lane_init(struct aws_lane *lane, const struct aws_lane_options *options);
void aws_lane_done(struct aws_lane *lane); /* zeroed memory is fine, too */
/* Nobody gets a turn any more. */
void aws_lane_close(struct aws_lane *lane);

/* Waits for a turn. first: before all that wait, for it had one already. */
void aws_lane_come(struct aws_lane *lane, struct aws_turn *turn, bool first);
void aws_lane_quit(struct aws_lane *lane, struct aws_turn *turn); /* it waits no longer */
void aws_lane_leave(struct aws_lane *lane);                       /* gives its slot back */
void aws_lane_again(struct aws_lane *lane); /* sends once more in its slot, and takes from the rate for it */

/* What came of a request that was answered. */
void aws_lane_answered(struct aws_lane *lane, bool throttled);

/* How many would get their turn at once. After an answer of 0 on_room comes once, from the loop, when there
 * is room again. */
size_t aws_lane_room(struct aws_lane *lane);
