/*
 * What the API serves: every route, and what its handlers keep per worker.
 */
#pragma once

#include "err.h"
#include "router.h"
#include "worker.h"

#include <stdbool.h>
#include <stddef.h>

struct json_object;
struct zones;

extern const struct route api_routes[];
extern const size_t api_route_count;

/* server_options' open and close. */
void *api_open(struct worker *worker);
void api_close(struct worker *worker);

/* The worker's time zones. */
struct zones *api_zones(const struct request *rq);

/* The body as JSON, strictly; the caller's to release. The err says where it is none. */
bool api_read_body(const struct request *rq, struct json_object **ret, struct err *err);
