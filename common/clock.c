/* See clock.h. */
#include "clock.h"

#include "attr.h"

#include <stddef.h>
#include <time.h>

enum { US_PER_S = 1000000, US_PER_MS = 1000, NS_PER_US = 1000 };

static int64_t read_us(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / NS_PER_US;
}

static int64_t system_wall_us(void *arg UNUSED)
{
    return read_us(CLOCK_REALTIME);
}

static int64_t system_monotonic_us(void *arg UNUSED)
{
    return read_us(
        CLOCK_BOOTTIME); /* which goes on while the machine sleeps, so that a lease does not outlive it */
}

const struct clock clock_system = {.wall_us = system_wall_us, .monotonic_us = system_monotonic_us};

int64_t clock_wall_us(const struct clock *clock)
{
    return clock->wall_us(clock->arg);
}

int64_t clock_wall_s(const struct clock *clock)
{
    int64_t us = clock_wall_us(clock);

    return us / US_PER_S - (us % US_PER_S < 0);
}

int64_t clock_monotonic_us(const struct clock *clock)
{
    return clock->monotonic_us(clock->arg);
}

int64_t clock_monotonic_ms(const struct clock *clock)
{
    return clock_monotonic_us(clock) / US_PER_MS;
}
