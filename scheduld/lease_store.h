/*
 * All SQL on the table scheduler, and the advisory lock that says who may write it. All of it goes through
 * the leader's own connection, as the lock belongs to that session.
 *
 * The lock is (1701016435, oid of the table), the first being "ecss" in ASCII, so that two installations in
 * two schemas of one database do not keep each other out. docs/operations.md asks whose it is.
 */
#pragma once

#include "db.h"

#include <stdint.h>

enum { LEASE_HOLDER_MAX = 255 }; /* characters of scheduler.holder */

#define LEASE_CHANNEL "ecss_leader" /* a NOTIFY here: the lock is free */

/* Tries to take the lock, which the session may have already, without waiting for it. */
void lease_store_try(struct db *db, db_fn *done, void *arg);
bool lease_store_tried(const struct db_result *result); /* whether we have it */
const char *
lease_store_holder(const struct db_result *result); /* who said last that he leads; NULL: nobody */

/* With the lock: begins a new epoch. Waits at most lock_timeout for writes of the epoch before. */
void lease_store_begin(struct db *db, const char *holder, db_fn *done, void *arg);
int64_t lease_store_epoch(const struct db_result *result);
int64_t lease_store_begun_us(const struct db_result *result); /* the database's clock then */
const char *lease_store_installation(const struct db_result *result);

/* Ends our own sessions that have kept the row of the table locked for longer than a second: the rest of a
 * leader that was frozen, or cut off, in the middle of a write. */
void lease_store_evict(struct db *db, db_fn *done, void *arg);
int64_t lease_store_evicted(const struct db_result *result);

/* Says that we are alive. No row was affected: there is another epoch, so we are not the leader. */
void lease_store_heartbeat(struct db *db, int64_t epoch, db_fn *done, void *arg);
int64_t lease_store_alive_us(const struct db_result *result); /* of a row: the database's clock then */

/* Gives the lock back, and writes and tells nothing. */
void lease_store_yield(struct db *db, db_fn *done, void *arg);
/* Gives it back and tells those who wait for it; with it the row says that nobody leads. */
void lease_store_end(struct db *db, int64_t epoch, int deadline_ms, db_fn *done, void *arg);
