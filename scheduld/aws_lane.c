/* See aws_lane.h. */
#include "aws_lane.h"

#include <stdlib.h>

#include <event2/event.h>

#include "attr.h"
#include "clock.h"
#include "log.h"

enum { NO_LIMIT = 1000000 }; /* requests a second */

static int64_t now_ms(const struct aws_lane *lane)
{
    return clock_monotonic_ms(lane->clock);
}

static size_t room_of(struct aws_lane *lane)
{
    size_t slots = lane->slots - lane->taken;
    double calls = aws_rate_room(&lane->rate, now_ms(lane));

    return calls < (double)slots ? (size_t)calls : slots;
}

static void look_again(struct aws_lane *lane, int64_t in_ms)
{
    if (event_add(lane->turned, &(struct timeval){.tv_sec = in_ms / 1000, .tv_usec = in_ms % 1000 * 1000}) !=
        0)
        abort(); /* no memory */
}

static void pump(struct aws_lane *lane)
{
    struct aws_turn *turn;

    if (lane->pumping || lane->closed)
        return;
    lane->pumping = true;
    while ((turn = TAILQ_FIRST(&lane->turns)) != NULL && room_of(lane) > 0) {
        TAILQ_REMOVE(&lane->turns, turn, entry);
        lane->taken++;
        aws_rate_take(&lane->rate);
        turn->go(turn->arg);
    }
    lane->pumping = false;
    if (lane->taken < lane->slots && (turn != NULL || lane->asked)) /* else somebody leaves first */
        look_again(lane, aws_rate_wait_ms(&lane->rate, now_ms(lane)));
}

static void on_turned(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct aws_lane *lane = arg;

    pump(lane);
    if (lane->closed || !lane->asked || !TAILQ_EMPTY(&lane->turns) || room_of(lane) == 0)
        return;
    event_del(lane->turned);
    lane->asked = false;
    if (lane->on_room != NULL)
        lane->on_room(lane->on_room_arg);
}

void aws_lane_init(struct aws_lane *lane, const struct aws_lane_options *options)
{
    int64_t per_s = options->per_s > 0 ? options->per_s : NO_LIMIT;
    int64_t burst = options->burst > 0 ? options->burst : per_s;

    *lane = (struct aws_lane){.name = options->name, .clock = options->clock, .slots = options->slots};
    TAILQ_INIT(&lane->turns);
    aws_rate_init(&lane->rate, (double)per_s, (double)burst, now_ms(lane));
    lane->turned = evtimer_new(options->base, on_turned, lane);
    if (lane->turned == NULL)
        abort(); /* no memory */
}

void aws_lane_done(struct aws_lane *lane)
{
    if (lane->turned != NULL)
        event_free(lane->turned);
}

void aws_lane_close(struct aws_lane *lane)
{
    lane->closed = true;
}

void aws_lane_come(struct aws_lane *lane, struct aws_turn *turn, bool first)
{
    if (first)
        TAILQ_INSERT_HEAD(&lane->turns, turn, entry);
    else
        TAILQ_INSERT_TAIL(&lane->turns, turn, entry);
    pump(lane);
}

void aws_lane_quit(struct aws_lane *lane, struct aws_turn *turn)
{
    TAILQ_REMOVE(&lane->turns, turn, entry);
    pump(lane); /* who asked for room may have it now */
}

void aws_lane_leave(struct aws_lane *lane)
{
    lane->taken--;
    pump(lane);
}

void aws_lane_again(struct aws_lane *lane)
{
    aws_rate_take(&lane->rate);
}

void aws_lane_answered(struct aws_lane *lane, bool throttled)
{
    bool slow;

    aws_rate_answered(&lane->rate, throttled, now_ms(lane));
    slow = lane->rate.rate < lane->rate.max_rate;
    if (slow && !lane->slow)
        log_warning("aws.throttled", "calls=%s per_s=%.1f of=%.0f", lane->name, lane->rate.rate,
                    lane->rate.max_rate);
    else if (!slow && lane->slow)
        log_info("aws.at_full_rate", "calls=%s per_s=%.0f", lane->name, lane->rate.max_rate);
    lane->slow = slow;
}

size_t aws_lane_room(struct aws_lane *lane)
{
    size_t room = lane->closed || !TAILQ_EMPTY(&lane->turns) ? 0 : room_of(lane);

    if (room == 0) {
        lane->asked = true;
        pump(lane);
    }
    return room;
}
