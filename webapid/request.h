/*
 * One request, as its handler sees it: whole, checked by the guard, decoded.
 *
 * It is the handler's from the call of the handler until the handler's answer, which is one call of reply.h,
 * at once or later from the worker's loop (a callback of the database, say). Every handler answers exactly
 * once on each way, also if the client has gone or the request's deadline has answered 503 instead: then the
 * answer goes nowhere, but it is what frees the request. Nothing of the request may be touched after that
 * call.
 *
 *     static void on_row(void *arg, const struct db_result *result, const struct err *err)
 *     {
 *         struct request *rq = arg;
 *
 *         if (err != NULL)
 *             return reply_db_err(rq, err);
 *         ...
 *     }
 */
#pragma once

#include "worker.h"

#include <stdbool.h>
#include <stddef.h>

struct request;

enum method {
    METHOD_GET, /* also HEAD: the answer's body is left away by reply.c */
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
};

/* What stood in the path where the route's pattern has {…}: percent-decoded, UTF-8, never empty, without NUL
 * and slash, of any length that a URI may have. NULL for a route without. */
const char *request_param(const struct request *rq);

/* The value of a name in the query, percent-decoded, `+` is a space; "" if it stands there without a value;
 * NULL if it is not there. Of a name that is there twice, the first. Never with a NUL; UTF-8. */
const char *request_query(const struct request *rq, const char *name);

/* Any case; NULL if it is not there. Of a name that is there twice the values are joined by commas, as HTTP
 * has it. */
const char *request_header(struct request *rq, const char *name);

/* Ends with a NUL that does not count, and may have others inside. "" if there is none. */
const char *request_body(const struct request *rq, size_t *len);

/* Its name in answers and logs: request_id.h. */
const char *request_id(const struct request *rq);
/* The path as it was sent, without the query. */
const char *request_path(const struct request *rq);
struct worker *request_worker(const struct request *rq);
/* Who asks, for jobs.updated_by: "token:NAME", or "api" where no token is asked for. */
const char *request_by(const struct request *rq);

/* Whether somebody still waits: false when the client is known to have gone or was answered by the deadline.
 * Only to save work; the answer is due all the same. */
bool request_is_awaited(const struct request *rq);

/* The deadline for the answer begins anew: for a handler whose work is long, but moves. */
void request_more_time(struct request *rq);

/* Something of the handler's to go with the request; freed by free_fn, if that is not NULL, after the answer.
 */
void request_keep(struct request *rq, void *state, void (*free_fn)(void *state));
void *request_kept(const struct request *rq);
