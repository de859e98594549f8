/* ticker: when it wakes, and what it does when somebody sets the clock while the timer is being set, which
 * the kernel tells from timerfd_settime(): that is this program's own (the linker's --wrap). */
#include "ticker.h"

#include "test.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/timerfd.h>

#include <event2/event.h>

#include "attr.h"
#include "clock.h"

enum { NOW_S = 1000, LATER_S = 5000, US_PER_S = 1000000 };

static bool leaps;       /* the next time that the timer is set */
static int times_set;    /* the timer */
static int64_t asleep_s; /* for so long it was set last */

int __real_timerfd_settime(int fd, int flags, const struct itimerspec *at, struct itimerspec *before);
int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *at, struct itimerspec *before);

/* As the kernel does it: the timer is armed, and told to be cancelled. */
int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *at, struct itimerspec *before)
{
    int result = __real_timerfd_settime(fd, flags, at, before);

    times_set++;
    asleep_s = at->it_value.tv_sec - clock_wall_s(&clock_system);
    if (!leaps)
        return result;
    leaps = false;
    errno = ECANCELED;
    return -1;
}

static int64_t wall_us; /* what the ticker's clock says */

static int64_t say_us(void *arg UNUSED)
{
    return wall_us;
}

static const struct clock told = {say_us, say_us, NULL};

struct owner {
    struct event_base *base;
    struct ticker *ticker;
    int ticks;
    int64_t next_s[4]; /* what each tick returns */
};

static int64_t on_tick(void *arg)
{
    struct owner *owner = arg;

    assert_true(owner->ticks < 4);
    if (owner->ticks > 0)
        wall_us += US_PER_S;
    return owner->next_s[owner->ticks++];
}

static void begin(struct owner *owner)
{
    owner->base = event_base_new();
    owner->ticker = ticker_new(owner->base, &told, on_tick, owner);
    wall_us = (int64_t)NOW_S * US_PER_S;
    leaps = false;
    times_set = 0;
}

static void end(struct owner *owner)
{
    ticker_free(owner->ticker);
    event_base_free(owner->base);
}

static void wait_for(struct owner *owner, int ticks)
{
    while (owner->ticks < ticks)
        event_base_loop(owner->base, EVLOOP_ONCE);
    for (int i = 0; i < 3; i++) /* and no more */
        event_base_loop(owner->base, EVLOOP_NONBLOCK);
    assert_int_equal(owner->ticks, ticks);
}

static void test_wakes_at_the_second(void **state UNUSED)
{
    struct owner owner = {.next_s = {NOW_S + 1, LATER_S}};

    begin(&owner);
    wall_us += US_PER_S - 1000;
    wait_for(&owner, 2);
    assert_int_equal(times_set, 2);
    end(&owner);
}

static void test_is_not_armed_twice(void **state UNUSED)
{
    struct owner owner = {.next_s = {LATER_S, LATER_S, INT64_MAX}};

    begin(&owner);
    wait_for(&owner, 1);
    ticker_wake(owner.ticker);
    wait_for(&owner, 2);
    assert_int_equal(times_set, 1);
    ticker_wake(owner.ticker);
    wait_for(&owner, 3);
    assert_int_equal(times_set, 2);
    end(&owner);
}

static void test_clock_set_meanwhile(void **state UNUSED)
{
    struct owner owner = {.next_s = {LATER_S, LATER_S}};

    begin(&owner);
    leaps = true;
    wait_for(&owner, 2);
    assert_int_equal(times_set, 2);
    assert_in_range(asleep_s, LATER_S - NOW_S - 10, LATER_S - NOW_S);
    end(&owner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"it wakes at the second that it was told", test_wakes_at_the_second, NULL, NULL, NULL},
        {"the timer is set when there is another second", test_is_not_armed_twice, NULL, NULL, NULL},
        {"a clock that is set while the timer is set is told at once, and the timer set anew",
         test_clock_set_meanwhile, NULL, NULL, NULL},
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
