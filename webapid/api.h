/*
 * What the API serves: every route, and what its handlers keep per worker.
 */
#pragma once

#include "router.h"
#include "worker.h"

#include <stddef.h>

extern const struct route api_routes[];
extern const size_t api_route_count;

/* server_options' open and close. */
void *api_open(struct worker *worker);
void api_close(struct worker *worker);
