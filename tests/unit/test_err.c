/* err: kinds, context, and texts that are too long. */
#include "err.h"

#include "test.h"

#include <errno.h>
#include <string.h>

static void wraps_with_context(void **state)
{
    struct err err = {0};

    (void)state;
    assert_false(err_field(&err, "taskCount", "must be between 1 and %d", 50));
    assert_int_equal(err.kind, ERR_INVALID);
    assert_string_equal(err.field, "taskCount");
    err_wrap(&err, "job %s", "nightly");
    assert_string_equal(err.text, "job nightly: must be between 1 and 50");
    assert_int_equal(err.kind, ERR_INVALID);
}

static void adds_errno(void **state)
{
    struct err err = {0};

    (void)state;
    errno = ENOENT;
    err_errno(&err, ERR_NOT_FOUND, "open %s", "x");
    assert_string_equal(err.text, "open x: No such file or directory");
    assert_int_equal(errno, ENOENT);
}

static void cuts_at_a_character(void **state)
{
    struct err err = {0};
    char text[ERR_TEXT_SIZE + 10];

    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text + ERR_TEXT_SIZE - 2, "\xC3\xA9", 2); /* é over the cut */
    text[sizeof text - 1] = '\0';
    err_set(&err, ERR_INVALID, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_SIZE - 2);
}

static void null_is_fine(void **state)
{
    (void)state;
    assert_false(err_set(NULL, ERR_INVALID, "x"));
    assert_false(err_wrap(NULL, "x"));
    assert_false(err_errno(NULL, ERR_INVALID, "x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wraps_with_context),
        cmocka_unit_test(adds_errno),
        cmocka_unit_test(cuts_at_a_character),
        cmocka_unit_test(null_is_fine),
    };

    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
