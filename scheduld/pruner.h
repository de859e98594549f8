/*
 * Deletes runs that are older than they are kept for, and traces of deleted jobs that nobody looks for any
 * more.
 *
 * In steps of some thousand rows, each a transaction of its own, with a pause after each that is a multiple
 * of what the step took; on a connection of its own, which is open only meanwhile. So planning never waits
 * for it, and VACUUM keeps up. Runs that are being launched are never deleted, whatever their age.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct pruner;

enum {
    PRUNER_PASS_DEFAULT_MS = 600000,
    PRUNER_STEP_DEFAULT_ROWS = 2000,
    PRUNER_TOMBSTONE_DAYS = 1, /* a scheduld that was away for longer reads all jobs */
};

struct pruner_options {
    struct event_base *base;  /* lent */
    const char *database_url; /* lent */
    int retention_days;
    int pass_ms;   /* from the end of a pass to the next; 0: the default above */
    int step_rows; /* 0: the default above */
    /* After each pass; err NULL: all is deleted that was to be. NULL is fine. */
    void (*on_pass)(void *arg, int64_t runs, int64_t tombstones, const struct err *err);
    void *arg;
};

/* Does nothing until it is told to start. */
struct pruner *pruner_new(const struct pruner_options *options);
void pruner_free(struct pruner *pruner); /* NULL is fine; not from on_pass */

/* For the leader: passes from now on, the first one soon. As soon as the epoch in the database is another,
 * they delete nothing. */
void pruner_start(struct pruner *pruner, int64_t epoch);
void pruner_stop(struct pruner *pruner);
