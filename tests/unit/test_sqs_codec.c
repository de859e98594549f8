/* sqs_codec: what SQS is asked, and how its answers read. */
#include "sqs_codec.h"

#include "test.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "mem.h"

static void requests(void **state)
{
    AUTO_BUF struct buf url, depth;

    (void)state;
    buf_init(&url, 1000);
    buf_init(&depth, 1000);
    sqs_put_get_queue_url(&url, "q-1.fifo");
    assert_string_equal(url.data, "{\"QueueName\":\"q-1.fifo\"}");
    sqs_put_get_queue_attributes(&depth, "http://h/1/\"q\"");
    assert_string_equal(depth.data,
                        "{\"AttributeNames\":[\"ApproximateNumberOfMessages\","
                        "\"ApproximateNumberOfMessagesNotVisible\",\"ApproximateNumberOfMessagesDelayed\"],"
                        "\"QueueUrl\":\"http://h/1/\\\"q\\\"\"}");
}

struct depth_case {
    const char *name, *visible, *in_flight, *delayed; /* as JSON; NULL: not there */
    int64_t depth[3];
    const char *field; /* at fault; NULL: none */
};

#define VISIBLE "ApproximateNumberOfMessages"

static struct depth_case depth_cases[] = {
    {"numbers as texts", "\"3\"", "\"2\"", "\"1\"", {3, 2, 1}, NULL},
    {"an empty queue", "\"0\"", "\"0\"", "\"0\"", {0, 0, 0}, NULL},
    {"a great many", "\"9223372036854775807\"", "\"0\"", "\"0\"", {INT64_MAX, 0, 0}, NULL},
    {"too many", "\"9223372036854775808\"", "\"0\"", "\"0\"", {0}, VISIBLE},
    {"a number", "3", "\"2\"", "\"1\"", {0}, VISIBLE},
    {"a negative number", "\"-1\"", "\"2\"", "\"1\"", {0}, VISIBLE},
    {"a sign", "\"+1\"", "\"2\"", "\"1\"", {0}, VISIBLE},
    {"a blank", "\" 1\"", "\"2\"", "\"1\"", {0}, VISIBLE},
    {"a fraction", "\"1.5\"", "\"2\"", "\"1\"", {0}, VISIBLE},
    {"an empty text", "\"\"", "\"2\"", "\"1\"", {0}, VISIBLE},
    {"null", "null", "\"2\"", "\"1\"", {0}, VISIBLE},
    {"one is missing", "\"1\"", NULL, "\"1\"", {0}, "ApproximateNumberOfMessagesNotVisible"},
    {"another is missing", "\"1\"", "\"1\"", NULL, {0}, "ApproximateNumberOfMessagesDelayed"},
};

static void put_attribute(struct buf *buf, const char *name, const char *value)
{
    if (value != NULL)
        buf_printf(buf, "\"%s\":%s,", name, value);
}

static void check_depth(void **state)
{
    const struct depth_case *c = *state;
    struct sqs_depth depth = {7, 7, 7};
    AUTO_JSON struct json_object *answer = NULL;
    AUTO_BUF struct buf text;
    struct err err = {0};

    buf_init(&text, 1000);
    buf_puts(&text, "{\"Attributes\":{");
    put_attribute(&text, VISIBLE, c->visible);
    put_attribute(&text, "ApproximateNumberOfMessagesNotVisible", c->in_flight);
    put_attribute(&text, "ApproximateNumberOfMessagesDelayed", c->delayed);
    buf_puts(&text, "\"New\":\"x\"}}");
    assert_true(json_parse(text.data, text.len, &answer, &err));
    if (sqs_read_depth(answer, &depth, &err)) {
        assert_null(c->field);
        assert_int_equal(depth.visible, c->depth[0]);
        assert_int_equal(depth.in_flight, c->depth[1]);
        assert_int_equal(depth.delayed, c->depth[2]);
    } else {
        assert_non_null(c->field);
        assert_string_equal(err.field, c->field);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_true(depth.visible == 7 && depth.in_flight == 7 && depth.delayed == 7);
    }
}

static void an_answer_without_attributes(void **state)
{
    AUTO_JSON struct json_object *answer = NULL;
    struct sqs_depth depth;
    struct err err;

    (void)state;
    assert_true(json_parse("{}", 2, &answer, &err));
    assert_false(sqs_read_depth(answer, &depth, &err));
    assert_string_equal(err.field, "Attributes");
}

static void queue_urls(void **state)
{
    static const struct {
        const char *text, *url;
    } cases[] = {
        {"{\"QueueUrl\":\"https://h/1/q\"}", "https://h/1/q"},
        {"{\"QueueUrl\":\"\"}", NULL},
        {"{\"QueueUrl\":null}", NULL},
        {"{\"QueueUrl\":[\"https://h/1/q\"]}", NULL},
        {"{}", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_JSON struct json_object *answer = NULL;
        AUTO_FREE char *url = NULL;
        struct err err = {0};

        assert_true(json_parse(cases[i].text, strlen(cases[i].text), &answer, &err));
        assert_int_equal(sqs_read_queue_url(answer, &url, &err), cases[i].url != NULL);
        if (cases[i].url != NULL)
            assert_string_equal(url, cases[i].url);
        else
            assert_string_equal(err.field, "QueueUrl");
    }
}

static void regions_of_urls(void **state)
{
    static const struct {
        const char *url, *region; /* NULL: none */
    } cases[] = {
        {"https://sqs.eu-west-1.amazonaws.com/123456789012/q", "eu-west-1"},
        {"https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q", "cn-north-1"},
        {"https://sqs-fips.us-gov-west-1.amazonaws.com:443/123456789012/q", "us-gov-west-1"},
        {"https://sqs.eu-west-1.api.aws/123456789012/q", "eu-west-1"},
        {"https://vpce-0a1-b2.sqs.ap-south-1.vpce.amazonaws.com/123456789012/q", "ap-south-1"},
        {"https://eu-west-1.queue.amazonaws.com/123456789012/q", "eu-west-1"},
        {"https://queue.amazonaws.com/123456789012/q", "us-east-1"},
        {"https://sqs.eusc-de-east-1.amazonaws.eu/123456789012/q", "eusc-de-east-1"},
        {"https://sqs.us-iso-east-1.c2s.ic.gov/123456789012/q", "us-iso-east-1"},
        {"https://sqs.us-isob-east-1.sc2s.sgov.gov/123456789012/q", "us-isob-east-1"},
        {"https://sqs.eu-isoe-west-1.cloud.adc-e.uk/123456789012/q", "eu-isoe-west-1"},
        {"https://sqs.us-isof-south-1.csp.hci.ic.gov/123456789012/q", "us-isof-south-1"},
        {"https://sqs.cn-north-1.api.amazonwebservices.com.cn/123456789012/q", "cn-north-1"},
        {"https://sqs.eu-west-1.amazonaws.com.example.org/123456789012/q", NULL},
        {"https://sqs.eu-west-1.xamazonaws.com/123456789012/q", NULL},
        {"http://127.0.0.1:4566/000000000000/q", NULL},
        {"http://sqs.eu-west-1.localhost.localstack.cloud:4566/000000000000/q", NULL},
        {"https://sqs.amazonaws.com/123456789012/sqs.eu-west-1.amazonaws.com", "amazonaws"},
        {"https://sqs.-.amazonaws.com/123456789012/q", NULL},
        {"https://example.amazonaws.com/123456789012/q", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char region[AWS_REGION_SIZE] = "";
        bool has = sqs_url_region(cases[i].url, region);

        if (has != (cases[i].region != NULL) || (has && strcmp(region, cases[i].region) != 0))
            fail_msg("%s is in \"%s\"", cases[i].url, region);
    }
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(depth_cases) + 4] = {
        cmocka_unit_test(requests),
        cmocka_unit_test(an_answer_without_attributes),
        cmocka_unit_test(queue_urls),
        cmocka_unit_test(regions_of_urls),
    };
    size_t n = 4;

    for (size_t i = 0; i < ARRAY_LEN(depth_cases); i++)
        tests[n++] = (struct CMUnitTest){depth_cases[i].name, check_depth, NULL, NULL, &depth_cases[i]};
    return cmocka_run_group_tests_name("SQS codec", tests, NULL, NULL);
}
