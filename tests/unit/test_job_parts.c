/* job_trigger, job_overrides, job_value: one row per rule and limit, with the API's texts. */
#include "job_overrides.h"
#include "job_trigger.h"

#include "test.h"

#include <string.h>

#include <json-c/json.h>

#include "job.h"
#include "job_value.h"
#include "json.h"
#include "mem.h"

enum { TEXT_MAX = 1048576 };

struct part_case {
    const char *name, *text;
    const char *stored;   /* what is kept; NULL: it is refused */
    const char *messages; /* if refused; of the field's own value */
    const char *warnings; /* as in the answer; "" for none */
};

static struct part_case trigger_cases[] = {
    {"sqs", "{\"type\":\"sqs\",\"queueName\":\"q\"}", "{\"type\":\"sqs\",\"queueName\":\"q\"}", NULL, ""},
    {"sqs with messagesPerTask", "{\"messagesPerTask\":7,\"queueName\":\"q-1_A\",\"type\":\"sqs\"}",
     "{\"type\":\"sqs\",\"queueName\":\"q-1_A\",\"messagesPerTask\":7}", NULL, ""},
    {"messagesPerTask as text", "{\"type\":\"sqs\",\"queueName\":\"q\",\"messagesPerTask\":\"4\"}",
     "{\"type\":\"sqs\",\"queueName\":\"q\",\"messagesPerTask\":4}", NULL, ""},
    {"the largest messagesPerTask", "{\"type\":\"sqs\",\"queueName\":\"q\",\"messagesPerTask\":1000000000}",
     "{\"type\":\"sqs\",\"queueName\":\"q\",\"messagesPerTask\":1000000000}", NULL, ""},
    {"messagesPerTask too large", "{\"type\":\"sqs\",\"queueName\":\"q\",\"messagesPerTask\":1000000001}",
     NULL, "{\"messagesPerTask\":[\"Must be at most 1000000000.\"]}", ""},
    {"messagesPerTask of 0", "{\"type\":\"sqs\",\"queueName\":\"q\",\"messagesPerTask\":0}", NULL,
     "{\"messagesPerTask\":[\"Must be at least 1.\"]}", ""},
    {"messagesPerTask with a fraction", "{\"type\":\"sqs\",\"queueName\":\"q\",\"messagesPerTask\":2.7}",
     NULL, "{\"messagesPerTask\":[\"Not a valid integer.\"]}", ""},
    {"messagesPerTask null", "{\"type\":\"sqs\",\"queueName\":\"q\",\"messagesPerTask\":null}", NULL,
     "{\"messagesPerTask\":[\"Field may not be null.\"]}", ""},
    {"a FIFO queue", "{\"type\":\"sqs\",\"queueName\":\"q.fifo\"}",
     "{\"type\":\"sqs\",\"queueName\":\"q.fifo\"}", NULL, ""},
    {"80 characters of queue name",
     "{\"type\":\"sqs\",\"queueName\":"
     "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
     "{\"type\":\"sqs\",\"queueName\":"
     "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
     NULL, ""},
#define QUEUE_NAME_TEXT                                                                                      \
    "{\"queueName\":[\"Must be the name of an SQS queue, not its URL (that is queueUrl) or ARN: 1 to 80 "    \
    "letters, digits, hyphens and underscores, also with .fifo at the end.\"]}"
    {"81 characters of queue name",
     "{\"type\":\"sqs\",\"queueName\":"
     "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
     NULL, QUEUE_NAME_TEXT, ""},
    {"an empty queue name", "{\"type\":\"sqs\",\"queueName\":\"\"}", NULL, QUEUE_NAME_TEXT, ""},
    {"a queue's URL", "{\"type\":\"sqs\",\"queueName\":\"https://sqs/1/q\"}", NULL, QUEUE_NAME_TEXT, ""},
    {"only .fifo", "{\"type\":\"sqs\",\"queueName\":\".fifo\"}", NULL, QUEUE_NAME_TEXT, ""},
    {"noop", "{\"type\":\"noop\"}", "{\"type\":\"noop\"}", NULL, ""},
    {"noop with a queue", "{\"type\":\"noop\",\"queueName\":\"q\"}", "{\"type\":\"noop\"}", NULL,
     "\"warnings\":[\"trigger.queueName: is not a field of a trigger of type \\\"noop\\\" and was "
     "ignored\"]"},
    {"a queue by its URL",
     "{\"type\":\"sqs\",\"queueUrl\":\"https://sqs.eu-west-1.amazonaws.com/123456789012/q.fifo\"}",
     "{\"type\":\"sqs\",\"queueUrl\":\"https://sqs.eu-west-1.amazonaws.com/123456789012/q.fifo\"}", NULL, ""},
    {"a URL with a port",
     "{\"type\":\"sqs\",\"queueUrl\":\"http://127.0.0.1:4566/000000000000/q\",\"messagesPerTask\":2}",
     "{\"type\":\"sqs\",\"queueUrl\":\"http://127.0.0.1:4566/000000000000/q\",\"messagesPerTask\":2}", NULL,
     ""},
    {"messages in flight count", "{\"type\":\"sqs\",\"queueName\":\"q\",\"includeInFlight\":true}",
     "{\"type\":\"sqs\",\"queueName\":\"q\",\"includeInFlight\":true}", NULL, ""},
    {"messages in flight do not count",
     "{\"type\":\"sqs\",\"queueName\":\"q\",\"includeInFlight\":\"false\"}",
     "{\"type\":\"sqs\",\"queueName\":\"q\"}", NULL, ""},
    {"includeInFlight is a boolean", "{\"type\":\"sqs\",\"queueName\":\"q\",\"includeInFlight\":5}", NULL,
     "{\"includeInFlight\":[\"Not a valid boolean.\"]}", ""},
    {"name and URL",
     "{\"type\":\"sqs\",\"queueName\":\"q\",\"queueUrl\":\"https://sqs.eu-west-1.amazonaws.com/123456789012/"
     "q\"}",
     NULL, "{\"_schema\":[\"queueName and queueUrl exclude each other\"]}", ""},
    {"a name for a URL", "{\"type\":\"sqs\",\"queueUrl\":\"q\"}", NULL,
     "{\"queueUrl\":[\"Must be the URL of an SQS queue, as GetQueueUrl gives it: "
     "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.\"]}",
     ""},
    {"an ARN for a URL", "{\"type\":\"sqs\",\"queueUrl\":\"arn:aws:sqs:eu-west-1:123456789012:q\"}", NULL,
     "{\"queueUrl\":[\"Must be the URL of an SQS queue, as GetQueueUrl gives it: "
     "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.\"]}",
     ""},
    {"a URL without an account", "{\"type\":\"sqs\",\"queueUrl\":\"https://sqs.eu-west-1.amazonaws.com/q\"}",
     NULL,
     "{\"queueUrl\":[\"Must be the URL of an SQS queue, as GetQueueUrl gives it: "
     "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.\"]}",
     ""},
    {"a URL without a host", "{\"type\":\"sqs\",\"queueUrl\":\"https:///123456789012/q\"}", NULL,
     "{\"queueUrl\":[\"Must be the URL of an SQS queue, as GetQueueUrl gives it: "
     "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.\"]}",
     ""},
    {"a URL with a user", "{\"type\":\"sqs\",\"queueUrl\":\"https://a@b/123456789012/q\"}", NULL,
     "{\"queueUrl\":[\"Must be the URL of an SQS queue, as GetQueueUrl gives it: "
     "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.\"]}",
     ""},
    {"a URL with a query",
     "{\"type\":\"sqs\",\"queueUrl\":\"https://sqs.eu-west-1.amazonaws.com/123456789012/q?x\"}", NULL,
     "{\"queueUrl\":[\"Must be the URL of an SQS queue, as GetQueueUrl gives it: "
     "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.\"]}",
     ""},
    {"a URL with a port of letters", "{\"type\":\"sqs\",\"queueUrl\":\"https://h:x/123456789012/q\"}", NULL,
     "{\"queueUrl\":[\"Must be the URL of an SQS queue, as GetQueueUrl gives it: "
     "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.\"]}",
     ""},
    {"another scheme", "{\"type\":\"sqs\",\"queueUrl\":\"ftp://h/123456789012/q\"}", NULL,
     "{\"queueUrl\":[\"Must be the URL of an SQS queue, as GetQueueUrl gives it: "
     "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.\"]}",
     ""},
    {"a short account", "{\"type\":\"sqs\",\"queueUrl\":\"https://h/12345678901/q\"}", NULL,
     "{\"queueUrl\":[\"Must be the URL of an SQS queue, as GetQueueUrl gives it: "
     "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.\"]}",
     ""},
    {"no queue in the URL", "{\"type\":\"sqs\",\"queueUrl\":\"https://h/123456789012/\"}", NULL,
     "{\"queueUrl\":[\"Must be the URL of an SQS queue, as GetQueueUrl gives it: "
     "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.\"]}",
     ""},
    {"an unknown field", "{\"type\":\"noop\",\"foo\":1}", "{\"type\":\"noop\"}", NULL,
     "\"warnings\":[\"trigger.foo: is not a field of a trigger and was ignored\"]"},
    {"nothing in it", "{}", NULL, "{\"type\":[\"Missing data for required field.\"]}", ""},
    {"no type", "{\"queueName\":\"q\",\"messagesPerTask\":3}", NULL,
     "{\"type\":[\"Missing data for required field.\"]}", ""},
    {"null type", "{\"type\":null}", NULL, "{\"type\":[\"Field may not be null.\"]}", ""},
    {"a number for a type", "{\"type\":5}", NULL, "{\"type\":[\"Not a valid string.\"]}", ""},
    {"types have a case", "{\"type\":\"SQS\"}", NULL,
     "{\"type\":[\"Unknown trigger type; must be \\\"sqs\\\" or \\\"noop\\\".\"]}", ""},
    {"sqs without a queue", "{\"type\":\"sqs\"}", NULL,
     "{\"_schema\":[\"sqs trigger type requires queueName field\"]}", ""},
    {"sqs with a null queue", "{\"type\":\"sqs\",\"queueName\":null}", NULL,
     "{\"queueName\":[\"Field may not be null.\"],\"_schema\":[\"sqs trigger type requires queueName "
     "field\"]}",
     ""},
    {"two mistakes", "{\"type\":\"sqs\",\"messagesPerTask\":\"x\"}", NULL,
     "{\"messagesPerTask\":[\"Not a valid integer.\"],\"_schema\":[\"sqs trigger type requires queueName "
     "field\"]}",
     ""},
    {"only an ARN", "{\"type\":\"sqs\",\"queueArn\":\"a\"}", NULL,
     "{\"_schema\":[\"sqs trigger type requires queueName field\"]}",
     "\"warnings\":[\"trigger.queueArn: is not a field of a trigger and was ignored\"]"},
    {"a list", "[]", NULL, "{\"_schema\":[\"Invalid input type.\"]}", ""},
    {"false", "false", NULL, "{\"_schema\":[\"Invalid input type.\"]}", ""},
};

static struct part_case overrides_cases[] = {
    {"an empty list", "[]", "[]", NULL, ""},
    {"without environment", "[{\"containerName\":\"c\"}]", "[{\"containerName\":\"c\"}]", NULL, ""},
    {"an empty environment", "[{\"containerName\":\"c\",\"environment\":{}}]",
     "[{\"containerName\":\"c\",\"environment\":{}}]", NULL, ""},
    {"environment",
     "[{\"environment\":{\"A\":\"b\",\"C\":\"\"},\"containerName\":\"c\"},{\"containerName\":\"d\"}]",
     "[{\"containerName\":\"c\",\"environment\":{\"A\":\"b\",\"C\":\"\"}},{\"containerName\":\"d\"}]", NULL,
     ""},
    {"beyond ASCII", "[{\"containerName\":\"c\",\"environment\":{\"\\u00c4\":\"\\u4e2d\\ud83d\\ude00\"}}]",
     "[{\"containerName\":\"c\",\"environment\":{\"\xC3\x84\":\"\xE4\xB8\xAD\xF0\x9F\x98\x80\"}}]", NULL, ""},
    {"an unknown field", "[{\"containerName\":\"c\",\"size\":5}]", "[{\"containerName\":\"c\"}]", NULL,
     "\"warnings\":[\"overrides.0.size: is not a field of an override and was ignored\"]"},
    {"the scheduler's own variable",
     "[{\"containerName\":\"c\",\"environment\":{\"ECS_SCHEDULER_OVERRIDE_TAG\":\"mine\"}}]",
     "[{\"containerName\":\"c\",\"environment\":{\"ECS_SCHEDULER_OVERRIDE_TAG\":\"mine\"}}]", NULL,
     "\"warnings\":[\"overrides.0.environment.ECS_SCHEDULER_OVERRIDE_TAG: the scheduler sets this variable "
     "to the "
     "job's id when it starts a task\"]"},
    {"the same container twice", "[{\"containerName\":\"c\"},{\"containerName\":\"c\"}]",
     "[{\"containerName\":\"c\"},{\"containerName\":\"c\"}]", NULL,
     "\"warnings\":[\"overrides: the container \\\"c\\\" is in the list more than once\"]"},
    {"an object", "{}", NULL, "[\"Not a valid list.\"]", ""},
    {"false", "false", NULL, "[\"Not a valid list.\"]", ""},
    {"null", "null", NULL, "[\"Field may not be null.\"]", ""},
    {"a list of text", "[\"x\"]", NULL, "{\"0\":{\"_schema\":[\"Invalid input type.\"]}}", ""},
    {"a list of null", "[null]", NULL, "{\"0\":{\"_schema\":[\"Invalid input type.\"]}}", ""},
    {"no name", "[{}]", NULL, "{\"0\":{\"containerName\":[\"Missing data for required field.\"]}}", ""},
    {"a number for a name", "[{\"containerName\":5}]", NULL,
     "{\"0\":{\"containerName\":[\"Not a valid string.\"]}}", ""},
    {"an empty name", "[{\"containerName\":\"\"}]", NULL,
     "{\"0\":{\"containerName\":[\"container names must contain only alphanumeric, underscore, and "
     "hyphen\"]}}",
     ""},
    {"two mistakes", "[{\"containerName\":\"c\"},{},{\"environment\":5}]", NULL,
     "{\"1\":{\"containerName\":[\"Missing data for required field.\"]},\"2\":{\"environment\":[\"Not a "
     "valid "
     "mapping type.\"],\"containerName\":[\"Missing data for required field.\"]}}",
     ""},
    {"a null environment", "[{\"containerName\":\"c\",\"environment\":null}]", NULL,
     "{\"0\":{\"environment\":[\"Field may not be null.\"]}}", ""},
    {"values that are no text",
     "[{\"containerName\":\"c\",\"environment\":{\"A\":1,\"B\":null,\"C\":\"x\"}}]", NULL,
     "{\"0\":{\"environment\":{\"A\":[\"Not a valid string.\"],\"B\":[\"Field may not be null.\"]}}}", ""},
    {"a variable without a name", "[{\"containerName\":\"c\",\"environment\":{\"\":\"\"}}]", NULL,
     "{\"0\":{\"environment\":{\"\":[\"The name of an environment variable is 1 to 255 bytes without "
     "\\\"=\\\".\"]}}}",
     ""},
    {"= in a variable's name", "[{\"containerName\":\"c\",\"environment\":{\"A=\":\"\"}}]", NULL,
     "{\"0\":{\"environment\":{\"A=\":[\"The name of an environment variable is 1 to 255 bytes without "
     "\\\"=\\\".\"]}}}",
     ""},
    {"11 containers", "[0,0,0,0,0,0,0,0,0,0,0]", NULL, "[\"Longer than maximum length 10.\"]", ""},
};

static void check(const struct part_case *c, bool trigger)
{
    AUTO_JOB_REPORT struct job_report report = {0};
    AUTO_JSON struct json_object *value = NULL;
    AUTO_BUF struct buf stored = {0}, messages = {0}, warnings = {0};
    const struct job_at at = {&report, NULL, trigger ? "trigger" : "overrides"};
    bool good;

    buf_init(&stored, TEXT_MAX);
    buf_init(&messages, TEXT_MAX);
    buf_init(&warnings, TEXT_MAX);
    assert_true(json_parse(c->text, strlen(c->text), &value, NULL));
    if (trigger) {
        struct job_trigger got = {0};

        good = job_trigger_from_json(value, &got, &at);
        if (good)
            job_trigger_put(&stored, &got);
    } else {
        AUTO_JOB_OVERRIDES struct job_overrides got = {0};

        good = job_overrides_from_json(value, "job", &got, &at);
        if (good)
            job_overrides_put(&stored, &got);
    }
    job_report_put_warnings(&warnings, &report);
    assert_int_equal(good, job_report_clean(&report));
    assert_int_equal(good, c->stored != NULL);
    if (good) {
        assert_string_equal(stored.data, c->stored);
        assert_string_equal(warnings.data, c->warnings);
    } else {
        json_put_value(&messages, json_object_object_get(report.messages, at.key));
        assert_string_equal(messages.data, c->messages);
    }
}

static void check_trigger(void **state)
{
    check(*state, true);
}

static void check_overrides(void **state)
{
    check(*state, false);
}

/* [{"containerName": NAME, "environment": {...}}] with what is asked for; the caller frees it. */
static char *overrides_text(size_t name_len, size_t variables, size_t var_len, size_t value_len)
{
    AUTO_BUF struct buf buf = {0};

    buf_init(&buf, TEXT_MAX);
    buf_puts(&buf, "[{\"containerName\":\"");
    for (size_t i = 0; i < name_len; i++)
        buf_putc(&buf, 'c');
    buf_puts(&buf, "\",\"environment\":{");
    for (size_t v = 0; v < variables; v++) {
        buf_printf(&buf, "%s\"%03zu", v > 0 ? "," : "", v);
        for (size_t i = 3; i < var_len; i++)
            buf_putc(&buf, 'n');
        buf_puts(&buf, "\":\"");
        for (size_t i = 0; i < value_len; i++)
            buf_putc(&buf, 'v');
        buf_putc(&buf, '"');
    }
    buf_puts(&buf, "}}]");
    return buf_steal(&buf);
}

static bool accepted(char *owned_text, struct err *err)
{
    AUTO_FREE char *text = owned_text;
    AUTO_JOB_OVERRIDES struct job_overrides overrides = {0};

    *err = (struct err){0};
    return job_overrides_parse(text, &overrides, err);
}

static void overrides_have_limits(void **state)
{
    struct err err;

    (void)state;
    assert_true(accepted(overrides_text(JOB_CONTAINER_NAME_MAX, 1, 3, 1), &err));
    assert_false(accepted(overrides_text(JOB_CONTAINER_NAME_MAX + 1, 1, 3, 1), &err));
    assert_string_equal(err.field, "overrides.0.containerName");
    assert_string_equal(err.text, "Longer than maximum length 255.");

    assert_true(accepted(overrides_text(1, JOB_ENV_MAX, 3, 1), &err));
    assert_false(accepted(overrides_text(1, JOB_ENV_MAX + 1, 3, 1), &err));
    assert_string_equal(err.field, "overrides.0.environment");
    assert_string_equal(err.text, "Longer than maximum length 100.");

    assert_true(accepted(overrides_text(1, 1, JOB_ENV_NAME_MAX, 1), &err));
    assert_false(accepted(overrides_text(1, 1, JOB_ENV_NAME_MAX + 1, 1), &err));
    assert_string_equal(err.text, "The name of an environment variable is 1 to 255 bytes without \"=\".");

    assert_true(accepted(overrides_text(1, 1, 3, JOB_ENV_VALUE_MAX), &err));
    assert_false(accepted(overrides_text(1, 1, 3, JOB_ENV_VALUE_MAX + 1), &err));
    assert_string_equal(err.field, "overrides.0.environment.000");
    assert_string_equal(err.text, "Longer than maximum length 4096.");
}

/* One character below, at and above what RunTask takes; the tag and the job's id count. */
static void length_is_counted_as_ecs_does(void **state)
{
    static const char fixed[] = "{\"containerOverrides\":[{\"name\":\"c\",\"environment\":["
                                "{\"name\":\"000\",\"value\":\"\"},{\"name\":\"001\",\"value\":\"\"},"
                                "{\"name\":\"002\",\"value\":\"\"},"
                                "{\"name\":\"ECS_SCHEDULER_OVERRIDE_TAG\",\"value\":\"\"}]}]}";
    size_t room = (JOB_OVERRIDES_TEXT_MAX - (sizeof fixed - 1)) / 3;
    size_t rest = (JOB_OVERRIDES_TEXT_MAX - (sizeof fixed - 1)) % 3;

    (void)state;
    for (size_t over = 0; over <= 1; over++) {
        AUTO_FREE char *text = overrides_text(1, 3, 3, room), *id = mem_alloc(8);
        AUTO_JSON struct json_object *value = NULL;
        AUTO_JOB_OVERRIDES struct job_overrides overrides = {0};
        AUTO_JOB_REPORT struct job_report report = {0};
        const struct job_at at = {&report, NULL, "overrides"};

        memset(id, 'i', rest + over);
        assert_true(json_parse(text, strlen(text), &value, NULL));
        assert_int_equal(job_overrides_from_json(value, id, &overrides, &at), over == 0);
        if (over > 0) {
            struct err err = {0};

            job_report_to_err(&report, &err);
            assert_string_equal(
                err.text, "Too long: 8193 characters in the form that ECS counts, which takes at most 8192.");
        }
    }
}

static void tag_replaces_the_users_variable(void **state)
{
    static const char text[] = "[{\"containerName\":\"c1\",\"environment\":{\"ECS_SCHEDULER_OVERRIDE_TAG\":"
                               "\"mine\",\"A\":\"b\"}},{\"containerName\":\"c2\"}]";
    AUTO_JOB_OVERRIDES struct job_overrides overrides = {0};
    AUTO_BUF struct buf buf = {0};

    (void)state;
    buf_init(&buf, TEXT_MAX);
    job_overrides_put_ecs(&buf, &overrides, NULL, "ov", NULL);
    assert_string_equal(buf.data, "");
    assert_true(job_overrides_parse(text, &overrides, NULL));
    job_overrides_put_ecs(&buf, &overrides, NULL, "ov", NULL);
    assert_string_equal(
        buf.data,
        "{\"containerOverrides\":[{\"name\":\"c1\",\"environment\":[{\"name\":\"A\",\"value\":\"b\"},"
        "{\"name\":\"ECS_SCHEDULER_OVERRIDE_TAG\",\"value\":\"ov\"}]},{\"name\":\"c2\","
        "\"environment\":[{\"name\":\"ECS_SCHEDULER_OVERRIDE_TAG\",\"value\":\"ov\"}]}]}");
}

static void stored_text_may_be_anything(void **state)
{
    struct job_trigger trigger = {.kind = JOB_TRIGGER_SQS};
    AUTO_JOB_OVERRIDES struct job_overrides overrides = {0};
    struct err err = {0};

    (void)state;
    assert_true(job_trigger_parse(NULL, &trigger, &err) && trigger.kind == JOB_TRIGGER_NOOP);
    assert_true(job_trigger_parse("null", &trigger, &err) && trigger.kind == JOB_TRIGGER_NOOP);
    assert_true(job_trigger_parse("{\"type\": \"sqs\", \"queueName\": \"work\", \"messagesPerTask\": 100}",
                                  &trigger, &err));
    assert_string_equal(trigger.queue_name, "work");
    assert_int_equal(trigger.messages_per_task, 100);
    assert_false(job_trigger_parse("{\"type\": \"cpu\"}", &trigger, &err));
    assert_string_equal(err.field, "trigger.type");
    assert_string_equal(err.text, "Unknown trigger type; must be \"sqs\" or \"noop\".");
    assert_false(job_trigger_parse("{", &trigger, &err));
    assert_string_equal(err.text, "trigger: line 1, column 2: a name in double quotes was expected");
    assert_true(job_overrides_parse("", &overrides, &err) && overrides.count == 0);
    assert_false(
        job_overrides_parse("[{\"containerName\": \"c\", \"environment\": {\"A\": 1}}]", &overrides, &err));
    assert_string_equal(err.field, "overrides.0.environment.A");
}

struct value_case {
    const char *text;
    int64_t integer; /* -99: refused */
    int boolean;     /* -1: refused */
};

static const struct value_case value_cases[] = {
    {"5", 5, -1},
    {"0", 0, 0},
    {"1", 1, 1},
    {"-1", -1, -1},
    {"2.0", 2, -1},
    {"1.0", 1, 1},
    {"0.0", 0, 0},
    {"1.9", -99, -1},
    {"0.9", -99, -1},
    {"1e1", 10, -1},
    {"1e300", INT64_MAX, -1},
    {"-1e300", INT64_MIN, -1},
    {"\"5\"", 5, -1},
    {"\" 6 \"", 6, -1},
    {"\"+7\"", 7, -1},
    {"\"-7\"", -7, -1},
    {"\"\"", -99, -1},
    {"\"+\"", -99, -1},
    {"\"5.5\"", -99, -1},
    {"\"1_0\"", -99, -1},
    {"\"five\"", -99, -1},
    {"\"5 5\"", -99, -1},
    {"\"0x5\"", -99, -1},
    {"\"\\u0665\"", -99, -1},
    {"true", -99, 1},
    {"false", -99, 0},
    {"null", -99, -1},
    {"[]", -99, -1},
    {"{}", -99, -1},
    {"\"t\"", -99, 1},
    {"\"T\"", -99, 1},
    {"\"true\"", -99, 1},
    {"\"True\"", -99, 1},
    {"\"TRUE\"", -99, 1},
    {"\"1\"", 1, 1},
    {"\"f\"", -99, 0},
    {"\"F\"", -99, 0},
    {"\"false\"", -99, 0},
    {"\"False\"", -99, 0},
    {"\"FALSE\"", -99, 0},
    {"\"0\"", 0, 0},
    {"\"yes\"", -99, -1},
    {"\"on\"", -99, -1},
    {"2", 2, -1},
    {"\"99999999999999999999\"", INT64_MAX, -1},
};

static void values_convert_as_the_seed_did(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(value_cases); i++) {
        const struct value_case *c = &value_cases[i];
        AUTO_JOB_REPORT struct job_report report = {0};
        AUTO_JSON struct json_object *value = NULL;
        const struct job_at at = {&report, NULL, "field"};
        int64_t integer = -99;
        bool boolean = false, good;

        assert_true(json_parse(c->text, strlen(c->text), &value, NULL));
        good = job_value_integer(value, &integer, &at);
        if (good != (c->integer != -99) || integer != c->integer)
            fail_msg("%s as an integer: %d, %jd", c->text, good, (intmax_t)integer);
        good = job_value_boolean(value, &boolean, &at);
        if (good != (c->boolean != -1) || (good && boolean != (c->boolean == 1)))
            fail_msg("%s as a boolean: %d, %d", c->text, good, boolean);
    }
}

static void warnings_are_bounded(void **state)
{
    AUTO_JOB_REPORT struct job_report report = {0};
    AUTO_BUF struct buf buf = {0};
    char key[1001] = "";
    const struct job_at at = {&report, NULL, key};

    (void)state;
    buf_init(&buf, TEXT_MAX);
    memset(key, 'k', sizeof key - 1);
    for (int i = 0; i < 1000; i++)
        job_warn(&at, "ignored");
    assert_true(job_report_put_warnings(&buf, &report));
    assert_true(buf.len < 2000);
    assert_non_null(strstr(buf.data, "kkk...: ignored\",\"and 980 more like these\"]"));
    assert_true(job_report_clean(&report));
}

static void names(void **state)
{
    char name[JOB_ID_MAX + 2] = "";
    struct err err = {0};

    (void)state;
    assert_true(job_name_valid("0aZ_-", 5));
    assert_false(job_name_valid("0aZ_-", 4));
    assert_false(job_name_valid("", 5) || job_name_valid("a b", 5) || job_name_valid("a\n", 5) ||
                 job_name_valid("a:1", 5) || job_name_valid("..", 5) || job_name_valid("\xE2\x84\xAA", 5));
    memset(name, 'a', JOB_ID_MAX);
    assert_true(job_name_check(name, JOB_ID_MAX, &err));
    name[JOB_ID_MAX] = 'a';
    assert_false(job_name_check(name, JOB_ID_MAX, &err));
    assert_string_equal(err.text, "Longer than maximum length 255.");
    assert_false(job_name_check("a b", JOB_ID_MAX, &err));
    assert_string_equal(err.text,
                        "task definition names must contain only alphanumeric, underscore, and hyphen");
    assert_true(job_count_check(1, &err) && job_count_check(50, &err));
    assert_false(job_count_check(0, &err) || job_count_check(51, &err) || job_count_check(INT64_MIN, &err));
    assert_string_equal(err.text, "Must be between 1 and 50.");
}

int main(void)
{
    enum { TRIGGERS = ARRAY_LEN(trigger_cases), OVERRIDES = ARRAY_LEN(overrides_cases), REST = 7 };
    struct CMUnitTest tests[TRIGGERS + OVERRIDES + REST] = {
        cmocka_unit_test(overrides_have_limits),
        cmocka_unit_test(length_is_counted_as_ecs_does),
        cmocka_unit_test(tag_replaces_the_users_variable),
        cmocka_unit_test(stored_text_may_be_anything),
        cmocka_unit_test(values_convert_as_the_seed_did),
        cmocka_unit_test(warnings_are_bounded),
        cmocka_unit_test(names),
    };
    size_t n = REST;

    for (size_t i = 0; i < TRIGGERS; i++)
        tests[n++] = (struct CMUnitTest){trigger_cases[i].name, check_trigger, NULL, NULL, &trigger_cases[i]};
    for (size_t i = 0; i < OVERRIDES; i++)
        tests[n++] =
            (struct CMUnitTest){overrides_cases[i].name, check_overrides, NULL, NULL, &overrides_cases[i]};
    return cmocka_run_group_tests_name("job parts", tests, NULL, NULL);
}
