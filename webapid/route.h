/*
 * How a path and a method are held against a table of routes: what the router decides, without a request.
 */
#pragma once

#include "buf.h"
#include "router.h"

#include <stdbool.h>
#include <stddef.h>

struct route_match {
    const struct route *route; /* NULL: the path is known, but not with this method */
    const char *param;         /* what stands for {…}, as it is in the path; NULL: none */
    size_t param_len;
};

/* What a method's name stands for (HEAD is GET); false: it is none that a route can have. */
bool route_method(const char *name, enum method *ret);

/* Whether the pattern has this path. */
bool route_matches(const char *pattern, const char *path, struct route_match *ret);

/* Whether any route has this path (one that has it literally comes before those that have it by {…}); method
 * is as it was sent, HEAD finds GET. */
bool route_find(const struct router *router, const char *method, const char *path, struct route_match *ret);

/* The methods that a path has, as Allow lists them: "GET, HEAD, OPTIONS". path "*": those of all paths. */
void route_put_allow(const struct router *router, const char *path, struct buf *ret);

/* Whether a Content-Type is application/json, in any case and with any parameters. NULL: there is none. */
bool route_is_json(const char *content_type);
bool route_is_ndjson(const char *content_type); /* application/x-ndjson, likewise */
