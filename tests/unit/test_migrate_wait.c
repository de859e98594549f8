/* migrate_wait: what is news, and what the status says of it. */
#include "migrate_wait.h"

#include "test.h"

#include "attr.h"

static const struct step {
    const char *what;
    enum migrate_state state;
    const char *why; /* NULL: no words */
    bool news;
    const char *text;
} steps[] = {
    {"it is there", MIGRATE_CURRENT, NULL, false, "waits for the database"},
    {"it has gone", MIGRATE_UNREACHABLE, "the connection was lost", true, "waits for the database"},
    {"it is back, and somebody is about to migrate it", MIGRATE_OLDER, "version 1, and needs 2", true,
     "waits for webapid --migrate"},
    {"likewise", MIGRATE_OLDER, "version 1, and needs 2", false, "waits for webapid --migrate"},
    {"there is less of it now", MIGRATE_OLDER, "version 0, and needs 2", true, "waits for webapid --migrate"},
    {"it may not be read", MIGRATE_UNREADABLE, "permission denied", true,
     "cannot read the schema: its log says why"},
    {"likewise", MIGRATE_UNREADABLE, "permission denied", false, "cannot read the schema: its log says why"},
    {"for another reason", MIGRATE_UNREADABLE, "lock timeout", true,
     "cannot read the schema: its log says why"},
    {"it may be read, at last", MIGRATE_CURRENT, NULL, true, "waits for the database"},
    {"it may not, again", MIGRATE_UNREADABLE, "lock timeout", true,
     "cannot read the schema: its log says why"},
    {"no words are as good as none", MIGRATE_CURRENT, "", true, "waits for the database"},
    {"likewise", MIGRATE_CURRENT, NULL, false, "waits for the database"},
};

static void each_step(void **state)
{
    struct migrate_wait wait = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct err err = {0};

        print_message("%s\n", steps[i].what);
        if (steps[i].why != NULL)
            err_set(&err, ERR_UNAVAILABLE, "%s", steps[i].why);
        assert_int_equal(migrate_wait_note(&wait, steps[i].state, steps[i].why == NULL ? NULL : &err),
                         steps[i].news);
        assert_string_equal(migrate_wait_text(&wait), steps[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_step)};

    return cmocka_run_group_tests_name("migrate_wait", tests, NULL, NULL);
}
