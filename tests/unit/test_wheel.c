/* The wheel against an array that is searched: what is due, in which order, and when to wake. */
#include "test.h"
#include "wheel.h"

#include <stdbool.h>
#include <stdlib.h>

#include "attr.h"
#include "mem.h"

enum { ENTRIES = 3000, NONE = -1 };

/* The same numbers everywhere. */
struct dice {
    uint64_t state;
};

static uint32_t throw(struct dice * dice, uint32_t below)
{
    dice->state = dice->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((dice->state >> 33) % below);
}

struct model {
    struct wheel *wheel;
    int64_t due[ENTRIES]; /* NONE: it has no time */
    int64_t now;
    struct dice dice;
};

static const int64_t START = 1764000000;

static struct model *model_new(uint64_t seed)
{
    struct model *m = mem_alloc(sizeof *m);

    m->wheel = wheel_new(START);
    m->now = START;
    m->dice.state = seed;
    for (int i = 0; i < ENTRIES; i++)
        m->due[i] = NONE;
    return m;
}

static void model_free(struct model *m)
{
    wheel_free(m->wheel);
    free(m);
}

static void set(struct model *m, uint32_t entry, int64_t due)
{
    wheel_set(m->wheel, entry, due);
    m->due[entry] = due > m->now ? due : m->now; /* what has passed is due at once */
}

static void clear(struct model *m, uint32_t entry)
{
    wheel_clear(m->wheel, entry);
    m->due[entry] = NONE;
}

static int64_t earliest(const struct model *m)
{
    int64_t min = INT64_MAX;

    for (int i = 0; i < ENTRIES; i++)
        if (m->due[i] != NONE && m->due[i] < min)
            min = m->due[i];
    return min;
}

static size_t count(const struct model *m)
{
    size_t n = 0;

    for (int i = 0; i < ENTRIES; i++)
        n += m->due[i] != NONE;
    return n;
}

/* Takes all that is due at a time, and compares. */
static void go(struct model *m, int64_t now)
{
    uint32_t out[WHEEL_PORTION * 2];
    size_t max = 1 + throw(&m->dice, ARRAY_LEN(out));
    int64_t last = INT64_MIN;
    size_t n;

    m->now = now;
    do {
        n = wheel_take(m->wheel, now, out, max);

        assert_true(n <= max && n <= WHEEL_PORTION);
        for (size_t i = 0; i < n; i++) {
            int64_t due = m->due[out[i]];

            if (due == NONE || due > now || due < last)
                fail_msg("entry %u of %lld is taken at %lld, after %lld", out[i], (long long)due,
                         (long long)now, (long long)last);
            last = due;
            m->due[out[i]] = NONE;
            assert_false(wheel_has(m->wheel, out[i]));
        }
    } while (n > 0 || wheel_next(m->wheel) <= now);
    if (earliest(m) <= now)
        fail_msg("%lld is not taken at %lld", (long long)earliest(m), (long long)now);
    assert_int_equal(wheel_count(m->wheel), count(m));
    assert_true(wheel_next(m->wheel) <= earliest(m));
    assert_true(wheel_next(m->wheel) > now);
    assert_int_equal(wheel_first(m->wheel), earliest(m));
}

static int64_t some_time(struct model *m)
{
    static const uint32_t spans[] = {1,      10,      4096,    8192,      9000,
                                     100000, 1 << 24, 1 << 25, 100000000, 2000000000};
    uint32_t span = spans[throw(&m->dice, ARRAY_LEN(spans))];

    return m->now + throw(&m->dice, span) - throw(&m->dice, 3);
}

static void change_some(struct model *m, uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        uint32_t entry = throw(&m->dice, ENTRIES);

        if (throw(&m->dice, 4) == 0)
            clear(m, entry);
        else
            set(m, entry, some_time(m));
    }
}

static void it_is_as_a_sorted_list(void **state UNUSED)
{
    static const uint32_t steps[] = {1, 2, 5, 100, 4096, 4097, 20000, 1 << 24, 40000000};

    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct model *m = model_new(seed);

        for (int round = 0; round < 300; round++) {
            change_some(m, throw(&m->dice, round % 50 == 0 ? ENTRIES * 2 : 20));
            if (throw(&m->dice, 3) == 0 && earliest(m) != INT64_MAX)
                go(m, earliest(m) > m->now ? earliest(m) : m->now); /* exactly then */
            else
                go(m, m->now + throw(&m->dice, steps[throw(&m->dice, ARRAY_LEN(steps))]));
        }
        model_free(m);
    }
}

static void the_clock_may_go_back(void **state UNUSED)
{
    static const uint32_t backs[] = {1, 60, 3600, 5000, 10000, 86400, 1 << 25, 100000000};

    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct model *m = model_new(seed);

        for (int round = 0; round < 100; round++) {
            change_some(m, throw(&m->dice, 1000));
            if (throw(&m->dice, 4) == 0 && m->now > START / 2) {
                uint32_t none[1];

                m->now -= 1 + throw(&m->dice, backs[throw(&m->dice, ARRAY_LEN(backs))]);
                assert_true(wheel_take(m->wheel, m->now, none, throw(&m->dice, 2)) == 0);
                change_some(m, throw(&m->dice, 100)); /* while the old face is being emptied */
            }
            go(m, m->now + throw(&m->dice, 10000));
        }
        model_free(m);
    }
}

/* Sleeping until wheel_next() each time, nothing is late, and there are few wake-ups in vain. */
static void its_owner_may_sleep(void **state UNUSED)
{
    struct model *m = model_new(7);
    int wakes = 0, vain = 0;

    for (uint32_t i = 0; i < 500; i++)
        set(m, i, START + 1 + throw(&m->dice, 3000000));
    while (count(m) > 0) {
        int64_t next = wheel_next(m->wheel), due = earliest(m);

        assert_true(next <= due);
        go(m, next);
        wakes++;
        vain += next < due;
    }
    assert_true(wheel_next(m->wheel) == INT64_MAX);
    assert_true(vain <= 3000000 / 4096 + 1);
    assert_true(wakes <= 500 + vain);
    model_free(m);
}

static void times_beyond_its_horizon_come_early(void **state UNUSED)
{
    struct wheel *wheel = wheel_new(START);
    int64_t later = START + INT64_C(60) * 365 * 86400;
    uint32_t out[2];

    wheel_set(wheel, 0, INT64_MAX);
    wheel_set(wheel, 1, INT64_MIN);
    assert_int_equal(wheel_take(wheel, START, out, 2), 1);
    assert_int_equal(out[0], 1);
    while (wheel_next(wheel) <= later)
        assert_int_equal(wheel_take(wheel, later, out, 2), 0);
    assert_true(wheel_has(wheel, 0));
    while (wheel_has(wheel, 0))
        wheel_take(wheel, INT64_MAX, out, 2);
    assert_true(wheel_next(wheel) == INT64_MAX);
    assert_int_equal(wheel_take(wheel, INT64_MIN, out, 2), 0);
    wheel_free(wheel);
}

static void it_is_smaller_than_a_heap(void **state UNUSED)
{
    enum { N = 1000000, HEAP = 20 };
    struct wheel *wheel = wheel_new(START);
    struct dice dice = {1};

    for (uint32_t i = 0; i < N; i++)
        wheel_set(wheel, i, START + 1 + throw(&dice, 3600));
    assert_true(wheel_bytes(wheel) < (size_t)N * HEAP);
    for (uint32_t i = 0; i < N; i++) /* nothing is left behind by those that move */
        wheel_set(wheel, i, START + 1 + throw(&dice, 86400));
    assert_true(wheel_bytes(wheel) < (size_t)N * HEAP);
    assert_int_equal(wheel_count(wheel), N);
    wheel_free(wheel);
}

static void an_empty_wheel_is_at_rest(void **state UNUSED)
{
    struct wheel *wheel = wheel_new(START);
    uint32_t out[1];

    assert_true(wheel_next(wheel) == INT64_MAX);
    assert_int_equal(wheel_take(wheel, START + 1000000000, out, 1), 0);
    assert_false(wheel_has(wheel, 5));
    wheel_clear(wheel, 5);
    assert_int_equal(wheel_count(wheel), 0);
    wheel_free(wheel);
    wheel_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_as_a_sorted_list),    cmocka_unit_test(the_clock_may_go_back),
        cmocka_unit_test(its_owner_may_sleep),       cmocka_unit_test(times_beyond_its_horizon_come_early),
        cmocka_unit_test(it_is_smaller_than_a_heap), cmocka_unit_test(an_empty_wheel_is_at_rest),
    };

    return cmocka_run_group_tests_name("wheel", tests, NULL, NULL);
}
