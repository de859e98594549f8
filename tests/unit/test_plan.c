/* How many tasks a due job wants and needs, and the run that comes of it. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "ecs_codec.h"
#include "job_ecs.h"
#include "json.h"
#include "mem.h"
#include "plan.h"

struct wanted_case {
    const char *name;
    enum job_trigger_kind kind;
    int32_t per_task;
    int64_t visible;
    int task_count, max_count, wanted;
    int64_t in_flight; /* which count */
};

static struct wanted_case cases[] = {
    {"no trigger: taskCount", JOB_TRIGGER_NOOP, 0, 0, 3, 0, 3, 0},
    {"no trigger: a queue has no say", JOB_TRIGGER_NOOP, 0, 5000, 3, 0, 3, 0},
    {"no trigger: maxCount", JOB_TRIGGER_NOOP, 0, 0, 10, 2, 2, 0},
    {"no trigger: maxCount above", JOB_TRIGGER_NOOP, 0, 0, 2, 10, 2, 0},
    {"empty queue: none", JOB_TRIGGER_SQS, 100, 0, 1, 0, 0, 0},
    {"empty queue without messagesPerTask", JOB_TRIGGER_SQS, 0, 0, 5, 0, 0, 0},
    {"a nonsensical depth is none", JOB_TRIGGER_SQS, 100, -1, 5, 0, 0, 0},
    {"1 message: one", JOB_TRIGGER_SQS, 100, 1, 1, 0, 1, 0},
    {"100 messages: one", JOB_TRIGGER_SQS, 100, 100, 1, 0, 1, 0},
    {"101 messages: two", JOB_TRIGGER_SQS, 100, 101, 1, 0, 2, 0},
    {"200 messages: two", JOB_TRIGGER_SQS, 100, 200, 1, 0, 2, 0},
    {"201 messages: three", JOB_TRIGGER_SQS, 100, 201, 1, 0, 3, 0},
    {"250 messages: three", JOB_TRIGGER_SQS, 100, 250, 1, 0, 3, 0},
    {"taskCount is the least", JOB_TRIGGER_SQS, 100, 250, 5, 0, 5, 0},
    {"without messagesPerTask: taskCount", JOB_TRIGGER_SQS, 0, 250, 1, 0, 1, 0},
    {"maxCount caps", JOB_TRIGGER_SQS, 100, 5000, 1, 12, 12, 0},
    {"maxCount caps taskCount, too", JOB_TRIGGER_SQS, 0, 1, 5, 3, 3, 0},
    {"never above 50", JOB_TRIGGER_SQS, 1, 10000, 1, 0, 50, 0},
    {"the longest queue", JOB_TRIGGER_SQS, 1, INT64_MAX, 1, 0, 50, 0},
    {"in flight only", JOB_TRIGGER_SQS, 100, 0, 1, 0, 2, 150},
    {"in flight, too", JOB_TRIGGER_SQS, 100, 60, 1, 0, 3, 150},
    {"the longest queue, in flight", JOB_TRIGGER_SQS, 1, INT64_MAX, 1, 0, 50, INT64_MAX},
};

static void check_wanted(void **state)
{
    const struct wanted_case *c = *state;
    struct job_trigger trigger = {
        .kind = c->kind, .messages_per_task = c->per_task, .include_in_flight = c->in_flight > 0};
    struct job_trigger_answer answer = {.visible = c->visible,
                                        .in_flight = c->in_flight > 0 ? c->in_flight : 7};

    assert_int_equal(job_trigger_wanted(&trigger, &answer, c->task_count, c->max_count), c->wanted);
}

static void each_kind_says_what_it_asks(void **state UNUSED)
{
    assert_int_equal(job_trigger_asks(&(struct job_trigger){.kind = JOB_TRIGGER_NOOP}),
                     JOB_TRIGGER_ASKS_NOTHING);
    assert_int_equal(job_trigger_asks(&(struct job_trigger){.kind = JOB_TRIGGER_SQS}),
                     JOB_TRIGGER_ASKS_QUEUE_DEPTH);
}

static const struct run_identity identity = {"7d444840-9dc0-11d1-b245-5ffdce74fad2", "nightly", 1700000000};
static const struct plan_target target = {.cluster = "main", .started_by = "ecs-scheduler"};

static struct plan_job *job(int task_count, const char *trigger, const char *overrides)
{
    struct plan_job *made = mem_alloc(sizeof *made);
    struct err err;

    made->task_definition = mem_strdup("sleeper");
    made->task_count = task_count;
    if (!plan_job_read(made, &(struct plan_texts){"nightly", trigger, overrides, NULL}, NULL, &err))
        fail_msg("%s", err.text);
    return made;
}

static void what_runs_is_not_started_again(void **state UNUSED)
{
    struct plan_job *made = job(25, NULL, NULL);
    AUTO_RUN struct run *run = run_new();

    plan_make(run, made, &identity, &target, 3, &(struct job_trigger_answer){0}, 1700000001);
    assert_int_equal(run->wanted, 25);
    assert_int_equal(run->running, 3);
    assert_int_equal(run->needed, 22);
    assert_string_equal(
        run->request,
        "{\"cluster\":\"main\",\"startedBy\":\"ecs-scheduler\",\"taskDefinition\":\"sleeper\"}");
    assert_int_equal(run->chunk_count, 3);
    assert_int_equal(run->chunks[0].count, 10);
    assert_int_equal(run->chunks[2].count, 2);
    assert_int_equal(run->chunks[2].since_s, 1700000001);
    plan_job_free(made);
}

static void nothing_to_start_has_no_request(void **state UNUSED)
{
    struct plan_job *made = job(2, NULL, NULL);
    AUTO_RUN struct run *run = run_new();

    plan_make(run, made, &identity, &target, 3, &(struct job_trigger_answer){0}, 1);
    assert_int_equal(run->needed, 0);
    assert_null(run->request);
    assert_int_equal(run->chunk_count, 0);
    plan_job_free(made);
}

static void overrides_go_with_the_tag(void **state UNUSED)
{
    struct plan_job *made =
        job(1, "{\"type\":\"noop\"}", "[{\"containerName\":\"c\",\"environment\":{\"A\":\"b\"}}]");
    AUTO_RUN struct run *run = run_new();
    char *cluster, *family;
    struct err err;

    assert_true(plan_asks_tags(made));
    plan_make(run, made, &identity, &target, 0, &(struct job_trigger_answer){0}, 1);
    assert_non_null(strstr(run->request, "{\"name\":\"ECS_SCHEDULER_OVERRIDE_TAG\",\"value\":\"nightly\"}"));
    assert_true(plan_read_request(run->request, &cluster, &family, &err));
    assert_string_equal(cluster, "main");
    assert_string_equal(family, "sleeper");
    free(cluster);
    free(family);
    plan_job_free(made);
}

static void only_tasks_with_its_tag_are_its_own(void **state UNUSED)
{
    struct ecs_task items[] = {
        {.arn = (char[]){"1"}, .override_tag = (char[]){"nightly"}},
        {.arn = (char[]){"2"}, .override_tag = (char[]){"other"}},
        {.arn = (char[]){"3"}},
        {.arn = (char[]){"4"}, .override_tag = (char[]){"nightly"}, .desired_status = (char[]){"STOPPED"}}};

    assert_int_equal(plan_count_own(&(struct ecs_tasks){.items = items, .count = 4}, "nightly"), 1);
}

static void options_go_over_those_of_all_jobs(void **state UNUSED)
{
    AUTO_JSON struct json_object *defaults = NULL;
    struct plan_job *made = mem_alloc(sizeof *made);
    AUTO_RUN struct run *run = run_new();
    char *cluster, *family;
    struct err err;

    assert_true(job_ecs_parse("{\"launchType\":\"FARGATE\",\"taskRoleArn\":\"arn:aws:iam::1:role/r\"}",
                              &defaults, &err));
    made->task_definition = mem_strdup("sleeper");
    made->task_count = 1;
    if (!plan_job_read(made,
                       &(struct plan_texts){.id = "nightly",
                                            .ecs = "{\"cluster\":\"other\",\"revision\":7,\"cpu\":\"512\"}"},
                       defaults, &err))
        fail_msg("%s", err.text);
    assert_false(plan_asks_tags(made));
    plan_make(run, made, &identity, &target, 0, 0, 1);
    assert_string_equal(
        run->request,
        "{\"cluster\":\"other\",\"overrides\":{\"taskRoleArn\":\"arn:aws:iam::1:role/r\",\"cpu\":\"512\"},"
        "\"startedBy\":\"ecs-scheduler\",\"taskDefinition\":\"sleeper:7\",\"launchType\":\"FARGATE\"}");
    assert_true(plan_read_request(run->request, &cluster, &family, &err));
    assert_string_equal(cluster, "other");
    assert_string_equal(family, "sleeper"); /* tasks of other revisions count as well */
    free(cluster);
    free(family);
    plan_job_free(made);
}

static void a_definition_edited_by_hand_is_refused(void **state UNUSED)
{
    struct plan_job *made = mem_alloc(sizeof *made);
    struct err err;

    assert_false(plan_job_read(made, &(struct plan_texts){.trigger = "{\"type\":\"cron\"}"}, NULL, &err));
    assert_non_null(strstr(err.text, "the job's trigger.type: "));
    assert_false(plan_job_read(made, &(struct plan_texts){.overrides = "{}"}, NULL, &err));
    assert_non_null(strstr(err.text, "the job's overrides: "));
    assert_false(plan_job_read(made, &(struct plan_texts){.id = "j", .ecs = "{\"group\":1}"}, NULL, &err));
    assert_string_equal(err.text, "the job's ecs.group: Not a valid string.");
    assert_false(plan_job_read(made, &(struct plan_texts){.id = "j", .ecs = "{"}, NULL, &err));
    assert_non_null(strstr(err.text, "the job: ecs: line 1"));
    plan_job_free(made);
}

static void a_request_edited_by_hand_is_refused(void **state UNUSED)
{
    static const char *const texts[] = {"", "[]", "{\"cluster\":\"c\"}", "{\"taskDefinition\":\"t\"}"};
    char *cluster, *family;
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_false(plan_read_request(texts[i], &cluster, &family, &err));
}

#define TAGGED                                                                                               \
    "{\"startedBy\":\"me\",\"overrides\":{\"containerOverrides\":[{\"environment\":"                         \
    "[{\"name\":\"ECS_SCHEDULER_OVERRIDE_TAG\",\"value\":\"j\"}]}]}}"

static void a_run_s_tasks_are_known_by_its_request(void **state UNUSED)
{
    static char me[] = "me", you[] = "you", j[] = "j", k[] = "k";
    static const struct {
        const char *request;
        struct ecs_task task;
        bool marked;
    } rows[] = {
        {TAGGED, {.started_by = me, .override_tag = j, .created_s = 1000}, true},
        {TAGGED, {.started_by = me, .override_tag = j, .created_s = 701}, true}, /* clocks differ */
        {TAGGED, {.started_by = me, .override_tag = j, .created_s = 699}, false},
        {TAGGED, {.started_by = me, .override_tag = j}, true}, /* nobody says when */
        {TAGGED, {.started_by = me, .override_tag = k, .created_s = 1000}, false},
        {TAGGED, {.started_by = me, .created_s = 1000}, false},
        {TAGGED, {.started_by = you, .override_tag = j, .created_s = 1000}, false},
        {TAGGED, {.override_tag = j, .created_s = 1000}, false},
        {"{\"startedBy\":\"me\"}", {.started_by = me, .created_s = 1000}, true},
        {"{\"startedBy\":\"me\"}", {.started_by = me, .override_tag = j, .created_s = 1000}, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct plan_mark mark;
        struct err err;

        assert_true(plan_read_mark(rows[i].request, &mark, &err));
        if (plan_marked(&mark, &rows[i].task, 1000) != rows[i].marked)
            fail_msg("row %zu", i);
        plan_mark_done(&mark);
    }
}

static void a_mark_edited_by_hand_is_refused(void **state UNUSED)
{
    static const char *const texts[] = {"", "[]", "{\"startedBy\":1}",
                                        "{\"startedBy\":\"a\",\"overrides\":1}"};
    struct plan_mark mark;
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_false(plan_read_mark(texts[i], &mark, &err));
}

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test(each_kind_says_what_it_asks),
        cmocka_unit_test(what_runs_is_not_started_again),
        cmocka_unit_test(nothing_to_start_has_no_request),
        cmocka_unit_test(overrides_go_with_the_tag),
        cmocka_unit_test(options_go_over_those_of_all_jobs),
        cmocka_unit_test(only_tasks_with_its_tag_are_its_own),
        cmocka_unit_test(a_definition_edited_by_hand_is_refused),
        cmocka_unit_test(a_request_edited_by_hand_is_refused),
        cmocka_unit_test(a_run_s_tasks_are_known_by_its_request),
        cmocka_unit_test(a_mark_edited_by_hand_is_refused),
    };
    struct CMUnitTest tests[ARRAY_LEN(cases) + ARRAY_LEN(others)];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        tests[i] = (struct CMUnitTest){cases[i].name, check_wanted, NULL, NULL, &cases[i]};
    memcpy(tests + ARRAY_LEN(cases), others, sizeof others);
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
