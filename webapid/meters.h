/*
 * What webapid counts, for GET /metrics: the table, and who adds to what. All may be called from any worker,
 * and with NULL, which counts nothing.
 */
#pragma once

#include "metrics.h"
#include "router.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct meters;

/* The router's routes and the worker's numbers are labels. */
struct meters *meters_new(const struct router *router, int workers, int max_connections);
void meters_free(struct meters *meters); /* NULL is fine */

/* A request was answered, by a route of the router or, NULL, before one was found. */
void meters_answered(struct meters *meters, const struct route *route, int status, int64_t us);
/* A request was refused before it was one: it could not be read, or there are too many connections. */
void meters_refused(struct meters *meters, int status);
/* There are so many connections that one more was not even told so. */
void meters_dropped(struct meters *meters);

struct meters_worker {
    int worker;
    bool database_ready;
    size_t queries;  /* not answered yet */
    int connections; /* of all workers */
};
/* From each worker, now and then. */
void meters_look(struct meters *meters, const struct meters_worker *worker);

void meters_certificate(struct meters *meters, int64_t expires_s); /* of TLS */

const struct metrics *meters_metrics(const struct meters *meters);
