/* aws_advice: what a person is told to do about an error of AWS. */
#include "aws_advice.h"

#include "test.h"

#include <string.h>

static struct advice_case {
    const char *name;
    enum aws_error_kind kind;
    int status;
    const char *code, *message;
    const char *advice; /* begins with it; "": none */
} advice_cases[] = {
    {"denied", AWS_REFUSED, 400, "AccessDeniedException", "User x",
     "Allow ecs:ListTasks on the cluster to arn:me; "},
    {"no cluster", AWS_REFUSED, 400, "ClusterNotFoundException", "Cluster not found.",
     "Check ECSS_ECS_CLUSTER (prod), the region (eu-west-1) and the account"},
    {"expired", AWS_AUTH, 400, "ExpiredTokenException", "", "Temporary keys that were written down end here"},
    {"unknown keys", AWS_AUTH, 400, "UnrecognizedClientException", "",
     "AWS does not know this access key in region eu-west-1"},
    {"a signature", AWS_AUTH, 403, "InvalidSignatureException", "", "The secret access key does not belong"},
    {"no name", AWS_RETRYABLE, 0, "not sent", "Could not resolve host: ecs.eu-west-1.amazonaws.com",
     "Either there is no region eu-west-1, or names cannot be resolved"},
    {"no trust", AWS_RETRYABLE, 0, "not sent", "SSL certificate problem: self-signed certificate",
     "Who answers is not trusted"},
    {"no way", AWS_RETRYABLE, 0, "not sent", "Connection timed out", "Nothing was sent."},
    {"no answer", AWS_UNKNOWN, 0, "no answer", "Operation timed out", "Something took the connection"},
    {"throttled", AWS_THROTTLED, 400, "ThrottlingException", "",
     "The way to AWS and the credentials are good"},
    {"ill", AWS_RETRYABLE, 503, "HTTP 503", "", "The way to AWS and the credentials are good"},
    {"a proxy", AWS_RETRYABLE, 403, "HTTP 403", "<html>", "That is no answer of AWS's"},
    {"something else", AWS_REFUSED, 400, "InvalidParameterException", "Identifier is too long", ""},
};

static void check_advice(void **state)
{
    const struct advice_case *c = *state;
    const struct aws_advice_about about = {"ecs:ListTasks", "prod", "eu-west-1", "arn:me"};
    AUTO_AWS_ERROR struct aws_error error = {0};
    AUTO_BUF struct buf buf;

    aws_error_set(&error, c->kind, c->code, "%s", c->message);
    error.status = c->status;
    buf_init(&buf, 1000);
    aws_advice_put(&buf, &error, &about);
    if (strncmp(buf.data, c->advice, strlen(c->advice)) != 0 || (c->advice[0] == '\0' && buf.len > 0))
        fail_msg("%s", buf.data);
}

static void nobody_knows_who_asks(void **state)
{
    const struct aws_advice_about about = {"ecs:ListTasks", "prod", "eu-west-1", NULL};
    AUTO_AWS_ERROR struct aws_error error = {0};
    AUTO_BUF struct buf buf;

    (void)state;
    aws_error_set(&error, AWS_REFUSED, "AccessDeniedException", "no");
    buf_init(&buf, 1000);
    aws_advice_put(&buf, &error, &about);
    assert_non_null(strstr(buf.data, "to the identity that these credentials are of"));
}

static void clusters(void **state)
{
    static const struct {
        const char *cluster, *advice;
    } rows[] = {
        {"prod", ""},
        {"arn:aws:ecs:eu-west-1:123456789012:cluster/prod", ""},
        {"arn:aws:ecs:eu-west-2:123456789012:cluster/prod",
         "The cluster is in region eu-west-2, but calls go to eu-west-1: set AWS_REGION to the cluster's "
         "region"},
        {"arn:aws:ecs:eu-west-11:1:cluster/prod", "The cluster is in region eu-west-11, but calls go to "
                                                  "eu-west-1: set AWS_REGION to the cluster's region"},
        {"arn:aws", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_BUF struct buf buf;

        buf_init(&buf, 1000);
        aws_advice_put_cluster(&buf, rows[i].cluster, "eu-west-1");
        assert_string_equal(buf.data, rows[i].advice);
    }
}

int main(void)
{
    enum { CASES = ARRAY_LEN(advice_cases) };
    struct CMUnitTest tests[CASES + 2];

    for (size_t i = 0; i < CASES; i++)
        tests[i] = (struct CMUnitTest){advice_cases[i].name, check_advice, NULL, NULL, &advice_cases[i]};
    tests[CASES] = (struct CMUnitTest)cmocka_unit_test(nobody_knows_who_asks);
    tests[CASES + 1] = (struct CMUnitTest)cmocka_unit_test(clusters);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
