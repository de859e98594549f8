/*
 * What scheduld says of itself to who watches it, pure.
 *
 * Ready is a leader that can plan, and a standby that can take over at once. What AWS does is no part of it:
 * another scheduld would fare no better.
 */
#pragma once

#include "buf.h"

#include <stdbool.h>
#include <stdint.h>

enum health_role { HEALTH_WAITING, HEALTH_STANDBY, HEALTH_LEADER, HEALTH_STOPPING };

struct health {
    enum health_role role;
    int64_t epoch; /* leader only */
    bool database_up;
    /* The server answers with an error instead: our user may not read it, most likely. */
    bool schema_unreadable;
    int64_t unanswered_ms; /* since the last answer, while a query waits for one; 0: none does. There is a
                              query every five seconds at least */
    bool writes_fail;      /* the last write to the ledger did not work */
    bool loaded;           /* all jobs are in memory */
    bool lease_holds;      /* leader only */
    bool clock_off;        /* leader only: the clock here and the database's differ too much */
    size_t jobs, armed, problems;
    int64_t overdue_s; /* since the first fire in the wheel was due */
};

enum { HEALTH_UNANSWERED_MAX_MS = 8000, HEALTH_OVERDUE_MAX_S = 10 };

/* What keeps it from being ready; NULL: nothing. */
const char *health_problem(const struct health *health);
/* {"status": "ready", "role": "leader", ...} */
void health_put(struct buf *buf, const struct health *health);
