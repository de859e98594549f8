/* log: names of levels, and the quoting of what came from outside. */
#include "log.h"

#include "test.h"

#include <string.h>

struct quote_case {
    const char *name, *in, *out;
};

static struct quote_case quotes[] = {
    {"a plain word is left alone", "nightly-1", "nightly-1"},
    {"nothing is a dash", NULL, "-"},
    {"an empty value is quoted", "", "\"\""},
    {"a blank is quoted", "a b", "\"a b\""},
    {"an equals sign is quoted", "a=b", "\"a=b\""},
    {"a quote is escaped", "a\"b", "\"a\\\"b\""},
    {"a backslash is escaped", "a\\b", "\"a\\\\b\""},
    {"a line break cannot start a line of its own", "a\nb", "\"a?b\""},
};

static void check_quote(void **state)
{
    const struct quote_case *c = *state;

    assert_string_equal(LOGQ(c->in), c->out);
}

static void long_values_are_cut(void **state)
{
    char text[LOGQ_MAX * 2];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_true(strlen(LOGQ(text)) < LOGQ_MAX);
}

static void levels_have_names(void **state)
{
    enum log_level level;

    (void)state;
    assert_true(log_level_parse("WARNING", &level));
    assert_int_equal(level, LOG_LEVEL_WARNING);
    assert_true(log_level_parse("critical", &level));
    assert_false(log_level_parse("loud", &level));
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(quotes) + 2];

    for (size_t i = 0; i < ARRAY_LEN(quotes); i++)
        tests[i] = (struct CMUnitTest){quotes[i].name, check_quote, NULL, NULL, &quotes[i]};
    tests[ARRAY_LEN(quotes)] = (struct CMUnitTest)cmocka_unit_test(long_values_are_cut);
    tests[ARRAY_LEN(quotes) + 1] = (struct CMUnitTest)cmocka_unit_test(levels_have_names);
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
