/* See job_import_store.h. */
#include "job_import_store.h"

/* Of lines with one id the first counts. Of an id that is taken, nothing is written and nothing is an error.
 * A row of this transaction is one of a batch before.
 * Rows are written in the order of their ids, as all that lock rows of jobs do (db_stmt.locks), and numbered
 * in the order of their lines. */
const struct db_stmt job_import_statement = {
    .name = "job_import",
    .sql =
        "WITH given AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],"
        " $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],"
        " $14::bigint[]) AS g (id, task_definition, schedule, schedule_start, schedule_end, timezone,"
        " task_count, max_count, suspended, trigger, overrides, misfire_grace_seconds, ecs, line)),"
        " firsts AS (SELECT DISTINCT ON (id COLLATE \"C\") * FROM given ORDER BY id COLLATE \"C\", line),"
        " numbered AS MATERIALIZED (SELECT *, nextval('jobs_ordinal_seq') AS ordinal"
        " FROM (SELECT * FROM firsts ORDER BY line) AS in_order),"
        " made AS (INSERT INTO jobs (id, ordinal, task_definition, schedule, schedule_start, schedule_end,"
        " timezone, task_count, max_count, suspended, trigger, overrides, misfire_grace_seconds, ecs, "
        "asked_by)"
        " OVERRIDING SYSTEM VALUE"
        " SELECT id, ordinal, task_definition, schedule, schedule_start, schedule_end, timezone,"
        " task_count::integer, max_count::integer, suspended::boolean, trigger::jsonb, overrides::jsonb,"
        " misfire_grace_seconds::integer, ecs::jsonb, $15::text FROM numbered ORDER BY id COLLATE \"C\""
        " ON CONFLICT (id) DO NOTHING RETURNING id)"
        " SELECT g.line, g.id, CASE WHEN f.line < g.line THEN f.line ELSE 0 END,"
        " (SELECT j.xmin = pg_current_xact_id()::xid FROM jobs j WHERE j.id = g.id)"
        " FROM given g JOIN firsts f USING (id)"
        " WHERE g.line NOT IN (SELECT line FROM firsts JOIN made USING (id)) ORDER BY g.line",
    .params = JOB_FIELDS + 2,
};

static const struct db_stmt lock = {
    .sql = "SELECT pg_advisory_lock(1701016435, 'jobs'::regclass::oid::integer)"};
static const struct db_stmt begin = {.sql = "BEGIN"};
static const struct db_stmt commit = {.sql = "COMMIT"};
static const struct db_stmt rollback = {.sql = "ROLLBACK"};

void job_import_store_batch(struct db *db, struct job_import *im, const char *by, db_fn *done, void *arg)
{
    const char *params[JOB_FIELDS + 2];

    for (size_t i = 0; i < JOB_FIELDS; i++)
        params[i] = db_array_end(&im->columns[i]);
    params[JOB_FIELDS] = db_array_end(&im->lines);
    params[JOB_FIELDS + 1] = by;
    db_query(db, &job_import_statement, params, done, arg);
}

struct job_import_taken job_import_store_taken(const struct db_result *result, int row)
{
    return (struct job_import_taken){.line = db_int64(result, row, 0),
                                     .id = db_text(result, row, 1),
                                     .twin = db_int64(result, row, 2),
                                     .by_us = db_bool(result, row, 3)};
}

void job_import_store_lock(struct db *db, db_fn *done, void *arg)
{
    db_query(db, &lock, NULL, done, arg);
}

void job_import_store_begin(struct db *db, db_fn *done, void *arg)
{
    db_query(db, &begin, NULL, done, arg);
}

void job_import_store_commit(struct db *db, db_fn *done, void *arg)
{
    db_query(db, &commit, NULL, done, arg);
}

void job_import_store_rollback(struct db *db, db_fn *done, void *arg)
{
    db_query(db, &rollback, NULL, done, arg);
}
