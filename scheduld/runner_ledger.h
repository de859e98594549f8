/*
 * What the runner's two kinds of writes share, plans (runner_plan.c) and results (runner_record.c): one
 * statement of each kind is on its way at a time, and what comes meanwhile goes into the next. A statement
 * that the server refuses, or that waited for somebody's lock until its time was up, is sent again fire by
 * fire, so that one fire that cannot be written keeps no other from it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "run_fsm.h"

struct err;
struct fire;
struct run;
struct runner;

enum { LEDGER_ROWS_MAX = 500 }; /* a statement */

/* The fires of a statement that is on its way. They are held. */
struct ledger_batch {
    struct runner *runner; /* lent */
    uint64_t reign;
    struct fire *fires[LEDGER_ROWS_MAX];
    size_t count;
};

void ledger_begin(struct ledger_batch *batch, struct runner *runner);
void ledger_hold(struct ledger_batch *batch, struct fire *fire);
void ledger_release(struct ledger_batch *batch);              /* all of them */
bool ledger_is_of_interest(const struct ledger_batch *batch); /* the leader is the same */

/* How many fires may go into the next statement, where *alone are still to go one by one. */
size_t ledger_fires_allowed(size_t *alone);

/* The server will not have it, whenever it is asked. */
bool ledger_is_refusal(const struct err *err);
/* It waited for somebody's lock until its time was up: one row may be the reason. */
bool ledger_is_held_up(const struct err *err);

/* Says now and then that a fire cannot be written as somebody keeps a lock. */
void ledger_held_up(struct fire *fire, int64_t fire_s, const char *reason);

/* The fire's state is on record: says so, counts it, and goes on. run_id is given, as a fire without anything
 * to start has a row but no struct run. */
void ledger_written(struct runner *runner, struct fire *fire, int64_t run_id);
void ledger_count(const struct runner *runner, enum run_state state); /* one run more that ended so */

char *ledger_chunks(const struct run *run); /* as the ledger has them; the caller's */
