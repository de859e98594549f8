/*
 * From method and path to the handler, by a table. From it also follow 404 for paths that nobody has, 405
 * with Allow, the answer to OPTIONS (also a preflight), HEAD by the GET handler, 415 and 503 while there is
 * no database. Before all of these, but for OPTIONS, comes access.h.
 *
 *     const struct route api_routes[] = {
 *         {METHOD_GET, "/jobs", jobs_list, ROUTE_DB},
 *         {METHOD_PUT, "/jobs/{id}", job_change, ROUTE_DB | ROUTE_JSON},
 *     };
 *
 * Paths match exactly, so `/jobs/` is another path than `/jobs`; {…} stands for one segment that is not
 * empty, and that is no literal segment of another route there.
 */
#pragma once

#include "request.h"

#include <stdbool.h>
#include <stddef.h>

typedef void route_fn(struct request *rq);

enum route_flags {
    ROUTE_DB = 1,   /* 503 with Retry-After unless the database is there, with the schema that we know */
    ROUTE_JSON = 2, /* takes a body: 415 unless the Content-Type is application/json */
    ROUTE_READ =
        4, /* changes nothing, whatever the method: the scope read is enough. GET needs no such flag */
    ROUTE_OPEN = 8,   /* for everybody, without a token */
    ROUTE_LARGE = 16, /* the body may have http_limits.import bytes, and is application/x-ndjson or 415 */
    ROUTE_BODY = 32,  /* takes a body of any type; without these three it is 413 from a few KiB on */
};

struct route {
    enum method method;
    const char *pattern; /* at most one {…} */
    route_fn *handler;
    unsigned flags;
};

struct router {
    const struct route *routes; /* lent */
    size_t count;
};

struct framing;
struct guard;
struct request_env;

/* Whether a request may go on, by its head, before its body is taken: the host that it means, and the token.
 * If not it has been refused (framing.h), with *challenge for WWW-Authenticate. */
bool router_admit(const struct request_env *env, const struct guard *guard, struct framing *framing,
                  const char **challenge);

/* Calls the handler, or answers itself. */
void router_dispatch(const struct router *router, struct request *rq);
