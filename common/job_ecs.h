/*
 * A job's options for RunTask: jobs.ecs, a JSON object whose members are named and shaped as in AWS's API.
 * Beside RunTask's own there are `revision`, of the task definition, and the overrides of the whole task
 * (`cpu`, `memory`, `ephemeralStorage`, `taskRoleArn`, `executionRoleArn`), which a client may also send
 * within `overrides` as RunTask has them, and which are kept without. What may be said of a container is in
 * job_overrides.h.
 *
 * Checked as far as it can be without knowing the task definition. Options are kept as JSON, since all that
 * is ever done with them is to hand them on.
 */
#pragma once

#include "attr.h"
#include "buf.h"
#include "err.h"
#include "job_report.h"

#include <stdbool.h>
#include <stddef.h>

struct json_object;

/* From what a client sent; complaints and warnings go below `at`. *ret is the caller's to release. */
bool job_ecs_from_json(const struct json_object *value, struct json_object **ret, const struct job_at *at);

/* From what jobs.ecs has, which somebody may have edited by hand. NULL, "", "null" and "{}" are no options:
 * *ret is NULL then. */
bool job_ecs_parse(const char *text, struct json_object **ret, struct err *err);

/* A job's options (own) over those of all jobs (base), each of which may be NULL. A member of own replaces
 * the one of base, and a null takes it away; but tags add up by key, and launchType and
 * capacityProviderStrategy replace each other. *ret is the caller's, NULL: no options. False: together they
 * break a rule; the err names the member. */
bool job_ecs_overlay(const struct json_object *base, const struct json_object *own, struct json_object **ret,
                     struct err *err);

/* Appends the members of RunTask that the options come to, each with a comma before it: all but cluster,
 * revision and those below. Options may be NULL. */
void job_ecs_put_request(struct buf *buf, const struct json_object *ecs);
/* Appends the members of RunTask's `overrides`, with commas between them. */
void job_ecs_put_overrides(struct buf *buf, const struct json_object *ecs);

/* The cluster, lent; fallback if the options name none. */
const char *job_ecs_cluster(const struct json_object *ecs, const char *fallback);
int job_ecs_revision(const struct json_object *ecs); /* 0: the newest */
