/* idempotency: what can be a key, and what stands for a body. */
#include "idempotency.h"

#include "test.h"

#include <string.h>

#include "mem.h"

static void keys(void **state)
{
    AUTO_FREE char *longest = mem_alloc(IDEMPOTENCY_KEY_MAX + 1),
                   *longer = mem_alloc(IDEMPOTENCY_KEY_MAX + 2);
    const char *const good[] = {"a", "\"quoted\"", "8e03978e-40d5-43dd-bc93-6894a57f9324", "!~", longest};
    const char *const bad[] = {"", " ", "a b", "a\t", "\x7f", "\xc3\xa4", longer};
    struct err err = {0};

    (void)state;
    memset(longest, 'k', IDEMPOTENCY_KEY_MAX);
    memset(longer, 'k', IDEMPOTENCY_KEY_MAX + 1);
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(idempotency_check(good[i], &err));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(idempotency_check(bad[i], &err));
        assert_int_equal(err.kind, ERR_INVALID);
    }
}

static void a_body_is_its_sha256(void **state)
{
    char out[IDEMPOTENCY_REQUEST_SIZE];

    (void)state;
    idempotency_request("abc", 3, out);
    assert_string_equal(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    idempotency_request("", 0, out);
    assert_string_equal(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys),
        cmocka_unit_test(a_body_is_its_sha256),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
