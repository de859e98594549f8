/* See aws_rate.h. */
#include "aws_rate.h"

#include <math.h>

static const double ask_more = 1.25, grow_share = 0.05, rate_min = 0.5;
enum { SECOND_MS = 1000 };

void aws_rate_init(struct aws_rate *rate, double per_s, double burst, int64_t now_ms)
{
    *rate = (struct aws_rate){.max_rate = per_s,
                              .max_burst = burst,
                              .rate = per_s,
                              .tokens = burst,
                              .at_ms = now_ms,
                              .since_ms = now_ms};
}

/* As much less than configured as the rate is. */
static double burst_now(const struct aws_rate *rate)
{
    return fmax(1, rate->max_burst * rate->rate / rate->max_rate);
}

static void fill(struct aws_rate *rate, int64_t now_ms)
{
    double gone_s = (double)(now_ms - rate->at_ms) / SECOND_MS;

    rate->tokens = fmin(burst_now(rate), rate->tokens + gone_s * rate->rate);
    rate->at_ms = now_ms;
}

/* A second and more has passed: what it says of the rate. */
static void judge(struct aws_rate *rate, int64_t now_ms)
{
    double gone_s = (double)(now_ms - rate->since_ms) / SECOND_MS;

    if (rate->throttled > 0)
        rate->rate = fmin(rate->rate, ask_more * rate->taken / gone_s);
    rate->rate = fmin(rate->max_rate, fmax(rate_min, rate->rate + grow_share * rate->max_rate * gone_s));
    rate->taken = rate->throttled = 0;
    rate->since_ms = now_ms;
}

static void turn(struct aws_rate *rate, int64_t now_ms)
{
    fill(rate, now_ms);
    if (now_ms - rate->since_ms >= SECOND_MS)
        judge(rate, now_ms);
}

double aws_rate_room(struct aws_rate *rate, int64_t now_ms)
{
    turn(rate, now_ms);
    return floor(fmax(0, rate->tokens));
}

void aws_rate_take(struct aws_rate *rate)
{
    rate->tokens--;
}

int64_t aws_rate_wait_ms(struct aws_rate *rate, int64_t now_ms)
{
    turn(rate, now_ms);
    return rate->tokens >= 1 ? 0 : (int64_t)ceil((1 - rate->tokens) / rate->rate * SECOND_MS);
}

void aws_rate_answered(struct aws_rate *rate, bool throttled, int64_t now_ms)
{
    turn(rate, now_ms);
    rate->taken += !throttled;
    rate->throttled += throttled;
    if (throttled) /* their bucket is empty: what ours holds is not worth anything */
        rate->tokens = fmin(rate->tokens, 0);
}
