/*
 * What scheduld is made of, put together: leader, agenda and runner over one data connection, and AWS.
 *
 *     leader --on_lead, on_loss--> agenda --on_due--> runner ==> ECS, SQS
 *                                    \\________________/ ==> PostgreSQL
 *
 * It begins when the database is there and has the schema that this program knows; until then it waits, and
 * says so. Stopping lets the runner finish what is on its way, then hands over to a standby.
 */
#pragma once

#include "buf.h"
#include "err.h"

#include <stdbool.h>

struct event_base;
struct metrics;
struct scheduler;
struct settings;

struct scheduler_options {
    struct event_base *base; /* lent, as all here */
    const struct settings *settings;
    /* The database has a schema that this program is not made for: no use to go on. From the loop, once. */
    void (*on_schema)(void *arg, const struct err *err);
    /* What scheduler_status() says is another thing now. From the loop; NULL: nobody cares. */
    void (*on_status)(void *arg);
    void *arg;
};

/* ERR_INVALID: settings, AWS's or the database's URL, make no sense. */
struct scheduler *scheduler_new(const struct scheduler_options *options, struct err *err);
void scheduler_free(struct scheduler *scheduler); /* NULL is fine; not from a callback of its */

/* In a line for people: whether it leads, how many jobs are armed, and when the next one is due. */
void scheduler_status(const struct scheduler *scheduler, struct buf *ret);

/* As JSON, for /health/ready (health.h); whether it is. */
bool scheduler_health(const struct scheduler *scheduler, struct buf *ret);
/* What is counted (meters.h), as of now; lent. */
const struct metrics *scheduler_measure(struct scheduler *scheduler);

/* In order; done comes once, from the loop. */
void scheduler_stop(struct scheduler *scheduler, void (*done)(void *arg), void *arg);
