/* hex: bytes as text. */
#include "hex.h"

#include "test.h"

#include <string.h>

static void each_byte_is_two_digits(void **state)
{
    static const unsigned char bytes[] = {0x00, 0x09, 0x0a, 0x1f, 0x80, 0xff};
    char out[2 * sizeof bytes + 2];

    (void)state;
    memset(out, '#', sizeof out);
    hex_put(bytes, sizeof bytes, out);
    assert_string_equal(out, "00090a1f80ff");
    assert_int_equal(out[sizeof out - 1], '#');
}

static void of_nothing_it_is_empty(void **state)
{
    char out[2] = "##";

    (void)state;
    hex_put((const unsigned char *)"", 0, out);
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_byte_is_two_digits),
        cmocka_unit_test(of_nothing_it_is_empty),
    };

    return cmocka_run_group_tests_name("hex", tests, NULL, NULL);
}
