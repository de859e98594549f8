/* aws_sts_codec: STS's forms and XML. */
#include "aws_sts_codec.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

#define KEYS(id, secret, token, expiration)                                                                  \
    "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n <AssumeRoleResult>"          \
    "<AssumedRoleUser><Arn>arn</Arn></AssumedRoleUser><Credentials>" id secret token expiration              \
    "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
#define ID "<AccessKeyId>ASIAX</AccessKeyId>"
#define SECRET "<SecretAccessKey>hush/+=</SecretAccessKey>"
#define TOKEN "<SessionToken>hush==</SessionToken>"
#define EXPIRES "<Expiration>2026-01-01T00:00:00Z</Expiration>"

enum { NEW_YEAR_2026_S = 1767225600 };

static void forms(void **state)
{
    AUTO_BUF struct buf form;

    (void)state;
    buf_init(&form, 1000);
    aws_form_put(&form, "Action", "AssumeRole");
    aws_form_put(&form, "RoleArn", "arn:aws:iam::1:role/a b");
    aws_form_put(&form, "X", "-_.~+=&%/\xc3\xa4\n");
    aws_form_put(&form, "Y", "");
    assert_string_equal(form.data, "Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa%20b"
                                   "&X=-_.~%2B%3D%26%25%2F%C3%A4%0A&Y=");
}

static struct xml_case {
    const char *xml, *text; /* of element A; NULL: there is none */
} xml_cases[] = {
    {"<A>x</A>", "x"},
    {"<r><A>x y</A><A>z</A></r>", "x y"},
    {"<A></A>", ""},
    {"<AA>n</AA><A>x</A>", "x"},
    {"<A>&lt;&amp;&gt;&quot;&apos;&amp;lt;</A>", "<&>\"'&lt;"},
    {"<A>&unknown; &</A>", "&unknown; &"},
    {"<A>x</A", NULL},
    {"<A>x", NULL},
    {"<A><B>x</B></A>", NULL},
    {"<A/>", NULL},
    {"<a>x</a>", NULL},
    {"", NULL},
    {"no xml", NULL},
};

static void elements(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(xml_cases); i++) {
        AUTO_FREE char *text = aws_xml_text(xml_cases[i].xml, strlen(xml_cases[i].xml), "A");

        if (xml_cases[i].text == NULL)
            assert_null(text);
        else
            assert_string_equal(text, xml_cases[i].text);
    }
}

static struct read_case {
    const char *xml;
    int64_t now_s;
    const char *error;
} read_cases[] = {
    {KEYS(ID, SECRET, TOKEN, EXPIRES), NEW_YEAR_2026_S - 1, NULL},
    {KEYS(ID, SECRET, TOKEN, EXPIRES), NEW_YEAR_2026_S,
     "the keys in the answer expired at 2026-01-01T00:00:00Z"},
    {KEYS("", SECRET, TOKEN, EXPIRES), 0, "the answer has no AccessKeyId"},
    {KEYS(ID, "", TOKEN, EXPIRES), 0, "the answer has no SecretAccessKey"},
    {KEYS(ID, SECRET, "", EXPIRES), 0, "the answer has no SessionToken"},
    {KEYS(ID, SECRET, TOKEN, ""), 0, "the answer has no Expiration"},
    {KEYS(ID, SECRET, "<SessionToken>hush hush</SessionToken>", EXPIRES), 0,
     "the session token has a character"},
    {KEYS(ID, SECRET, TOKEN, "<Expiration>hush</Expiration>"), 0, "the expiration is not a time"},
    {"{\"hush\": 1}", 0, "the answer has no AccessKeyId"},
};

static void answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(read_cases); i++) {
        const struct read_case *c = &read_cases[i];
        AUTO_AWS_KEYS struct aws_keys keys = {0};
        struct err err = {0};

        if (aws_sts_read(c->xml, strlen(c->xml), c->now_s, &keys, &err)) {
            assert_null(c->error);
            assert_string_equal(keys.secret, "hush/+=");
            assert_string_equal(keys.token, "hush==");
            assert_int_equal(keys.expires_s, NEW_YEAR_2026_S);
            continue;
        }
        if (c->error == NULL || strstr(err.text, c->error) == NULL)
            fail_msg("%s", err.text);
        assert_null(strstr(err.text, "hush"));
    }
}

static struct error_case {
    int status;
    const char *xml;
    enum aws_error_kind kind;
    const char *text;
} error_cases[] = {
    {403,
     "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User &lt;x&gt; may "
     "not</Message>"
     "</Error><RequestId>r-1</RequestId></ErrorResponse>",
     AWS_REFUSED, "AccessDenied: User <x> may not (HTTP 403, request r-1)"},
    {400, "<Error><Code>ExpiredTokenException</Code><Message>Token expired</Message></Error>", AWS_AUTH,
     "ExpiredTokenException: Token expired (HTTP 400)"},
    {400, "<Error><Code>IDPCommunicationError</Code><Message>later</Message></Error>", AWS_RETRYABLE,
     "IDPCommunicationError: later (HTTP 400)"},
    {400, "<Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error>", AWS_THROTTLED,
     "Throttling: Rate exceeded (HTTP 400)"},
    {403,
     "<Error><Code>SignatureDoesNotMatch</Code><Message>It does not match. The Canonical String "
     "hush</Message></Error>",
     AWS_AUTH, "SignatureDoesNotMatch: It does not match. (HTTP 403)"},
    {503, "<html>no</html>", AWS_RETRYABLE, "HTTP 503: <html>no</html> (HTTP 503)"},
};

static void errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(error_cases); i++) {
        AUTO_AWS_ERROR struct aws_error error = {0};
        char text[1024];

        aws_sts_error(error_cases[i].status, error_cases[i].xml, strlen(error_cases[i].xml), &error);
        assert_int_equal(error.kind, error_cases[i].kind);
        assert_string_equal(aws_error_text(&error, text, sizeof text), error_cases[i].text);
    }
}

static void session_names(void **state)
{
    char name[STS_SESSION_NAME_MAX + 1];

    (void)state;
    aws_sts_session_name("host.example", name);
    assert_string_equal(name, "ecs-scheduler-host.example");
    aws_sts_session_name("h\xc3\xa4:/ x", name);
    assert_string_equal(name, "ecs-scheduler-h-----x");
    aws_sts_session_name("a-name-of-a-host-that-is-longer-than-what-sts-takes-for-a-session", name);
    assert_int_equal(strlen(name), STS_SESSION_NAME_MAX);
    assert_true(aws_sts_is_session_name(name));
    assert_true(aws_sts_is_session_name("me@host,x=1.+-_"));
    assert_false(aws_sts_is_session_name("x"));
    assert_false(aws_sts_is_session_name(""));
    assert_false(aws_sts_is_session_name("a b"));
    assert_false(
        aws_sts_is_session_name("12345678901234567890123456789012345678901234567890123456789012345"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),  cmocka_unit_test(elements),      cmocka_unit_test(answers),
        cmocka_unit_test(errors), cmocka_unit_test(session_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
