/* route: paths and methods against a table; media types; which origins may read. */
#include "route.h"

#include "test.h"

#include <string.h>

#include "cors.h"

static void unused(struct request *rq UNUSED)
{
}

static const struct route routes[] = {
    {METHOD_GET, "/", unused, 0},
    {METHOD_GET, "/jobs", unused, 0},
    {METHOD_POST, "/jobs", unused, 0},
    {METHOD_PUT, "/jobs/{id}", unused, 0},
    {METHOD_GET, "/jobs/{id}/fire-times", unused, 0},
    {METHOD_GET, "/jobs/export", unused, 0},
};
static const struct router router = {routes, ARRAY_LEN(routes)};

struct find_case {
    const char *name, *method, *path;
    int index;         /* in routes; -1: the path is known, the method is not; -2: the path is not known */
    const char *param; /* NULL: none */
};

static struct find_case finds[] = {
    {"the root", "GET", "/", 0, NULL},
    {"a plain path", "POST", "/jobs", 2, NULL},
    {"HEAD is GET", "HEAD", "/jobs", 1, NULL},
    {"a parameter", "PUT", "/jobs/a%20b", 3, "a%20b"},
    {"a parameter in the middle", "GET", "/jobs/x/fire-times", 4, "x"},
    {"a literal path", "GET", "/jobs/export", 5, NULL},
    {"a literal path is no parameter", "PUT", "/jobs/export", -1, NULL},
    {"another method", "DELETE", "/jobs", -1, NULL},
    {"a method that nobody has", "BREW", "/jobs/x", -1, NULL},
    {"a method in lower case", "get", "/jobs", -1, NULL},
    {"OPTIONS is nobody's", "OPTIONS", "/jobs", -1, NULL},
    {"no prefix matches", "GET", "/jobsXYZ", -2, NULL},
    {"a slash at the end", "GET", "/jobs/", -2, NULL},
    {"a slash at the end of a parameter", "PUT", "/jobs/x/", -2, NULL},
    {"an empty parameter", "GET", "/jobs//fire-times", -2, NULL},
    {"something behind", "GET", "/jobs/x/fire-times/y", -2, NULL},
    {"two slashes", "GET", "//", -2, NULL},
    {"another case", "GET", "/Jobs", -2, NULL},
};

static void check_find(void **state)
{
    const struct find_case *c = *state;
    struct route_match match = {0};

    assert_int_equal(route_find(&router, c->method, c->path, &match), c->index != -2);
    assert_ptr_equal(match.route, c->index < 0 ? NULL : &routes[c->index]);
    if (c->param != NULL) {
        assert_int_equal(match.param_len, strlen(c->param));
        assert_memory_equal(match.param, c->param, match.param_len);
    }
}

static void allow_lists_what_there_is(void **state)
{
    AUTO_BUF struct buf allow = {0};

    (void)state;
    buf_init(&allow, 128);
    route_put_allow(&router, "/jobs", &allow);
    assert_string_equal(allow.data, "GET, HEAD, OPTIONS, POST");
    buf_clear(&allow);
    route_put_allow(&router, "/jobs/x", &allow);
    assert_string_equal(allow.data, "OPTIONS, PUT");
    buf_clear(&allow);
    route_put_allow(&router, "*", &allow);
    assert_string_equal(allow.data, "GET, HEAD, OPTIONS, POST, PUT");
}

static void media_types(void **state)
{
    static const char *const good[] = {"application/json", "Application/JSON",
                                       "application/json; charset=utf-8", "application/json ;x",
                                       "application/json;"};
    static const char *const bad[] = {"text/plain",
                                      "",
                                      "application/jsonp",
                                      "application/json-patch+json",
                                      "application/vnd.api+json",
                                      "application/json, text/plain"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!route_is_json(good[i]))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (route_is_json(bad[i]))
            fail_msg("%s", bad[i]);
    assert_false(route_is_json(NULL));
}

static void origins(void **state)
{
    static const char *const some[] = {"https://a.example", "http://b.example:8080", NULL};
    static const char *const all[] = {"*", NULL}, *const none[] = {NULL};

    (void)state;
    assert_string_equal(cors_allow(some, "http://b.example:8080"), "http://b.example:8080");
    assert_null(cors_allow(some, "http://a.example"));
    assert_null(cors_allow(some, "https://a.example.evil"));
    assert_null(cors_allow(some, NULL));
    assert_string_equal(cors_allow(all, "http://c.example"), "*");
    assert_string_equal(cors_allow(all, NULL), "*");
    assert_null(cors_allow(none, "http://c.example"));
    assert_null(cors_allow(NULL, "http://c.example"));
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(finds) + 3] = {
        cmocka_unit_test(allow_lists_what_there_is),
        cmocka_unit_test(media_types),
        cmocka_unit_test(origins),
    };

    for (size_t i = 0; i < ARRAY_LEN(finds); i++)
        tests[i + 3] = (struct CMUnitTest){finds[i].name, check_find, NULL, NULL, &finds[i]};
    return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
