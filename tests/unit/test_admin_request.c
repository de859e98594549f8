/* admin_request: what is asked, and why it is not answered. */
#include "admin_request.h"

#include "test.h"

#include <string.h>

#include "attr.h"

struct request_case {
    const char *name, *text;
    int status;
    enum admin_page page;
    bool is_head;
    enum metrics_format format;
};

#define OPEN "application/openmetrics-text"

static struct request_case cases[] = {
    {"nothing", "", .status = ADMIN_MORE},
    {"half a line", "GET /met", .status = ADMIN_MORE},
    {"no blank line yet", "GET /metrics HTTP/1.1\r\nHost: x\r\n", .status = ADMIN_MORE},
    {"live", "GET /health/live HTTP/1.1\r\n\r\n", .status = 200, .page = ADMIN_LIVE},
    {"ready, with headers", "GET /health/ready HTTP/1.0\r\nHost: x\r\nX: y\r\n\r\n", .status = 200,
     .page = ADMIN_READY},
    {"metrics", "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", .status = 200, .page = ADMIN_METRICS},
    {"a query does not count", "GET /metrics?a=b HTTP/1.1\r\n\r\n", .status = 200, .page = ADMIN_METRICS},
    {"HEAD", "HEAD /metrics HTTP/1.1\r\n\r\n", .status = 200, .page = ADMIN_METRICS, .is_head = true},
    {"OpenMetrics", "GET /metrics HTTP/1.1\r\naccept: " OPEN "\r\n\r\n", .status = 200, .page = ADMIN_METRICS,
     .format = METRICS_OPENMETRICS},
    {"an empty Accept", "GET /metrics HTTP/1.1\r\nAccept:\r\n\r\n", .status = 200, .page = ADMIN_METRICS},
    {"a header that begins alike", "GET /metrics HTTP/1.1\r\nAccept-X: " OPEN "\r\n\r\n", .status = 200,
     .page = ADMIN_METRICS},
    {"what follows is not looked at", "GET /metrics HTTP/1.1\r\n\r\nAccept: " OPEN "\r\n\r\n", .status = 200,
     .page = ADMIN_METRICS},
    {"another path", "GET /metric HTTP/1.1\r\n\r\n", .status = 404},
    {"a path that begins alike", "GET /metrics/ HTTP/1.1\r\n\r\n", .status = 404},
    {"another method", "POST /metrics HTTP/1.1\r\n\r\n", .status = 405},
    {"no version", "GET /metrics\r\n\r\n", .status = 400},
    {"another version", "GET /metrics HTTP/2.0\r\n\r\n", .status = 400},
    {"a blank too many", "GET /metrics  HTTP/1.1\r\n\r\n", .status = 400},
    {"an empty line", "\r\n\r\n", .status = 400},
    {"TLS", "\x16\x03\x01\x02\r\n\r\n", .status = 400},
};

static void check(void **state)
{
    const struct request_case *c = *state;
    struct admin_request request = {.page = ADMIN_LIVE};

    assert_int_equal(admin_request_read(c->text, strlen(c->text), &request), c->status);
    if (c->status != 200)
        return;
    assert_int_equal(request.page, c->page);
    assert_int_equal(request.is_head, c->is_head);
    assert_int_equal(request.format, c->format);
}

/* Fed byte by byte, nothing is said until the head is whole, and the end of the memory is not passed. */
static void whole_or_nothing(void **state)
{
    static const char text[] = "GET /metrics HTTP/1.1\r\nAccept: text/plain\r\n\r\n";
    struct admin_request request;

    (void)state;
    for (size_t len = 0; len < sizeof text - 1; len++) {
        char *copy = test_malloc(len + 1);

        memcpy(copy, text, len);
        assert_int_equal(admin_request_read(copy, len, &request), ADMIN_MORE);
        test_free(copy);
    }
}

/* Without the NUL. */
static void put(char *at, const char *text)
{
    while (*text != '\0')
        *at++ = *text++;
}

static void too_long(void **state)
{
    static char text[ADMIN_HEAD_MAX + 64];
    struct admin_request request;

    (void)state;
    memset(text, 'a', sizeof text);
    put(text, "GET /metrics HTTP/1.1\r\nAccept: ");
    assert_int_equal(admin_request_read(text, ADMIN_HEAD_MAX - 1, &request), ADMIN_MORE);
    assert_int_equal(admin_request_read(text, ADMIN_HEAD_MAX, &request), 431);
    put(text + ADMIN_HEAD_MAX, "\r\n\r\n");
    assert_int_equal(admin_request_read(text, ADMIN_HEAD_MAX + 4, &request), 431);
    put(text + ADMIN_HEAD_MAX - 5, "\r\n\r\n");
    assert_int_equal(admin_request_read(text, ADMIN_HEAD_MAX + 4, &request), 200);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(cases) + 2];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        tests[i] = (struct CMUnitTest){cases[i].name, check, NULL, NULL, &cases[i]};
    tests[ARRAY_LEN(cases)] = (struct CMUnitTest)cmocka_unit_test(whole_or_nothing);
    tests[ARRAY_LEN(cases) + 1] = (struct CMUnitTest)cmocka_unit_test(too_long);
    return cmocka_run_group_tests_name("admin_request", tests, NULL, NULL);
}
