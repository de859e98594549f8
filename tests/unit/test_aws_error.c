/* aws_error and aws_retry: what each answer that is not 200 means, and when the call is sent again. */
#include "aws_error.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "aws_retry.h"
#include "buf.h"
#include "mem.h"

struct answer_case {
    const char *name;
    int status;
    const char *body, *type, *query; /* headers x-amzn-errortype and x-amzn-query-error; NULL: none */
    enum aws_error_kind kind;
    const char *code, *message;
    bool acted;
    bool expired, skewed;
};

#define JSON(code, message) "{\"__type\":\"" code "\",\"message\":\"" message "\"}"

static struct answer_case answer_cases[] = {
    /* Names, wherever they are. */
    {"a plain name", 400, JSON("ClientException", "no such family"), .kind = AWS_REFUSED,
     .code = "ClientException", .message = "no such family"},
    {"a name with its namespace", 400, JSON("com.amazonaws.ecs#ServerException", "oops"),
     .kind = AWS_RETRYABLE, .code = "ServerException", .message = "oops", .acted = true},
    {"a name with an address", 400, JSON("ThrottlingException:http://internal.amazon.com/coral/", "Rate"),
     .kind = AWS_THROTTLED, .code = "ThrottlingException", .message = "Rate"},
    {"both, and a # in the address", 400, JSON("a.b#SlowDown:http://x/#y", ""), .kind = AWS_THROTTLED,
     .code = "SlowDown", .message = ""},
    {"Message with a capital", 400, "{\"__type\":\"AccessDeniedException\",\"Message\":\"no\"}",
     .kind = AWS_REFUSED, .code = "AccessDeniedException", .message = "no"},
    {"the name in a header", 400, "{\"message\":\"m\"}", "ThrottlingException:", .kind = AWS_THROTTLED,
     .code = "ThrottlingException", .message = "m"},
    {"the body's name counts", 400, JSON("ClientException", "m"), "ThrottlingException", .kind = AWS_REFUSED,
     .code = "ClientException", .message = "m"},
    {"the older protocol's name in a header", 400, "{\"message\":\"m\"}", NULL, "RequestThrottled;Sender",
     .kind = AWS_THROTTLED, .code = "RequestThrottled", .message = "m"},
    {"a queue that is not there", 400, JSON("com.amazonaws.sqs#QueueDoesNotExist", "gone"), NULL,
     "AWS.SimpleQueueService.NonExistentQueue;Sender", .kind = AWS_REFUSED, .code = "QueueDoesNotExist",
     .message = "gone"},
    {"the same, by its older name", 400, "{}", NULL, "AWS.SimpleQueueService.NonExistentQueue;Sender",
     .kind = AWS_REFUSED, .code = "QueueDoesNotExist", .message = ""},
    {"no name at all", 400, "{}", .kind = AWS_RETRYABLE, .code = "HTTP 400", .message = "", .acted = true},
    {"a name that is no text", 400, "{\"__type\":7,\"message\":[]}", .kind = AWS_RETRYABLE,
     .code = "HTTP 400", .message = "", .acted = true},
    {"an empty name", 503, JSON("", "m"), .kind = AWS_RETRYABLE, .code = "HTTP 503", .message = "m",
     .acted = true},
    /* Bodies that are not AWS's. */
    {"a proxy's page", 502, "<html>\n<h1>Bad Gateway</h1>\r\n</html>\n", .kind = AWS_RETRYABLE,
     .code = "HTTP 502", .message = "<html> <h1>Bad Gateway</h1>  </html>", .acted = true},
    {"an empty body", 500, "", .kind = AWS_RETRYABLE, .code = "HTTP 500", .message = "", .acted = true},
    {"JSON that is no object", 400, "[1]", .kind = AWS_RETRYABLE, .code = "HTTP 400", .message = "[1]",
     .acted = true},
    {"bytes", 400, "a\x01\xff\xC3\xA4\x7f z", .kind = AWS_RETRYABLE, .code = "HTTP 400",
     .message = "a ?\xC3\xA4  z", .acted = true},
    {"a redirect is not followed", 307, "", .kind = AWS_RETRYABLE, .code = "HTTP 307", .message = ""},
    {"a success that is not ours", 204, "", .kind = AWS_UNKNOWN, .code = "HTTP 204", .message = "",
     .acted = true},
    {"nor is one with an error's name", 202, "", "ExpiredTokenException", .kind = AWS_UNKNOWN,
     .code = "ExpiredTokenException", .message = "", .acted = true},
    {"a proxy's page with a 403", 403, "<html>Forbidden</html>", .kind = AWS_RETRYABLE, .code = "HTTP 403",
     .message = "<html>Forbidden</html>", .acted = true},
    {"407", 407, "", .kind = AWS_RETRYABLE, .code = "HTTP 407", .message = ""},
    /* Throttling. */
    {"429", 429, "", .kind = AWS_THROTTLED, .code = "HTTP 429", .message = ""},
    {"503 SlowDown", 503, JSON("SlowDown", ""), .kind = AWS_THROTTLED, .code = "SlowDown", .message = "",
     .acted = true},
    {"EC2 was throttled", 400,
     JSON("InvalidParameterException", "Error while calling EC2: Request limit exceeded."),
     .kind = AWS_THROTTLED, .code = "InvalidParameterException",
     .message = "Error while calling EC2: Request limit exceeded."},
    {"EC2 was throttled, by name", 400, JSON("InvalidParameterException", "RequestLimitExceeded in EC2"),
     .kind = AWS_THROTTLED, .code = "InvalidParameterException", .message = "RequestLimitExceeded in EC2"},
    /* Later. */
    {"408", 408, "", .kind = AWS_RETRYABLE, .code = "HTTP 408", .message = "", .acted = true},
    {"a timeout within AWS", 400, JSON("RequestTimeout", "m"), .kind = AWS_RETRYABLE,
     .code = "RequestTimeout", .message = "m", .acted = true},
    {"an internal error that is said with a 400", 400, JSON("InternalError", "m"), .kind = AWS_RETRYABLE,
     .code = "InternalError", .message = "m", .acted = true},
    {"an empty cluster that is said with a 500", 500,
     JSON("InvalidParameterException", "No Container Instances were found in your cluster."),
     .kind = AWS_RETRYABLE, .code = "InvalidParameterException",
     .message = "No Container Instances were found in your cluster.", .acted = true},
    {"504", 504, "", .kind = AWS_RETRYABLE, .code = "HTTP 504", .message = "", .acted = true},
    {"a 500 of an unknown name", 500, JSON("SomethingNew", "m"), .kind = AWS_RETRYABLE,
     .code = "SomethingNew", .message = "m", .acted = true},
    {"the cluster is empty", 400,
     JSON("InvalidParameterException", "No Container Instances were found in your cluster."),
     .kind = AWS_RETRYABLE, .code = "InvalidParameterException",
     .message = "No Container Instances were found in your cluster."},
    {"too many tasks wait for instances", 400,
     JSON("ClientException", "The limit of tasks in the PROVISIONING state was reached"),
     .kind = AWS_RETRYABLE, .code = "ClientException",
     .message = "The limit of tasks in the PROVISIONING state was reached"},
    /* Never. */
    {"a wrong parameter", 400, JSON("InvalidParameterException", "TaskDefinition not found."),
     .kind = AWS_REFUSED, .code = "InvalidParameterException", .message = "TaskDefinition not found."},
    {"no such cluster", 400, JSON("ClusterNotFoundException", "Cluster not found."), .kind = AWS_REFUSED,
     .code = "ClusterNotFoundException", .message = "Cluster not found."},
    {"an account that is blocked", 400, JSON("BlockedException", "m"), .kind = AWS_REFUSED,
     .code = "BlockedException", .message = "m"},
    {"an unknown 4xx", 418, JSON("Teapot", "m"), .kind = AWS_REFUSED, .code = "Teapot", .message = "m"},
    /* Credentials and clocks. */
    {"an expired token", 400, JSON("ExpiredTokenException", "m"), .kind = AWS_AUTH,
     .code = "ExpiredTokenException", .message = "m", .expired = true},
    {"unknown keys", 400, JSON("UnrecognizedClientException", "m"), .kind = AWS_AUTH,
     .code = "UnrecognizedClientException", .message = "m", .expired = true},
    {"a signature's time", 400, JSON("InvalidSignatureException", "Signature expired: x"), .kind = AWS_AUTH,
     .code = "InvalidSignatureException", .message = "Signature expired: x", .skewed = true},
    {"in the future", 403, JSON("RequestInTheFuture", ""), .kind = AWS_AUTH, .code = "RequestInTheFuture",
     .message = "", .skewed = true},
    {"no signature", 403, JSON("MissingAuthenticationTokenException", "m"), .kind = AWS_AUTH,
     .code = "MissingAuthenticationTokenException", .message = "m"},
    {"the canonical request is not shown", 403,
     JSON("InvalidSignatureException",
          "The signature we calculated does not match. The Canonical String for this request should have "
          "been 'POST x-amz-security-token:HUSH'"),
     .kind = AWS_AUTH, .code = "InvalidSignatureException",
     .message = "The signature we calculated does not match.", .skewed = true},
    {"nor is a token", 403, "X-Amz-Security-Token: HUSH", .kind = AWS_RETRYABLE, .code = "HTTP 403",
     .message = "", .acted = true},
};

static struct aws_error read_case(const struct answer_case *c)
{
    struct aws_error error;

    aws_error_read(&(struct aws_answer){.status = c->status,
                                        .error_type = c->type,
                                        .query_error = c->query,
                                        .request_id = "r-1",
                                        .body = c->body,
                                        .body_len = strlen(c->body)},
                   &error);
    return error;
}

static void check_answer(void **state)
{
    const struct answer_case *c = *state;
    AUTO_AWS_ERROR struct aws_error error = read_case(c);
    struct err err;

    assert_string_equal(error.code, c->code);
    assert_string_equal(error.message, c->message);
    assert_string_equal(aws_error_kind_name(error.kind), aws_error_kind_name(c->kind));
    assert_int_equal(error.may_have_acted, c->acted);
    assert_int_equal(error.expired, c->expired);
    assert_int_equal(error.skewed, c->skewed);
    assert_int_equal(error.status, c->status);
    assert_string_equal(error.request_id, "r-1");
    assert_int_equal(error.resource_id_count, 0);
    assert_false(aws_error_to_err(&error, &err));
    assert_int_not_equal(err.kind, ERR_NONE);
    assert_null(strstr(err.text, "HUSH"));
}

static void every_throttle_of_the_sdks_is_one(void **state)
{
    static const char *const codes[] = {"Throttling",
                                        "ThrottlingException",
                                        "ThrottledException",
                                        "RequestThrottledException",
                                        "TooManyRequestsException",
                                        "ProvisionedThroughputExceededException",
                                        "TransactionInProgressException",
                                        "RequestLimitExceeded",
                                        "BandwidthLimitExceeded",
                                        "LimitExceededException",
                                        "RequestThrottled",
                                        "SlowDown",
                                        "PriorRequestNotComplete",
                                        "EC2ThrottledException"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        AUTO_FREE char *body = mem_printf(JSON("%s", ""), codes[i]);
        struct answer_case c = {.status = 400, .body = body};
        AUTO_AWS_ERROR struct aws_error error = read_case(&c);

        if (error.kind != AWS_THROTTLED || error.may_have_acted)
            fail_msg("%s is %s", codes[i], aws_error_kind_name(error.kind));
    }
}

static void a_conflict_names_what_was_started(void **state)
{
    struct answer_case c = {
        .status = 400,
        .body =
            "{\"__type\":\"ConflictException\",\"message\":\"m\",\"resourceIds\":[\"arn:1\",7,\"arn:2\"]}"};
    AUTO_AWS_ERROR struct aws_error error = read_case(&c);
    AUTO_AWS_ERROR struct aws_error copy = {0};
    struct err err;

    (void)state;
    assert_int_equal(error.kind, AWS_CONFLICT);
    assert_true(error.may_have_acted);
    assert_int_equal(error.resource_id_count, 2);
    assert_string_equal(error.resource_ids[1], "arn:2");
    aws_error_copy(&copy, &error);
    aws_error_done(&error);
    assert_int_equal(copy.resource_id_count, 2);
    assert_string_equal(copy.resource_ids[0], "arn:1");
    assert_false(aws_error_to_err(&copy, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
}

static void a_conflict_names_no_more_than_a_hundred(void **state)
{
    AUTO_AWS_ERROR struct aws_error error = {0};
    AUTO_BUF struct buf body;

    (void)state;
    buf_init(&body, 10000);
    buf_puts(&body, "{\"__type\":\"ConflictException\",\"resourceIds\":[\"a\"");
    for (int i = 0; i < 300; i++)
        buf_puts(&body, ",\"b\"");
    buf_puts(&body, "]}");
    error = read_case(&(struct answer_case){.status = 400, .body = body.data});
    assert_int_equal(error.resource_id_count, AWS_RESOURCE_IDS_MAX);
}

static void a_conflict_may_name_nothing(void **state)
{
    static const char *const bodies[] = {JSON("ConflictException", "m"),
                                         "{\"__type\":\"ConflictException\",\"resourceIds\":null}",
                                         "{\"__type\":\"ConflictException\",\"resourceIds\":\"arn:1\"}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        AUTO_AWS_ERROR struct aws_error error =
            read_case(&(struct answer_case){.status = 400, .body = bodies[i]});

        assert_int_equal(error.kind, AWS_CONFLICT);
        assert_int_equal(error.resource_id_count, 0);
    }
}

static void long_texts_are_cut_at_a_character(void **state)
{
    AUTO_AWS_ERROR struct aws_error error = {0};
    AUTO_BUF struct buf body;
    char code[300];

    (void)state;
    buf_init(&body, 10000);
    buf_puts(&body, "{\"message\":\"x");
    for (int i = 0; i < 2000; i++)
        buf_puts(&body, "\xC3\xA4");
    buf_puts(&body, "\"}");
    memset(code, 'C', sizeof code - 1);
    code[sizeof code - 1] = '\0';
    error = read_case(&(struct answer_case){.status = 400, .body = body.data, .type = code});
    assert_int_equal(strlen(error.message), AWS_MESSAGE_SIZE - 1); /* x and whole pairs */
    assert_int_equal((unsigned char)error.message[AWS_MESSAGE_SIZE - 2], 0xA4);
    assert_int_equal(strlen(error.code), AWS_CODE_SIZE - 1);
}

struct hint_case {
    const char *text;
    int64_t seconds; /* or what the test says */
};

static void retry_after_is_a_number_of_seconds(void **state)
{
    static const struct hint_case cases[] = {{NULL, 0},
                                             {"", 0},
                                             {"7", 7},
                                             {" 7", 7},
                                             {"7 s", 0},
                                             {"-1", 0},
                                             {"3601", 3600},
                                             {"99999999999999999999", 0},
                                             {"Tue, 24 Nov 2026 10:30:42 GMT", 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct aws_error error;

        aws_error_read(&(struct aws_answer){.status = 503, .retry_after = cases[i].text, .body = ""}, &error);
        if (error.retry_after_ms != cases[i].seconds * 1000)
            fail_msg("%s is %lld", cases[i].text, (long long)error.retry_after_ms);
        assert_string_equal(error.request_id, "");
    }
}

static void aws_tells_it_in_milliseconds(void **state)
{
    static const struct hint_case cases[] = {
        {NULL, 7000}, {"500", 7000}, {"9500", 9500}, {"x", 7000}, {"9999999", 3600000}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct aws_error error;

        aws_error_read(
            &(struct aws_answer){
                .status = 503, .retry_after = "7", .retry_after_ms = cases[i].text, .body = ""},
            &error);
        assert_int_equal(error.retry_after_ms, cases[i].seconds);
    }
}

struct text_case {
    struct aws_error error;
    const char *text;
};

static void an_error_reads_as_a_sentence(void **state)
{
    static struct text_case cases[] = {
        {{.operation = "RunTask",
          .code = "ThrottlingException",
          .message = "Rate exceeded",
          .status = 400,
          .attempts = 3,
          .request_id = "5f0c"},
         "RunTask: ThrottlingException: Rate exceeded (HTTP 400, 3 attempts, request 5f0c)"},
        {{.operation = "RunTask", .code = "no answer", .message = "timed out", .attempts = 2},
         "RunTask: no answer: timed out (2 attempts)"},
        {{.operation = "ListTasks", .code = "ClientException", .status = 400, .attempts = 1},
         "ListTasks: ClientException (HTTP 400)"},
        {{.code = "no credentials", .message = "none"}, "no credentials: none"},
        {{.code = "x", .status = 500, .request_id = "r"}, "x (HTTP 500, request r)"},
    };
    char text[200], small[16];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(aws_error_text(&cases[i].error, text, sizeof text), cases[i].text);
    assert_string_equal(aws_error_text(&cases[0].error, small, sizeof small), "RunTask: Thrott");
}

static void our_own_errors(void **state)
{
    struct aws_error error;
    char *endless = mem_alloc(5000);

    (void)state;
    aws_error_set(&error, AWS_UNKNOWN, "no answer", "after %d ms\n", 30);
    assert_true(error.may_have_acted);
    assert_string_equal(error.message, "after 30 ms");
    aws_error_set(&error, AWS_RETRYABLE, "not sent", "refused");
    assert_false(error.may_have_acted);
    memset(endless, 'e', 4999);
    aws_error_set(&error, AWS_AUTH, "no credentials", "%s", endless);
    assert_int_equal(strlen(error.message), AWS_MESSAGE_SIZE - 1);
    free(endless);
}

static void kinds_as_errs(void **state)
{
    static const struct {
        enum aws_error_kind kind;
        const char *code;
        enum err_kind err;
        const char *name;
    } cases[] = {
        {AWS_OK, "", ERR_NONE, "ok"},
        {AWS_RETRYABLE, "HTTP 500", ERR_UNAVAILABLE, "retryable"},
        {AWS_THROTTLED, "SlowDown", ERR_UNAVAILABLE, "throttled"},
        {AWS_UNKNOWN, "no answer", ERR_UNAVAILABLE, "unknown"},
        {AWS_CANCELLED, "cancelled", ERR_UNAVAILABLE, "cancelled"},
        {AWS_REFUSED, "ClientException", ERR_INVALID, "refused"},
        {AWS_REFUSED, "AccessDeniedException", ERR_DENIED, "refused"},
        {AWS_REFUSED, "AccessDenied", ERR_DENIED, "refused"},
        {AWS_CONFLICT, "ConflictException", ERR_CONFLICT, "conflict"},
        {AWS_AUTH, "no credentials", ERR_DENIED, "auth"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct aws_error error;
        struct err err = {0};

        aws_error_set(&error, cases[i].kind, cases[i].code, "m");
        aws_error_to_err(&error, &err);
        assert_int_equal(err.kind, cases[i].err);
        assert_string_equal(aws_error_kind_name(cases[i].kind), cases[i].name);
    }
}

/* --- aws_retry --- */

struct retry_case {
    enum aws_error_kind kind;
    int status, attempts;
    bool wanted;
};

static void what_is_sent_again(void **state)
{
    static const struct retry_case cases[] = {
        {AWS_THROTTLED, 400, 1, true},  {AWS_THROTTLED, 400, 2, true},
        {AWS_THROTTLED, 400, 3, false}, {AWS_UNKNOWN, 0, 2, true},
        {AWS_UNKNOWN, 200, 3, false},   {AWS_RETRYABLE, 0, 1, true},
        {AWS_RETRYABLE, 500, 2, true},  {AWS_RETRYABLE, 408, 1, true},
        {AWS_RETRYABLE, 400, 1, false}, /* an empty cluster does not fill in a second */
        {AWS_REFUSED, 400, 1, false},   {AWS_CONFLICT, 400, 1, false},
        {AWS_AUTH, 403, 1, false},      {AWS_CANCELLED, 0, 1, false},
        {AWS_OK, 200, 1, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct aws_error error = {.kind = cases[i].kind, .status = cases[i].status};

        if (aws_retry_wanted(&error, cases[i].attempts) != cases[i].wanted)
            fail_msg("row %zu: %s, HTTP %d, after %d", i, aws_error_kind_name(cases[i].kind), cases[i].status,
                     cases[i].attempts);
    }
}

struct delay_case {
    enum aws_error_kind kind;
    int64_t hint_s;
    int attempts;
    double fraction;
    int64_t ms;
};

static void how_long_it_waits(void **state)
{
    static const struct delay_case cases[] = {
        {AWS_UNKNOWN, 0, 1, 0.0, 0},
        {AWS_UNKNOWN, 0, 1, 0.5, 25},
        {AWS_UNKNOWN, 0, 2, 0.5, 50},
        {AWS_RETRYABLE, 0, 2, 0.99, 99},
        {AWS_THROTTLED, 0, 1, 0.5, 500},
        {AWS_THROTTLED, 0, 2, 0.5, 1000},
        {AWS_THROTTLED, 0, 5, 0.5, 8000},
        {AWS_THROTTLED, 0, 6, 0.5, 10000}, /* 20 s at most */
        {AWS_THROTTLED, 0, 60, 0.5, 10000},
        {AWS_THROTTLED, 2, 1, 0.5, 2000}, /* the server's wish */
        {AWS_THROTTLED, 1, 2, 0.75, 1500},
        {AWS_RETRYABLE, 3600, 1, 0.5, 5025}, /* but not more than 5 s more */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct aws_error error = {.kind = cases[i].kind, .retry_after_ms = (int64_t)cases[i].hint_s * 1000};

        assert_int_equal(aws_retry_delay_ms(&error, cases[i].attempts, cases[i].fraction), cases[i].ms);
    }
}

int main(void)
{
    static const struct CMUnitTest fixed[] = {
        cmocka_unit_test(every_throttle_of_the_sdks_is_one),
        cmocka_unit_test(a_conflict_names_what_was_started),
        cmocka_unit_test(a_conflict_names_no_more_than_a_hundred),
        cmocka_unit_test(a_conflict_may_name_nothing),
        cmocka_unit_test(long_texts_are_cut_at_a_character),
        cmocka_unit_test(retry_after_is_a_number_of_seconds),
        cmocka_unit_test(aws_tells_it_in_milliseconds),
        cmocka_unit_test(an_error_reads_as_a_sentence),
        cmocka_unit_test(our_own_errors),
        cmocka_unit_test(kinds_as_errs),
        cmocka_unit_test(what_is_sent_again),
        cmocka_unit_test(how_long_it_waits),
    };
    struct CMUnitTest tests[ARRAY_LEN(fixed) + ARRAY_LEN(answer_cases)];
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        tests[n++] = fixed[i];
    for (size_t i = 0; i < ARRAY_LEN(answer_cases); i++)
        tests[n++] = (struct CMUnitTest){answer_cases[i].name, check_answer, NULL, NULL, &answer_cases[i]};
    return cmocka_run_group_tests_name("AWS errors", tests, NULL, NULL);
}
