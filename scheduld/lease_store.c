/* See lease_store.h. */
#include "lease_store.h"

#include <inttypes.h>
#include <stdio.h>

#define LOCK "1701016435, 'scheduler'::regclass::oid::integer"

#define NOW_US "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

enum { EPOCH_TEXT_SIZE = 24 };

static const struct db_stmt try_stmt = {
    .name = "lease_try",
    .sql = "SELECT pg_try_advisory_lock(" LOCK "), (SELECT holder FROM scheduler)",
};

static const struct db_stmt begin_stmt = {
    .name = "lease_begin",
    .sql = "UPDATE scheduler SET epoch = epoch + 1, holder = $1, since = now(), heartbeat = now()"
           " RETURNING epoch, installation, " NOW_US,
    .params = 1,
};

/* Only sessions of our own role: who looks at the row in psql is told by the lock_timeout's error, not ended.
 */
static const struct db_stmt evict_stmt = {
    .name = "lease_evict",
    .sql = "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity"
           " WHERE usename = session_user AND pid <> pg_backend_pid() AND xact_start < now() - interval '1 "
           "second'"
           " AND pid IN (SELECT pid FROM pg_locks WHERE relation = 'scheduler'::regclass AND granted"
           "  AND mode IN ('RowShareLock', 'RowExclusiveLock')"
           "  AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
};

static const struct db_stmt heartbeat_stmt = {
    .name = "lease_heartbeat",
    .sql = "UPDATE scheduler SET heartbeat = now() WHERE epoch = $1 RETURNING " NOW_US,
    .params = 1,
};

/* The lock may have been taken more than once: a session that has it can take it again. */
static const struct db_stmt end_stmt = {
    .name = "lease_end",
    .sql = "WITH gone AS (UPDATE scheduler SET holder = NULL, heartbeat = now() WHERE epoch = $1)"
           " SELECT pg_advisory_unlock_all(), pg_notify('" LEASE_CHANNEL "', '')",
    .params = 1,
};

static const struct db_stmt yield_stmt = {
    .name = "lease_yield",
    .sql = "SELECT pg_advisory_unlock_all()",
};

void lease_store_try(struct db *db, db_fn *done, void *arg)
{
    db_query(db, &try_stmt, NULL, done, arg);
}

bool lease_store_tried(const struct db_result *result)
{
    return db_bool(result, 0, 0);
}

const char *lease_store_holder(const struct db_result *result)
{
    return db_text(result, 0, 1);
}

void lease_store_begin(struct db *db, const char *holder, db_fn *done, void *arg)
{
    db_query(db, &begin_stmt, &holder, done, arg);
}

int64_t lease_store_epoch(const struct db_result *result)
{
    return db_int64(result, 0, 0);
}

const char *lease_store_installation(const struct db_result *result)
{
    return db_text(result, 0, 1);
}

int64_t lease_store_begun_us(const struct db_result *result)
{
    return db_int64(result, 0, 2);
}

void lease_store_evict(struct db *db, db_fn *done, void *arg)
{
    db_query(db, &evict_stmt, NULL, done, arg);
}

int64_t lease_store_evicted(const struct db_result *result)
{
    return db_int64(result, 0, 0);
}

void lease_store_heartbeat(struct db *db, int64_t epoch, db_fn *done, void *arg)
{
    char text[EPOCH_TEXT_SIZE];
    const char *param = text;

    snprintf(text, sizeof text, "%" PRId64, epoch);
    db_query(db, &heartbeat_stmt, &param, done, arg);
}

int64_t lease_store_alive_us(const struct db_result *result)
{
    return db_int64(result, 0, 0);
}

void lease_store_yield(struct db *db, db_fn *done, void *arg)
{
    db_query(db, &yield_stmt, NULL, done, arg);
}

void lease_store_end(struct db *db, int64_t epoch, int deadline_ms, db_fn *done, void *arg)
{
    char text[EPOCH_TEXT_SIZE];
    const char *param = text;

    snprintf(text, sizeof text, "%" PRId64, epoch);
    db_query_within(db, &end_stmt, &param, deadline_ms, done, arg);
}
