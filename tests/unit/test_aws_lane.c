/* aws_lane: who gets a turn, and when there is room; the clock is a number, and the loop waits for nothing.
 */
#include "aws_lane.h"

#include "test.h"

#include <event2/event.h>

#include "attr.h"
#include "clock.h"

enum { TURNS = 6 };

struct world {
    struct event_base *base;
    struct clock clock;
    int64_t now_us;
    struct aws_lane lane;
    struct aws_turn turns[TURNS];
    char went[TURNS + 1]; /* who had a turn, in order */
    size_t count;
    int told;
};

static int64_t now_us(void *arg)
{
    const struct world *world = arg;

    return world->now_us;
}

static struct world world;

static void on_go(void *arg)
{
    world.went[world.count++] = *(char *)arg;
}

static void on_room(void *arg UNUSED)
{
    world.told++;
}

static void begin(int64_t per_s, int64_t burst, size_t slots)
{
    static char names[TURNS] = "abcdef";

    world = (struct world){.base = event_base_new()};
    world.clock = (struct clock){.wall_us = now_us, .monotonic_us = now_us, .arg = &world};
    aws_lane_init(&world.lane, &(struct aws_lane_options){.name = "test",
                                                          .base = world.base,
                                                          .clock = &world.clock,
                                                          .per_s = per_s,
                                                          .burst = burst,
                                                          .slots = slots});
    world.lane.on_room = on_room;
    for (int i = 0; i < TURNS; i++)
        world.turns[i] = (struct aws_turn){.go = on_go, .arg = &names[i]};
}

static void end(void)
{
    aws_lane_done(&world.lane);
    event_base_free(world.base);
}

static void come(int i)
{
    aws_lane_come(&world.lane, &world.turns[i], false);
}

/* So much time passes, and the lane's timer comes if it was set. */
static void pass(int64_t ms)
{
    world.now_us += ms * 1000;
    if (event_pending(world.lane.turned, EV_TIMEOUT, NULL)) {
        event_del(world.lane.turned);
        event_active(world.lane.turned, EV_TIMEOUT, 0);
    }
    event_base_loop(world.base, EVLOOP_NONBLOCK);
}

static void slots_are_a_limit(void **state UNUSED)
{
    begin(0, 0, 2);
    for (int i = 0; i < 4; i++)
        come(i);
    assert_string_equal(world.went, "ab");
    aws_lane_leave(&world.lane);
    assert_string_equal(world.went, "abc");
    aws_lane_come(&world.lane, &world.turns[4], true);
    aws_lane_quit(&world.lane, &world.turns[3]);
    aws_lane_leave(&world.lane);
    assert_string_equal(world.went, "abce");
    end();
}

static void the_rate_is_a_limit(void **state UNUSED)
{
    begin(10, 2, 64);
    for (int i = 0; i < TURNS; i++)
        come(i);
    assert_string_equal(world.went, "ab");
    pass(100);
    assert_string_equal(world.went, "abc");
    pass(200);
    assert_string_equal(world.went, "abcde");
    aws_lane_again(&world.lane); /* one of them is sent once more */
    pass(100);
    assert_string_equal(world.went, "abcde");
    pass(100);
    assert_string_equal(world.went, "abcdef");
    end();
}

static void says_when_there_is_room(void **state UNUSED)
{
    begin(10, 2, 64);
    assert_int_equal(aws_lane_room(&world.lane), 2);
    come(0);
    come(1);
    pass(0);
    assert_int_equal(world.told, 0); /* nobody was told that there is none */
    assert_int_equal(aws_lane_room(&world.lane), 0);
    come(2); /* who waits goes first */
    pass(100);
    assert_string_equal(world.went, "abc");
    assert_int_equal(world.told, 0);
    pass(100);
    assert_int_equal(world.told, 1);
    assert_int_equal(aws_lane_room(&world.lane), 1);
    pass(100);
    assert_int_equal(world.told, 1);
    end();
}

static void room_by_a_slot(void **state UNUSED)
{
    begin(0, 0, 1);
    come(0);
    assert_int_equal(aws_lane_room(&world.lane), 0);
    pass(1000);
    assert_int_equal(world.told, 0);
    aws_lane_leave(&world.lane);
    pass(0);
    assert_int_equal(world.told, 1);
    assert_int_equal(aws_lane_room(&world.lane), 1);
    end();
}

static void a_throttle_slows_all_of_them(void **state UNUSED)
{
    begin(10, 10, 64);
    for (int i = 0; i < 5; i++)
        come(i);
    for (int i = 0; i < 5; i++)
        aws_lane_answered(&world.lane, true);
    come(5);
    assert_string_equal(world.went, "abcde"); /* what the bucket held is gone */
    pass(1000);
    assert_string_equal(world.went, "abcdef");
    aws_lane_answered(&world.lane, false);
    assert_true(world.lane.rate.rate < 2);
    for (int i = 0; i < 20; i++) {
        pass(1000);
        aws_lane_answered(&world.lane, false);
    }
    assert_true(world.lane.rate.rate > 9.9);
    end();
}

static void nobody_goes_when_it_is_closed(void **state UNUSED)
{
    begin(0, 0, 1);
    come(0);
    come(1);
    aws_lane_close(&world.lane);
    aws_lane_leave(&world.lane);
    come(2);
    assert_int_equal(aws_lane_room(&world.lane), 0);
    pass(1000);
    assert_string_equal(world.went, "a");
    assert_int_equal(world.told, 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_a_limit),
        cmocka_unit_test(the_rate_is_a_limit),
        cmocka_unit_test(says_when_there_is_room),
        cmocka_unit_test(room_by_a_slot),
        cmocka_unit_test(a_throttle_slows_all_of_them),
        cmocka_unit_test(nobody_goes_when_it_is_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
