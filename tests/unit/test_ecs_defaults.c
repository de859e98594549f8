/* ecs_defaults: the setting as JSON and as a file. */
#include "ecs_defaults.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "mem.h"

enum { TEXT_MAX = 1048576, PATH_SIZE = 64, TOO_LONG = 300000 };

struct setting_case {
    const char *name, *setting;
    const char *result; /* NULL: no options; "!...": it is refused, and this is in the text */
};

static struct setting_case cases[] = {
    {"not set", NULL, NULL},
    {"empty", "", NULL},
    {"an empty object", "{}", NULL},
    {"options", "{\"launchType\":\"FARGATE\"}", "{\"launchType\":\"FARGATE\"}"},
    {"no JSON", "FARGATE", "!ecs: line 1, column 1"},
    {"a bad member", "{\"tags\":[{\"key\":\"aws:x\"}]}", "!ecs.tags.0.key: May have letters"},
    {"a cluster", "{\"cluster\":\"c\"}", "!ECSS_ECS_CLUSTER"},
    {"a revision", "{\"revision\":3}", "!has a revision"},
    {"a file that is not there", "@/nonexistent/ecs.json",
     "!/nonexistent/ecs.json cannot be read: No such file"},
    {"a folder", "@/", "!/ cannot be read: Is a directory"},
};

static void check(void **state)
{
    const struct setting_case *c = *state;
    AUTO_JSON struct json_object *ecs = NULL;
    AUTO_BUF struct buf text = {0};
    struct err err = {0};
    bool good = ecs_defaults_read(c->setting, &ecs, &err);

    assert_int_equal(ecs_defaults_check(c->setting, NULL), good);
    if (!good) {
        assert_true(c->result != NULL && c->result[0] == '!');
        if (strstr(err.text, c->result + 1) == NULL)
            fail_msg("%s", err.text);
        return;
    }
    buf_init(&text, TEXT_MAX);
    if (ecs != NULL)
        json_put_value(&text, ecs);
    assert_string_equal(text.data, c->result == NULL ? "" : c->result);
}

static bool read_from_file(const char *contents, struct json_object **ret, struct err *err)
{
    char path[PATH_SIZE] = "@/tmp/ecss-defaults-XXXXXX";
    int fd = mkstemp(path + 1);
    bool good;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, contents, strlen(contents)), strlen(contents));
    close(fd);
    good = ecs_defaults_read(path, ret, err);
    unlink(path + 1);
    return good;
}

static void a_file_has_them(void **state UNUSED)
{
    AUTO_JSON struct json_object *ecs = NULL;
    AUTO_FREE char *blanks = mem_alloc(TOO_LONG + 1);
    struct json_object *none = NULL;
    struct err err = {0};

    assert_true(read_from_file("{\n  \"group\": \"g\"\n}\n", &ecs, &err));
    assert_non_null(ecs);
    assert_false(read_from_file("{\"grup\": \"g\"}", &none, &err));
    assert_non_null(strstr(err.text, "ecs.grup: Unknown field; there are"));
    assert_non_null(strstr(err.text, "@/tmp/ecss-defaults-"));
    memset(blanks, ' ', TOO_LONG);
    assert_false(read_from_file(blanks, &none, &err));
    assert_non_null(strstr(err.text, "more than"));
    assert_null(none);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(cases) + 1] = {cmocka_unit_test(a_file_has_them)};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        tests[1 + i] = (struct CMUnitTest){cases[i].name, check, NULL, NULL, &cases[i]};
    return cmocka_run_group_tests_name("ecs_defaults", tests, NULL, NULL);
}
