/* health: who is ready and why not; meters: which label is whose. */
#include "health.h"

#include "test.h"

#include <stdio.h>
#include <string.h>

#include "attr.h"
#include "meters.h"

#define WELL .database_up = true, .loaded = true, .lease_holds = true, .jobs = 3, .armed = 2, .problems = 1

struct health_case {
    const char *name;
    struct health health;
    const char *problem; /* a word of it; NULL: none */
};

static struct health_case cases[] = {
    {"a leader that plans", {.role = HEALTH_LEADER, WELL}, NULL},
    {"a standby", {.role = HEALTH_STANDBY, WELL}, NULL},
    {"a standby needs no lease, and no writes",
     {.role = HEALTH_STANDBY, .database_up = true, .loaded = true, .writes_fail = true, .overdue_s = 99},
     NULL},
    {"it has not begun", {.role = HEALTH_WAITING, WELL}, "schema"},
    {"it may not read the schema",
     {.role = HEALTH_WAITING, .database_up = true, .schema_unreadable = true},
     "read the schema"},
    {"a leader may not read it any more",
     {.role = HEALTH_LEADER, WELL, .schema_unreadable = true},
     "read the schema"},
    {"the database went while it could not", {.role = HEALTH_WAITING, .schema_unreadable = true}, "reached"},
    {"it is being stopped", {.role = HEALTH_STOPPING, WELL}, "stopped"},
    {"a standby without database", {.role = HEALTH_STANDBY, .loaded = true}, "reached"},
    {"a leader without database", {.role = HEALTH_LEADER, .loaded = true, .lease_holds = true}, "reached"},
    {"a database that hangs",
     {.role = HEALTH_LEADER, WELL, .unanswered_ms = HEALTH_UNANSWERED_MAX_MS + 1},
     "answer"},
    {"a database that takes its time",
     {.role = HEALTH_LEADER, WELL, .unanswered_ms = HEALTH_UNANSWERED_MAX_MS},
     NULL},
    {"a standby that loads", {.role = HEALTH_STANDBY, .database_up = true}, "loaded"},
    {"a lease that is over", {.role = HEALTH_LEADER, .database_up = true, .loaded = true}, "lease"},
    {"a clock that is off", {.role = HEALTH_LEADER, WELL, .clock_off = true, .overdue_s = 99}, "clock"},
    {"a ledger that takes nothing", {.role = HEALTH_LEADER, WELL, .writes_fail = true}, "ledger"},
    {"a wheel that stands", {.role = HEALTH_LEADER, WELL, .overdue_s = HEALTH_OVERDUE_MAX_S + 1}, "wheel"},
    {"a wheel that has much to do", {.role = HEALTH_LEADER, WELL, .overdue_s = HEALTH_OVERDUE_MAX_S}, NULL},
};

static void check(void **state)
{
    const struct health_case *c = *state;
    const char *problem = health_problem(&c->health);
    AUTO_BUF struct buf buf = {0};

    if (c->problem == NULL)
        assert_null(problem);
    else
        assert_non_null(strstr(problem, c->problem));
    buf_init(&buf, 4096);
    health_put(&buf, &c->health);
    assert_non_null(
        strstr(buf.data, c->problem == NULL ? "\"status\":\"ready\"" : "\"status\":\"not ready\""));
    assert_true((strstr(buf.data, "\"problem\":") == NULL) == (c->problem == NULL));
}

static void it_is_said_as_json(void **state)
{
    const struct health health = {.role = HEALTH_LEADER, WELL, .epoch = 7, .overdue_s = 2};
    AUTO_BUF struct buf buf = {0};

    (void)state;
    buf_init(&buf, 4096);
    health_put(&buf, &health);
    assert_string_equal(buf.data,
                        "{\"status\":\"ready\",\"role\":\"leader\",\"epoch\":7,\"jobs\":3,\"armed\":2,"
                        "\"jobsWithProblem\":1,\"overdueSeconds\":2}");
}

static void labels(void **state)
{
    struct metrics *metrics = meters_new();
    AUTO_BUF struct buf buf = {0};

    (void)state;
    for (enum run_state s = 0; s < RUN_STATES; s++)
        if (run_state_final(s))
            metrics_add(metrics, METER_RUNS, meter_of_state(s), 0, 1);
    metrics_add(metrics, METER_AWS_REQUESTS, meter_of_action("DescribeTasks"), 0, 1);
    metrics_add(metrics, METER_AWS_REQUESTS, meter_of_action("TagResource"), 0, 1);
    buf_init(&buf, 1 << 16);
    metrics_put(&buf, metrics, METRICS_PROMETHEUS);
    for (enum run_state s = 0; s < RUN_STATES; s++) {
        char line[128];

        if (!run_state_final(s))
            continue;
        snprintf(line, sizeof line, "\necss_runs_total{state=\"%s\"} 1\n", run_state_ledger(s));
        assert_non_null(strstr(buf.data, line));
    }
    assert_non_null(strstr(buf.data, "{action=\"DescribeTasks\",result=\"ok\"} 1\n"));
    assert_non_null(strstr(buf.data, "{action=\"other\",result=\"ok\"} 1\n"));
    metrics_free(metrics);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(cases) + 2];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        tests[i] = (struct CMUnitTest){cases[i].name, check, NULL, NULL, &cases[i]};
    tests[ARRAY_LEN(cases)] = (struct CMUnitTest)cmocka_unit_test(it_is_said_as_json);
    tests[ARRAY_LEN(cases) + 1] = (struct CMUnitTest)cmocka_unit_test(labels);
    return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
