/* chance: every number comes, none beyond the bound, and none much more often than others. */
#include "chance.h"

#include "test.h"

enum { ROLLS = 600000 };

static void is_even(void **state)
{
    uint32_t counts[60] = {0};
    double chi2 = 0, expected = ROLLS / 60.0;

    (void)state;
    for (int i = 0; i < ROLLS; i++) {
        uint32_t n = chance_below(60);

        assert_true(n < 60);
        counts[n]++;
    }
    for (int i = 0; i < 60; i++)
        chi2 += (counts[i] - expected) * (counts[i] - expected) / expected;
    /* 59 degrees of freedom: 1 in 10^9 of fair runs is beyond 157. */
    assert_true(chi2 < 157);
}

static void bounds(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(chance_below(1), 0);
        assert_true(chance_below(3) < 3);
        assert_true(chance_below(UINT32_MAX) < UINT32_MAX);
        assert_true(chance_below(0x80000001) <= 0x80000000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(is_even), cmocka_unit_test(bounds)};

    return cmocka_run_group_tests_name("chance", tests, NULL, NULL);
}
