/*
 * The rows that a fire becomes in the ledger, for the one statement that inserts: its parts are taken out of
 * it, and put back if the statement does not work. (runner_plan.c)
 */
#pragma once

#include "fires.h"
#include "runner_ledger.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run_plan_row;

enum { PLAN_PARTS = 4 }; /* rows that one fire can be */

enum plan_part { PART_MISSED, PART_MAIN, PART_SKIP, PART_REARM };

struct plan_item {
    struct fire *fire; /* lent */
    enum plan_part part;
    struct fire_span span;
    bool again;            /* its write was lost before */
    int64_t skipped_for_s; /* see fires.h */
    char *chunks, *error;  /* owned; until plan_rows_done() */
};

struct plan_rows {
    struct plan_item items[LEDGER_ROWS_MAX];
    size_t count;
};

/* Takes out of a fire what can be written of it now: at most PLAN_PARTS rows. Of one that was in a write
 * without an answer that is what was in it; what came since waits until that is known to be on record. */
void plan_rows_take(struct plan_rows *rows, struct fire *fire);
/* As the statement wants them; texts are lent until plan_rows_done(). */
void plan_rows_fill(const struct plan_rows *rows, struct run_plan_row *ret);
void plan_rows_done(struct plan_rows *rows); /* the statement has been asked */
/* Puts back what is not dead. lost_ms: now, monotonic, if the write had no answer, so that it may be on
 * record or come to it; else 0. */
void plan_rows_undo(struct plan_rows *rows, int64_t lost_ms);
