/*
 * What time it is, by a pointer, so that a test can say so. Wall time is for fire times and what people read;
 * monotonic time is for deadlines and leases, as it goes on when somebody sets the clock.
 */
#pragma once

#include <stdint.h>

struct clock {
    int64_t (*wall_us)(void *arg);      /* microseconds since 1970-01-01 UTC */
    int64_t (*monotonic_us)(void *arg); /* microseconds since some instant */
    void *arg;                          /* lent: a test's own state */
};

extern const struct clock clock_system;

int64_t clock_wall_s(const struct clock *clock); /* whole seconds, rounded down */
int64_t clock_wall_us(const struct clock *clock);
int64_t clock_monotonic_ms(const struct clock *clock);
int64_t clock_monotonic_us(const struct clock *clock);
