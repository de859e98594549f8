/* See route.h. */
#include "route.h"

#include <string.h>
#include <strings.h>

#include "attr.h"

static const struct {
    const char *name;
    enum method method;
} methods[] = {
    /* In the order of Allow. */
    {"DELETE", METHOD_DELETE}, {"GET", METHOD_GET},   {"HEAD", METHOD_GET}, {"OPTIONS", METHOD_GET},
    {"PATCH", METHOD_PATCH},   {"POST", METHOD_POST}, {"PUT", METHOD_PUT},
};

bool route_method(const char *name, enum method *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (strcmp(name, methods[i].name) == 0 && strcmp(name, "OPTIONS") != 0) {
            *ret = methods[i].method;
            return true;
        }
    }
    return false;
}

bool route_matches(const char *pattern, const char *path, struct route_match *ret)
{
    const char *open = strchr(pattern, '{'), *rest;
    size_t before, len;

    if (open == NULL) {
        ret->param = NULL;
        return strcmp(pattern, path) == 0;
    }
    before = (size_t)(open - pattern);
    if (strncmp(pattern, path, before) != 0)
        return false;
    len = strcspn(path + before, "/");
    rest = strchr(open, '}') + 1;
    if (len == 0 || strcmp(rest, path + before + len) != 0)
        return false;
    ret->param = path + before;
    ret->param_len = len;
    return true;
}

/* A path that stands in the table as it is stands for nothing else. */
static bool is_literal(const struct router *router, const char *path)
{
    for (size_t i = 0; i < router->count; i++)
        if (strcmp(router->routes[i].pattern, path) == 0)
            return true;
    return false;
}

/* Whether the route has this path; literal: no other route's pattern has it. */
static bool has_path(const struct route *route, const char *path, bool literal, struct route_match *ret)
{
    return (!literal || strchr(route->pattern, '{') == NULL) && route_matches(route->pattern, path, ret);
}

bool route_find(const struct router *router, const char *method, const char *path, struct route_match *ret)
{
    enum method wanted;
    bool known = route_method(method, &wanted), found = false, literal = is_literal(router, path);

    ret->route = NULL;
    for (size_t i = 0; i < router->count; i++) {
        if (!has_path(&router->routes[i], path, literal, ret))
            continue;
        found = true;
        if (known && router->routes[i].method == wanted) {
            ret->route = &router->routes[i];
            return true;
        }
    }
    return found;
}

static bool has(const struct router *router, const char *path, enum method method)
{
    struct route_match unused;
    bool literal = is_literal(router, path);

    for (size_t i = 0; i < router->count; i++)
        if (router->routes[i].method == method &&
            (strcmp(path, "*") == 0 || has_path(&router->routes[i], path, literal, &unused)))
            return true;
    return false;
}

void route_put_allow(const struct router *router, const char *path, struct buf *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (strcmp(methods[i].name, "OPTIONS") == 0 || has(router, path, methods[i].method))
            buf_printf(ret, "%s%s", ret->len > 0 ? ", " : "", methods[i].name);
}

static bool is_media_type(const char *content_type, const char *wanted)
{
    size_t len = strlen(wanted);
    const char *rest;

    if (content_type == NULL || strncasecmp(content_type, wanted, len) != 0)
        return false;
    rest = content_type + len;
    rest += strspn(rest, " \t");
    return *rest == '\0' || *rest == ';';
}

bool route_is_json(const char *content_type)
{
    return is_media_type(content_type, "application/json");
}

bool route_is_ndjson(const char *content_type)
{
    return is_media_type(content_type, "application/x-ndjson");
}
