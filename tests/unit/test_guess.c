/* guess: which name was meant. */
#include "guess.h"

#include "test.h"

#include "attr.h"

struct guess_case {
    const char *name, *word;
    const char *meant; /* NULL: nothing that is known */
};

static struct guess_case cases[] = {
    {"another case", "taskcount", "taskCount"},
    {"snake case", "task_count", "taskCount"},
    {"kebab case", "max-count", "maxCount"},
    {"a letter too few", "overides", "overrides"},
    {"a letter too many", "scheduler", "schedule"},
    {"another letter", "timezome", "timezone"},
    {"two letters changed places", "shcedule", "schedule"},
    {"the whole name", "trigger", "trigger"},
    {"the closest of two", "taskCounts", "taskCount"},
    {"a short word is close to anything", "it", NULL},
    {"three slips are too many", "scedulxx", NULL},
    {"something else", "parsedSchedule", NULL},
    {"nothing", "", NULL},
    {"only what does not count", "___", NULL},
    {"longer than any name", "taskCounttaskCounttaskCounttaskCounttaskCounttaskCount", NULL},
};

static void check(void **state)
{
    static const char *const names[] = {"id",       "taskCount", "maxCount", "schedule",
                                        "timezone", "overrides", "trigger"};
    const struct guess_case *c = *state;
    const char *meant = guess(c->word, names, ARRAY_LEN(names));

    if (c->meant == NULL)
        assert_null(meant);
    else
        assert_string_equal(meant, c->meant);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(cases)];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        tests[i] = (struct CMUnitTest){cases[i].name, check, NULL, NULL, &cases[i]};
    return cmocka_run_group_tests_name("guess", tests, NULL, NULL);
}
