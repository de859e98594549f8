/* buf: growth, the maximum, and what stays of it. */
#include "buf.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

static void grows_and_terminates(void **state)
{
    AUTO_BUF struct buf buf;

    (void)state;
    buf_init(&buf, 100000);
    for (int i = 0; i < 10000; i++)
        buf_printf(&buf, "%d,", i % 10);
    assert_int_equal(buf.len, 20000);
    assert_int_equal(strlen(buf.data), 20000);
    assert_false(buf_full(&buf));
}

static void stops_at_the_maximum(void **state)
{
    AUTO_BUF struct buf buf;

    (void)state;
    buf_init(&buf, 5);
    buf_puts(&buf, "abc");
    buf_puts(&buf, "def"); /* does not fit as a whole: nothing of it is kept */
    buf_puts(&buf, "g");   /* nor anything after it, lest the text have a hole */
    assert_string_equal(buf.data, "abc");
    assert_true(buf_full(&buf));
    buf_clear(&buf);
    buf_puts(&buf, "12345");
    assert_string_equal(buf.data, "12345");
    assert_false(buf_full(&buf));
}

static void long_formats_are_kept_whole(void **state)
{
    AUTO_BUF struct buf buf;
    char text[5000];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    buf_init(&buf, 10000);
    buf_printf(&buf, "<%s>", text);
    assert_int_equal(buf.len, sizeof text + 1);
    assert_int_equal(buf.data[buf.len - 1], '>');
}

static void consumes_from_the_front(void **state)
{
    AUTO_BUF struct buf buf;
    char *text;

    (void)state;
    buf_init(&buf, 100);
    buf_puts(&buf, "hello world");
    buf_consume(&buf, 6);
    text = buf_steal(&buf);
    assert_string_equal(text, "world");
    assert_int_equal(buf.len, 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_terminates),
        cmocka_unit_test(stops_at_the_maximum),
        cmocka_unit_test(long_formats_are_kept_whole),
        cmocka_unit_test(consumes_from_the_front),
    };

    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
