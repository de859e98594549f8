/*
 * What the API serves: every route, and what its handlers keep per worker.
 */
#pragma once

#include "buf.h"
#include "err.h"
#include "router.h"
#include "worker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct job_report;
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

/* What is said of one job, with its tag; and what a client hears that wrote one: id, link and warnings. */
enum { API_SAVED_MAX = 1024 * 1024 };
void api_reply_tagged(struct request *rq, int status, int64_t revision, const struct buf *body);
void api_reply_saved(struct request *rq, int status, const char *id, int64_t revision,
                     const struct job_report *report);
