/* ecs_codec: what ECS is asked, and how its answers read. */
#include "ecs_codec.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "job_overrides.h"
#include "json.h"
#include "mem.h"

enum { TEXT_MAX = 100000 };

static struct json_object *parsed(const char *text)
{
    struct json_object *value = NULL;
    struct err err;

    if (!json_parse(text, strlen(text), &value, &err))
        fail_msg("%s: %s", text, err.text);
    return value;
}

/* --- requests --- */

static void a_plan_without_overrides(void **state)
{
    AUTO_BUF struct buf plan;

    (void)state;
    buf_init(&plan, TEXT_MAX);
    ecs_put_plan(&plan, &(struct ecs_plan){
                            .cluster = "c", .task_definition = "fam", .started_by = "me", .job_id = "j"});
    assert_string_equal(plan.data, "{\"cluster\":\"c\",\"startedBy\":\"me\",\"taskDefinition\":\"fam\"}");
}

static void a_plan_with_overrides_has_the_tag(void **state)
{
    AUTO_JOB_OVERRIDES struct job_overrides overrides = {0};
    AUTO_BUF struct buf plan;
    struct err err;

    (void)state;
    assert_true(
        job_overrides_parse("[{\"containerName\":\"app\",\"environment\":{\"A\":\"1\"}}]", &overrides, &err));
    buf_init(&plan, TEXT_MAX);
    ecs_put_plan(&plan, &(struct ecs_plan){.cluster = "c",
                                           .task_definition = "fam",
                                           .started_by = "me",
                                           .job_id = "j",
                                           .overrides = &overrides});
    assert_non_null(strstr(plan.data, "{\"name\":\"A\",\"value\":\"1\"}"));
    assert_non_null(strstr(plan.data, "{\"name\":\"" JOB_OVERRIDE_TAG "\",\"value\":\"j\"}"));
}

struct run_case {
    const char *name, *plan;
    int count;
    const char *body;  /* NULL: it is refused */
    const char *error; /* is in the text */
};

static struct run_case run_cases[] = {
    {"members are put in order", "{\"taskDefinition\":\"f\",\"cluster\":\"c\"}", 2,
     "{\"clientToken\":\"t\",\"cluster\":\"c\",\"count\":2,\"taskDefinition\":\"f\"}", NULL},
    {"at each level, lists as they are",
     "{\"x\":[{\"b\":1,\"a\":[2,1]},\"s\",null,true,1.5],\"a\":{\"d\":{},\"c\":[]}}", 10,
     "{\"a\":{\"c\":[],\"d\":{}},\"clientToken\":\"t\",\"count\":10,\"x\":[{\"a\":[2,1],\"b\":1},\"s\",null,"
     "true,1.5]}",
     NULL},
    {"placeholders",
     "{\"taskDefinition\":\"{{jobId}}\",\"overrides\":{\"cpu\":\"{{jobId}}\",\"containerOverrides\":[{"
     "\"name\":\"a\","
     "\"command\":[\"x{{runId}}\",\"{{{{\"],\"environment\":[{\"name\":\"{{jobId}}\",\"value\":\"{{jobId}}/"
     "{{fireTime}}/{{attempt}}\"}]}]}}",
     1,
     "{\"clientToken\":\"t\",\"count\":1,\"overrides\":{\"containerOverrides\":[{\"command\":[\"x7\",\"{{\"],"
     "\"environment\":[{\"name\":"
     "\"{{jobId}}\",\"value\":\"job/2026-11-24T10:30:42Z/"
     "2\"}],\"name\":\"a\"}],\"cpu\":\"{{jobId}}\"},\"taskDefinition\":\"{{jobId}}\"}",
     NULL},
    {"overrides of other shapes are left",
     "{\"overrides\":{\"containerOverrides\":[1,{\"command\":{},\"environment\":[1,{\"value\":2},{}]},{"
     "\"command\":[3],\"environment\":null}]}}",
     1,
     "{\"clientToken\":\"t\",\"count\":1,\"overrides\":{\"containerOverrides\":[1,{\"command\":{},"
     "\"environment\":[1,{\"value\":2},{}]},"
     "{\"command\":[3],\"environment\":null}]}}",
     NULL},
    {"an empty plan", "{}", 1, "{\"clientToken\":\"t\",\"count\":1}", NULL},
    {"no tasks", "{}", 0, NULL, "1 to 10 tasks, not 0"},
    {"eleven tasks", "{}", 11, NULL, "1 to 10 tasks, not 11"},
    {"a plan with a count", "{\"count\":3}", 1, NULL, "a count or a clientToken of its own"},
    {"a plan with a token", "{\"clientToken\":null}", 1, NULL, "a count or a clientToken of its own"},
    {"a plan that is a list", "[]", 1, NULL, "not a JSON object"},
    {"a plan that is no JSON", "{", 1, NULL, "the plan of a run: line 1"},
};

static void check_run(void **state)
{
    const struct run_case *c = *state;
    AUTO_BUF struct buf body;
    struct err err = {0};

    buf_init(&body, TEXT_MAX);
    if (!ecs_put_run_task(&body,
                          &(struct ecs_run_task){.plan = c->plan,
                                                 .count = c->count,
                                                 .client_token = "t",
                                                 .values = {"job", "2026-11-24T10:30:42Z", "7", "2"}},
                          &err)) {
        assert_null(c->body);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_int_equal(body.len, 0);
        if (strstr(err.text, c->error) == NULL)
            fail_msg("%s", err.text);
        return;
    }
    assert_string_equal(body.data, c->body);
}

static void lists_and_descriptions_are_asked_for(void **state)
{
    static const char *const arns[] = {"arn:1", "a\"b"};
    AUTO_BUF struct buf list, more, describe, none;

    (void)state;
    buf_init(&list, TEXT_MAX);
    buf_init(&more, TEXT_MAX);
    buf_init(&describe, TEXT_MAX);
    buf_init(&none, TEXT_MAX);
    ecs_put_list_tasks(&list, "c", "f", "RUNNING", NULL);
    ecs_put_list_tasks(&more, "c", "f", "STOPPED", "t=");
    ecs_put_describe_tasks(&describe, "c", arns, 2);
    ecs_put_describe_tasks(&none, "c", NULL, 0);
    assert_string_equal(list.data, "{\"cluster\":\"c\",\"desiredStatus\":\"RUNNING\",\"family\":\"f\"}");
    assert_string_equal(
        more.data, "{\"cluster\":\"c\",\"desiredStatus\":\"STOPPED\",\"family\":\"f\",\"nextToken\":\"t=\"}");
    assert_string_equal(describe.data, "{\"cluster\":\"c\",\"tasks\":[\"arn:1\",\"a\\\"b\"]}");
    assert_string_equal(none.data, "{\"cluster\":\"c\",\"tasks\":[]}");
}

/* --- tasks --- */

static void a_task_is_read_whole(void **state)
{
    AUTO_JSON struct json_object *answer = parsed(
        "{\"tasks\":[{\"taskArn\":\"arn:t\",\"containerInstanceArn\":\"arn:h\",\"taskDefinitionArn\":\"arn:"
        "d\","
        "\"lastStatus\":\"PENDING\",\"desiredStatus\":\"RUNNING\",\"startedBy\":\"me\",\"createdAt\":1.5e9,"
        "\"overrides\":{\"containerOverrides\":[{\"name\":\"a\"},{\"name\":\"b\",\"environment\":["
        "{\"name\":\"X\",\"value\":\"1\"},{\"name\":\"" JOB_OVERRIDE_TAG "\",\"value\":\"job\"},"
        "{\"name\":\"" JOB_OVERRIDE_TAG "\",\"value\":\"second\"}]}]}},"
        "{\"taskArn\":\"arn:u\"}],\"failures\":[]}");
    AUTO_ECS_TASKS struct ecs_tasks tasks = {0};
    struct err err;

    (void)state;
    assert_true(ecs_read_tasks(answer, &tasks, &err));
    assert_int_equal(tasks.count, 2);
    assert_int_equal(tasks.failure_count, 0);
    assert_string_equal(tasks.items[0].arn, "arn:t");
    assert_string_equal(tasks.items[0].host_arn, "arn:h");
    assert_string_equal(tasks.items[0].task_definition_arn, "arn:d");
    assert_string_equal(tasks.items[0].last_status, "PENDING");
    assert_string_equal(tasks.items[0].desired_status, "RUNNING");
    assert_string_equal(tasks.items[0].started_by, "me");
    assert_string_equal(tasks.items[0].override_tag, "job");
    assert_int_equal(tasks.items[0].created_s, 1500000000);
    assert_string_equal(tasks.items[1].arn, "arn:u");
    assert_null(tasks.items[1].host_arn);
    assert_null(tasks.items[1].override_tag);
    assert_int_equal(tasks.items[1].created_s, 0);
}

/* Nobody but who doubts asks for it, and the answer to a launch is worth more. */
static void a_time_that_is_none_is_not_told(void **state UNUSED)
{
    AUTO_JSON struct json_object *answer =
        parsed("{\"tasks\":[{\"taskArn\":\"arn:t\",\"createdAt\":\"2026-11-25T00:00:00Z\"},"
               "{\"taskArn\":\"arn:u\",\"createdAt\":{}},{\"taskArn\":\"arn:v\",\"createdAt\":-1}]}");
    AUTO_ECS_TASKS struct ecs_tasks tasks = {0};
    struct err err;

    assert_true(ecs_read_tasks(answer, &tasks, &err));
    assert_int_equal(tasks.count, 3);
    for (size_t i = 0; i < tasks.count; i++)
        assert_int_equal(tasks.items[i].created_s, 0);
}

struct wrong_case {
    const char *name, *text;
    const char *error; /* is in the text or is the field; NULL: it is fine */
};

static struct wrong_case wrong_cases[] = {
    {"neither tasks nor failures", "{}", "neither tasks nor failures"},
    {"both null", "{\"tasks\":null,\"failures\":null}", "neither tasks nor failures"},
    {"only tasks", "{\"tasks\":[]}", NULL},
    {"only failures", "{\"failures\":[]}", NULL},
    {"null members", "{\"tasks\":[{\"taskArn\":\"a\",\"startedBy\":null,\"overrides\":null}]}", NULL},
    {"overrides without containers", "{\"tasks\":[{\"taskArn\":\"a\",\"overrides\":{\"cpu\":\"1\"}}]}", NULL},
    {"a container without environment",
     "{\"tasks\":[{\"taskArn\":\"a\",\"overrides\":{\"containerOverrides\":[{\"environment\":null}]}}]}",
     NULL},
    {"an environment pair without a name",
     "{\"tasks\":[{\"taskArn\":\"a\",\"overrides\":{\"containerOverrides\":[{\"environment\":[{}]}]}}]}",
     NULL},
    {"tasks that are an object", "{\"tasks\":{}}", "tasks"},
    {"failures that are a text", "{\"failures\":\"x\"}", "failures"},
    {"a task that is a text", "{\"tasks\":[{\"taskArn\":\"a\"},\"b\"]}", "tasks[1] is not an object"},
    {"a task that is null", "{\"tasks\":[null]}", "tasks[0] is not an object"},
    {"a task without an ARN", "{\"tasks\":[{\"lastStatus\":\"RUNNING\"}]}", "taskArn"},
    {"an ARN that is a number", "{\"tasks\":[{\"taskArn\":1}]}", "taskArn"},
    {"a status that is a number", "{\"tasks\":[{\"taskArn\":\"a\",\"lastStatus\":1}]}", "lastStatus"},
    {"overrides that are a list", "{\"tasks\":[{\"taskArn\":\"a\",\"overrides\":[]}]}", "overrides"},
    {"containers that are an object",
     "{\"tasks\":[{\"taskArn\":\"a\",\"overrides\":{\"containerOverrides\":{}}}]}", "containerOverrides"},
    {"a container that is a text",
     "{\"tasks\":[{\"taskArn\":\"a\",\"overrides\":{\"containerOverrides\":[\"x\"]}}]}",
     "containerOverrides[0] is not an object"},
    {"an environment that is an object",
     "{\"tasks\":[{\"taskArn\":\"a\",\"overrides\":{\"containerOverrides\":[{\"environment\":{}}]}}]}",
     "environment"},
    {"a pair that is a text",
     "{\"tasks\":[{\"taskArn\":\"a\",\"overrides\":{\"containerOverrides\":[{\"environment\":[\"x\"]}]}}]}",
     "environment[0] is not an object"},
    {"a tag that is a number",
     "{\"tasks\":[{\"taskArn\":\"a\",\"overrides\":{\"containerOverrides\":[{\"environment\":[{\"name\":"
     "\"" JOB_OVERRIDE_TAG "\",\"value\":1}]}]}}]}",
     "value"},
    {"a failure that is a text", "{\"tasks\":[{\"taskArn\":\"a\"}],\"failures\":[\"x\"]}",
     "failures[0] is not an object"},
    {"a reason that is a number", "{\"failures\":[{\"reason\":1}]}", "reason"},
    {"a failure's ARN that is a number", "{\"failures\":[{\"arn\":1}]}", "arn"},
};

static void check_wrong(void **state)
{
    const struct wrong_case *c = *state;
    AUTO_JSON struct json_object *answer = parsed(c->text);
    AUTO_ECS_TASKS struct ecs_tasks tasks = {0};
    struct err err = {0};
    bool good = ecs_read_tasks(answer, &tasks, &err);

    if (c->error == NULL) {
        assert_true(good);
        return;
    }
    assert_false(good);
    assert_int_equal(err.kind, ERR_INVALID);
    if (strstr(err.text, c->error) == NULL && strcmp(err.field, c->error) != 0)
        fail_msg("%s: %s", err.field, err.text);
    assert_true(tasks.items == NULL && tasks.failures == NULL && tasks.count == 0);
}

/* --- failures --- */

struct reason_case {
    const char *name; /* the reason */
    bool retryable;
};

static struct reason_case reason_cases[] = {
    {"RESOURCE:CPU", true},
    {"RESOURCE:MEMORY", true},
    {"RESOURCE:PORTS", true},
    {"RESOURCE:GPU", true},
    {"AGENT", true},
    {"Capacity is unavailable at this time. Please try again later or in a different zone", true},
    {"You've reached the limit on the number of vCPUs you can run concurrently", true},
    {"You've reached the Limit on the number of tasks", true},
    {"ATTRIBUTE", false},
    {"LOCATION", false},
    {"MISSING", false},
    {"INACTIVE", false},
    {"AGENTS", false},
    {"RESOURCE", false},
    {"MemberOf placement constraint unsatisfied.", false},
};

static void check_reason(void **state)
{
    const struct reason_case *c = *state;
    AUTO_FREE char *text = mem_printf("{\"failures\":[{\"arn\":null,\"reason\":\"%s\"}]}", c->name);
    AUTO_JSON struct json_object *answer = parsed(text);
    AUTO_ECS_TASKS struct ecs_tasks tasks = {0};
    struct err err;

    assert_true(ecs_read_tasks(answer, &tasks, &err));
    assert_int_equal(tasks.failure_count, 1);
    assert_null(tasks.failures[0].arn);
    assert_string_equal(tasks.failures[0].reason, c->name);
    assert_int_equal(tasks.failures[0].retryable, c->retryable);
}

static void failures_are_counted_by_reason(void **state)
{
    static const struct {
        const char *answer, *text;
    } cases[] = {
        {"{\"failures\":[]}", ""},
        {"{\"failures\":[{\"reason\":\"AGENT\"}]}", "AGENT"},
        {"{\"failures\":[{\"arn\":\"arn:1\",\"reason\":\"AGENT\",\"detail\":\"gone\"}]}", "AGENT (gone)"},
        {"{\"failures\":[{\"reason\":\"A\"},{\"reason\":\"B\",\"detail\":\"d\"},{\"reason\":\"A\"}]}",
         "2 of A, 1 of B (d)"},
        {"{\"failures\":[{}]}", "no reason given"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_JSON struct json_object *answer = parsed(cases[i].answer);
        AUTO_ECS_TASKS struct ecs_tasks tasks = {0};
        AUTO_BUF struct buf text;
        struct err err;

        buf_init(&text, TEXT_MAX);
        assert_true(ecs_read_tasks(answer, &tasks, &err));
        ecs_put_failures(&text, &tasks);
        assert_string_equal(text.data, cases[i].text);
    }
}

/* --- pages of ListTasks --- */

static void pages_are_put_together(void **state)
{
    AUTO_JSON struct json_object *first = parsed("{\"taskArns\":[\"1\",\"2\"],\"nextToken\":\"n\"}");
    AUTO_JSON struct json_object *second = parsed("{\"taskArns\":[],\"nextToken\":\"\"}");
    AUTO_JSON struct json_object *third = parsed("{\"taskArns\":[\"3\"],\"nextToken\":null}");
    AUTO_FREE char *token = NULL;
    char **arns = NULL, *none = (char *)1;
    size_t count = 0;
    struct err err;

    (void)state;
    assert_true(ecs_read_list(first, &arns, &count, &token, &err));
    assert_string_equal(token, "n");
    assert_true(ecs_read_list(second, &arns, &count, &none, &err));
    assert_null(none);
    none = (char *)1;
    assert_true(ecs_read_list(third, &arns, &count, &none, &err));
    assert_null(none);
    assert_int_equal(count, 3);
    assert_string_equal(arns[2], "3");
    for (size_t i = 0; i < count; i++)
        free(arns[i]);
    free(arns);
}

static void a_page_that_makes_no_sense_adds_nothing(void **state)
{
    static const char *const texts[] = {"{}", "{\"taskArns\":null}", "{\"taskArns\":\"1\"}",
                                        "{\"taskArns\":[\"1\",2]}", "{\"taskArns\":[\"1\"],\"nextToken\":7}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        AUTO_JSON struct json_object *answer = parsed(texts[i]);
        char **arns = NULL, *token = NULL;
        size_t count = 0;
        struct err err = {0};

        assert_false(ecs_read_list(answer, &arns, &count, &token, &err));
        assert_int_equal(err.kind, ERR_INVALID);
        assert_true(arns == NULL && token == NULL && count == 0);
    }
}

int main(void)
{
    static const struct CMUnitTest fixed[] = {
        cmocka_unit_test(a_plan_without_overrides),
        cmocka_unit_test(a_plan_with_overrides_has_the_tag),
        cmocka_unit_test(lists_and_descriptions_are_asked_for),
        cmocka_unit_test(a_task_is_read_whole),
        cmocka_unit_test(a_time_that_is_none_is_not_told),
        cmocka_unit_test(failures_are_counted_by_reason),
        cmocka_unit_test(pages_are_put_together),
        cmocka_unit_test(a_page_that_makes_no_sense_adds_nothing),
    };
    struct CMUnitTest
        tests[ARRAY_LEN(fixed) + ARRAY_LEN(run_cases) + ARRAY_LEN(wrong_cases) + ARRAY_LEN(reason_cases)];
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        tests[n++] = fixed[i];
    for (size_t i = 0; i < ARRAY_LEN(run_cases); i++)
        tests[n++] = (struct CMUnitTest){run_cases[i].name, check_run, NULL, NULL, &run_cases[i]};
    for (size_t i = 0; i < ARRAY_LEN(wrong_cases); i++)
        tests[n++] = (struct CMUnitTest){wrong_cases[i].name, check_wrong, NULL, NULL, &wrong_cases[i]};
    for (size_t i = 0; i < ARRAY_LEN(reason_cases); i++)
        tests[n++] = (struct CMUnitTest){reason_cases[i].name, check_reason, NULL, NULL, &reason_cases[i]};
    return cmocka_run_group_tests_name("ECS codec", tests, NULL, NULL);
}
