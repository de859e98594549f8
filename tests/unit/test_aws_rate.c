/* aws_rate: a token bucket that follows what AWS takes, against simulated buckets of AWS's. */
#include "aws_rate.h"

#include "test.h"

#include "attr.h"

enum { STEP_MS = 5 };

/* AWS: its own bucket, and besides so many of a hundred calls are turned down whatever the rate. */
struct aws {
    double rate, burst, tokens;
    int refuse_percent;
    unsigned random;
    int64_t now_ms;
    int sent, taken;
};

static bool takes(struct aws *aws)
{
    aws->random = aws->random * 1103515245U + 12345U;
    aws->sent++;
    if ((int)(aws->random >> 16) % 100 < aws->refuse_percent || aws->tokens < 1)
        return false;
    aws->tokens--;
    aws->taken++;
    return true;
}

/* Somebody always wants to send. */
static void run(struct aws *aws, struct aws_rate *rate, int seconds)
{
    aws->sent = aws->taken = 0;
    for (int64_t end = aws->now_ms + (int64_t)seconds * 1000; aws->now_ms < end; aws->now_ms += STEP_MS) {
        aws->tokens += aws->rate * STEP_MS / 1000;
        aws->tokens = aws->tokens < aws->burst ? aws->tokens : aws->burst;
        while (aws_rate_room(rate, aws->now_ms) >= 1) {
            aws_rate_take(rate);
            aws_rate_answered(rate, !takes(aws), aws->now_ms);
        }
    }
}

static void no_more_than_configured(void **state UNUSED)
{
    struct aws aws = {.rate = 1000, .burst = 1000, .tokens = 1000};
    struct aws_rate rate;

    aws_rate_init(&rate, 15, 30, 0);
    assert_int_equal((int)aws_rate_room(&rate, 0), 30);
    run(&aws, &rate, 10);
    assert_in_range(aws.sent, 30 + 149, 30 + 150);
    aws.now_ms += 60000; /* a pause fills it, and no more than that */
    assert_int_equal((int)aws_rate_room(&rate, aws.now_ms), 30);
}

static void says_how_long_to_wait(void **state UNUSED)
{
    struct aws_rate rate;

    aws_rate_init(&rate, 4, 1, 1000);
    assert_int_equal(aws_rate_wait_ms(&rate, 1000), 0);
    aws_rate_take(&rate);
    assert_int_equal(aws_rate_wait_ms(&rate, 1000), 250);
    assert_int_equal(aws_rate_wait_ms(&rate, 1100), 150);
    assert_int_equal((int)aws_rate_room(&rate, 1249), 0);
    assert_int_equal((int)aws_rate_room(&rate, 1250), 1);
    aws_rate_take(&rate);
    aws_rate_take(&rate); /* one more than there is room for: it is made up for */
    assert_int_equal(aws_rate_wait_ms(&rate, 1250), 500);
}

static void follows_a_lower_quota(void **state UNUSED)
{
    struct aws aws = {.rate = 20, .burst = 20, .tokens = 20};
    struct aws_rate rate;

    aws_rate_init(&rate, 100, 100, 0);
    run(&aws, &rate, 5);
    run(&aws, &rate, 60);
    assert_in_range(aws.taken, 19 * 60, 21 * 60); /* all that may be had */
    assert_in_range(aws.sent, 20 * 60, 32 * 60);
}

static void asks_for_little_more_than_it_gets(void **state UNUSED)
{
    struct aws aws = {.rate = 20, .burst = 20, .tokens = 20};
    struct aws_rate rate;

    aws_rate_init(&rate, 40, 40, 0);
    run(&aws, &rate, 5);
    run(&aws, &rate, 60);
    assert_in_range(aws.sent, 20 * 60, 30 * 60);
}

static void throttling_at_random_does_not_stop_it(void **state UNUSED)
{
    struct aws aws = {.rate = 1000, .burst = 1000, .tokens = 1000, .refuse_percent = 30, .random = 7};
    struct aws_rate rate;

    aws_rate_init(&rate, 40, 40, 0);
    run(&aws, &rate, 20);
    run(&aws, &rate, 60);
    assert_true(aws.taken > 8 * 60);
}

static void nothing_taken_at_all(void **state UNUSED)
{
    struct aws aws = {.rate = 0, .burst = 1, .tokens = 0};
    struct aws_rate rate;

    aws_rate_init(&rate, 40, 40, 0);
    run(&aws, &rate, 20);
    run(&aws, &rate, 60);
    assert_in_range(aws.sent, 10, 3 * 60); /* it goes on asking, slowly */
}

static void recovers_by_itself(void **state UNUSED)
{
    struct aws aws = {.rate = 2, .burst = 2, .tokens = 2};
    struct aws_rate rate;

    aws_rate_init(&rate, 40, 40, 0);
    run(&aws, &rate, 30);
    assert_true(rate.rate < 8);
    aws.rate = aws.burst = aws.tokens = 1000;
    run(&aws, &rate, 21);
    assert_true(rate.rate > 39.9);

    aws_rate_init(&rate, 40, 40, aws.now_ms);
    rate.rate = 1;
    aws_rate_room(&rate, aws.now_ms + 20000); /* also while nobody calls */
    assert_true(rate.rate > 39.9);
}

static void a_throttle_empties_the_bucket(void **state UNUSED)
{
    struct aws_rate rate;

    aws_rate_init(&rate, 10, 100, 0);
    aws_rate_take(&rate);
    aws_rate_answered(&rate, true, 10);
    assert_int_equal((int)aws_rate_room(&rate, 10), 0);
    assert_int_equal(aws_rate_wait_ms(&rate, 10), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_more_than_configured),
        cmocka_unit_test(says_how_long_to_wait),
        cmocka_unit_test(follows_a_lower_quota),
        cmocka_unit_test(asks_for_little_more_than_it_gets),
        cmocka_unit_test(throttling_at_random_does_not_stop_it),
        cmocka_unit_test(nothing_taken_at_all),
        cmocka_unit_test(recovers_by_itself),
        cmocka_unit_test(a_throttle_empties_the_bucket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
