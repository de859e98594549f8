/* See router.h; what decides is in route.c. */
#include "router.h"

#include <string.h>

#include "access.h"
#include "cors.h"
#include "reply.h"
#include "request_internal.h"
#include "route.h"

enum { ALLOW_MAX = 128 };

static const char not_found[] =
    "The requested URL was not found on the server. If you entered the URL manually please"
    " check your spelling and try again.";

/* OPTIONS: Allow, and what a browser asks before it sends a request to another origin. */
static void answer_options(struct request *rq, const char *allow)
{
    const char *origin = framing_header(rq->framing, "Origin", 0, NULL);

    reply_header(rq, "Allow", allow);
    if (framing_header(rq->framing, "Access-Control-Request-Method", 0, NULL) != NULL &&
        cors_allow(rq->env->origins, origin) != NULL) {
        reply_header(rq, "Access-Control-Allow-Methods", allow);
        reply_header(rq, "Access-Control-Allow-Headers",
                     "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id");
        reply_header(rq, "Access-Control-Max-Age", "600");
    }
    reply_status(rq, 200);
}

/* The path is one of ours, but has no such method. */
static void answer_other(const struct router *router, struct request *rq)
{
    AUTO_BUF struct buf allow = {0};

    buf_init(&allow, ALLOW_MAX);
    route_put_allow(router, request_path(rq), &allow);
    if (strcmp(request_method_text(rq), "OPTIONS") == 0) {
        answer_options(rq, allow.data);
        return;
    }
    reply_header(rq, "Allow", allow.data);
    reply_message(rq, 405, "The method is not allowed for the requested URL.");
}

/* A browser asks by OPTIONS without a token, and learns nothing that is not in the documents. */
static bool is_open(const struct route *route, const char *method)
{
    return (route != NULL && (route->flags & ROUTE_OPEN)) || strcmp(method, "OPTIONS") == 0;
}

/* No route: reading, as all that is answered is that there is none. */
static enum token_scope scope_of(const struct route *route)
{
    bool reads = route == NULL || route->method == METHOD_GET || (route->flags & ROUTE_READ);

    return reads ? TOKEN_READ : TOKEN_WRITE;
}

static bool admit(struct request *rq, const struct route *route)
{
    return is_open(route, request_method_text(rq)) || access_admit(rq, scope_of(route));
}

/* Without a body the request is there, and router_dispatch() answers on a connection that goes on. */
bool router_admit(const struct request_env *env, const struct guard *guard, struct framing *framing,
                  const char **challenge)
{
    const char *host = framing_header(framing, "Host", 0, NULL), *method = framing_method(framing);
    struct route_match match = {0};

    if (guard_local_only(guard) && host != NULL && !access_host_is_local(host)) {
        framing_refuse(framing, 421,
                       "Without tokens this address answers only to Host: localhost, 127.0.0.1 or [::1].");
        return false;
    }
    if (!framing_has_body(framing))
        return true;
    (void)route_find(&env->router, method, framing_path(framing), &match);
    return is_open(match.route, method) ||
           access_check(env, guard, framing, scope_of(match.route), challenge);
}

/* Who writes also reads: what it is to change, say. */
static bool has_database(const struct worker *worker, const struct route *route)
{
    return worker->can_read && (worker->can_write || route->method == METHOD_GET);
}

void router_dispatch(const struct router *router, struct request *rq)
{
    bool of_server = strcmp(request_path(rq), "*") == 0; /* OPTIONS *: about the server as a whole */
    struct route_match match = {0};
    bool found = of_server || route_find(router, request_method_text(rq), request_path(rq), &match);

    rq->route = match.route;
    if (!admit(rq, match.route))
        return;
    if (!found || (match.param != NULL && !request_set_param(rq, match.param, match.param_len)))
        reply_message(rq, 404, not_found);
    else if (match.route == NULL)
        answer_other(router, rq);
    else if (!request_set_query(rq))
        reply_message(rq, 400, "The query is not percent-encoded UTF-8.");
    else if ((match.route->flags & ROUTE_JSON) && !route_is_json(request_header(rq, "Content-Type")))
        reply_message(rq, 415, "Header Content-Type: application/json required to send a request body.");
    else if ((match.route->flags & ROUTE_LARGE) && !route_is_ndjson(request_header(rq, "Content-Type")))
        reply_message(rq, 415, "Header Content-Type: application/x-ndjson required: one JSON object a line.");
    else if ((match.route->flags & ROUTE_DB) && !has_database(request_worker(rq), match.route))
        reply_message(rq, 503, "The database cannot be reached; try again later.");
    else
        match.route->handler(rq);
}
