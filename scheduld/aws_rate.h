/*
 * How fast one kind of call may be sent, pure: a token bucket whose rate follows what AWS takes.
 *
 * AWS has a bucket for each kind of call, which all callers of an account share; ours is filled somewhat more
 * slowly than theirs, as configured. When calls are throttled all the same, others are drawing from theirs,
 * or the quota is lower than we were told. Then, once a second, the rate comes down to a quarter more than
 * what was taken in that second, which keeps asking for what may have become free, and no more. In each
 * second it goes up by a twentieth of what is configured: so it is back twenty seconds after the last
 * throttle at most, and where throttling has nothing to do with how much is sent, it does not come to a
 * stand.
 *
 * Time is in milliseconds of any clock that does not go back.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct aws_rate {
    double max_rate, max_burst; /* as configured: calls a second, and at once after a pause */
    double rate, tokens;        /* as it is now */
    int64_t at_ms;              /* when tokens was right */
    int64_t since_ms;           /* the second that is being counted began then */
    int taken, throttled;       /* answers in it */
};

void aws_rate_init(struct aws_rate *rate, double per_s, double burst, int64_t now_ms);

/* How many calls may be sent now; at least 0. */
double aws_rate_room(struct aws_rate *rate, int64_t now_ms);
/* One is being sent; there is room for it. */
void aws_rate_take(struct aws_rate *rate);
/* How long until there is room for one; 0: there is. */
int64_t aws_rate_wait_ms(struct aws_rate *rate, int64_t now_ms);

/* What came of a call that was sent: AWS would not have it now, or did look at it, or (not to be told) nobody
 * knows. */
void aws_rate_answered(struct aws_rate *rate, bool throttled, int64_t now_ms);
