/* problem and request_id: the body of an error, and the names of requests. */
#include "problem.h"

#include "test.h"

#include <string.h>

#include "json.h"
#include "request_id.h"

static void message_and_id(void **state)
{
    AUTO_BUF struct buf body = {0};

    (void)state;
    buf_init(&body, 1024);
    problem_put(&body, "r-1", "It is \"so\".");
    assert_string_equal(body.data, "{\"message\":\"It is \\\"so\\\".\",\"requestId\":\"r-1\"}");
}

static void fields_and_id(void **state)
{
    static const char text[] = "{\"a\":[\"b\"]}";
    AUTO_BUF struct buf body = {0};
    AUTO_JSON struct json_object *messages = NULL;

    (void)state;
    buf_init(&body, 1024);
    assert_true(json_parse(text, strlen(text), &messages, NULL));
    problem_put_fields(&body, "r-1", messages);
    assert_string_equal(body.data, "{\"messages\":{\"a\":[\"b\"]},\"requestId\":\"r-1\"}");
}

static void names_of_clients(void **state)
{
    char longest[REQUEST_ID_MAX + 2];

    (void)state;
    memset(longest, 'x', sizeof longest);
    longest[REQUEST_ID_MAX + 1] = '\0';
    assert_false(request_id_is_valid(longest));
    longest[REQUEST_ID_MAX] = '\0';
    assert_true(request_id_is_valid(longest));
    assert_true(request_id_is_valid("0aZ-_."));
    assert_false(request_id_is_valid("") || request_id_is_valid("a b") || request_id_is_valid("a\"") ||
                 request_id_is_valid("\xC3\xA9") || request_id_is_valid("a\n"));
}

static void names_of_ours(void **state)
{
    char one[REQUEST_ID_SIZE], other[REQUEST_ID_SIZE];

    (void)state;
    request_id_make(one);
    request_id_make(other);
    assert_int_equal(strlen(one), 16);
    assert_true(request_id_is_valid(one));
    assert_string_not_equal(one, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_and_id),
        cmocka_unit_test(fields_and_id),
        cmocka_unit_test(names_of_clients),
        cmocka_unit_test(names_of_ours),
    };

    return cmocka_run_group_tests_name("problem", tests, NULL, NULL);
}
