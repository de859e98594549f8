/* See job_load.h. */
#include "job_load.h"

#include "db.h"

/* The row is of another revision, or its next fire time has passed, or it has none for want of a schedule. */
#define OWES                                                                                                 \
    "(s.armed_revision IS DISTINCT FROM j.revision OR s.next_run <= to_timestamp($1::bigint)"                \
    " OR s.problem IS NOT NULL)"

/* Where somebody had locked the row of job_state when a run was planned, or kept it from being made, it lags
 * behind the ledger (run_store.c), and owes. $1 is now, or NULL if nobody acts on what is owed: then the
 * ledger is not looked into. */
#define CURSOR                                                                                               \
    "CASE WHEN $1::bigint IS NOT NULL AND " OWES                                                             \
    " THEN greatest(s.cursor, (SELECT max(fire_at) FROM runs WHERE job_id = j.id"                            \
    "  AND fire_at <= to_timestamp($1::bigint))) ELSE s.cursor END"

/* Seconds are whole: a fire time is, and a job that was scheduled within a second counts from the next. */
#define COLUMNS                                                                                              \
    "j.id, j.revision, j.ordinal, j.schedule, j.timezone, j.schedule_start, j.schedule_end,"                 \
    " j.suspended IS TRUE, ceil(extract(epoch FROM j.scheduled_since))::bigint,"                             \
    " floor(extract(epoch FROM " CURSOR "))::bigint, ceil(extract(epoch FROM s.next_run))::bigint,"          \
    " s.armed_revision, s.problem, j.misfire_grace_seconds"
#define WITH_STATE " FROM jobs AS j LEFT JOIN job_state AS s ON s.job_id = j.id"

/* Rows that pg_restore brought from another server may bear transactions that this one has yet to come to. */
#define NOT_FOREIGN(xid) " AND " xid " < pg_snapshot_xmax(pg_current_snapshot())"

enum {
    COL_ID,
    COL_REVISION,
    COL_ORDINAL,
    COL_SCHEDULE,
    COL_TIMEZONE,
    COL_START,
    COL_END,
    COL_SUSPENDED,
    COL_SINCE,
    COL_CURSOR,
    COL_NEXT,
    COL_ARMED,
    COL_PROBLEM,
    COL_GRACE,
    COL_ASKED, /* job_load_ids alone has it */
};

/* All that transactions before the mark did can be seen from now on. The file of the table changes by
 * TRUNCATE, which leaves no tombstones. */
const struct db_stmt job_load_mark = {
    .name = "job_load_mark",
    .sql = "SELECT pg_snapshot_xmin(pg_current_snapshot()), pg_relation_filenode('jobs')",
};

const struct db_stmt job_load_page = {
    .name = "job_load_page",
    .sql = "SELECT " COLUMNS WITH_STATE " WHERE j.ordinal > $2::bigint ORDER BY j.ordinal LIMIT 20000",
    .params = 2,
};

const struct db_stmt job_load_ids = {
    .name = "job_load_ids",
    .sql = "SELECT " COLUMNS ", asked.id FROM unnest($2::text[]) AS asked (id)"
           " LEFT JOIN jobs AS j ON j.id = asked.id LEFT JOIN job_state AS s ON s.job_id = j.id",
    .params = 2,
};

const struct db_stmt job_load_changed = {
    .name = "job_load_changed",
    .sql = "SELECT " COLUMNS WITH_STATE " WHERE j.changed_xid >= $2::xid8" NOT_FOREIGN("j.changed_xid"),
    .params = 2,
};

const struct db_stmt job_load_gone = {
    .name = "job_load_gone",
    .sql = "SELECT DISTINCT job_id FROM job_tombstones WHERE changed_xid >= $1::xid8" NOT_FOREIGN(
        "changed_xid") " AND NOT EXISTS (SELECT FROM jobs WHERE id = job_id)",
    .params = 1,
};

const struct db_stmt job_load_owing = {
    .name = "job_load_owing",
    .sql = "SELECT " COLUMNS WITH_STATE " WHERE " OWES,
    .params = 1,
};

/* A job that was changed meanwhile will be read again; one whose run was planned meanwhile has a later
 * next_run already. A cursor that lags is brought up to what is on record, as by a next_run that is yet to
 * come nobody can see that it does. Nobody waits for who has locked a row, see run_store.c. */
const struct db_stmt job_load_put = {
    .name = "job_load_put",
    .sql =
        "WITH free AS MATERIALIZED ("
        " SELECT job_id FROM job_state WHERE job_id = ANY ($2::text[]) FOR NO KEY UPDATE SKIP LOCKED"
        "), kept AS MATERIALIZED ("
        " SELECT jobs_kept(ARRAY(SELECT u.id FROM unnest($2::text[]) AS u (id)"
        "  LEFT JOIN job_state t ON t.job_id = u.id WHERE t.job_id IS NULL)) AS job_id"
        "), mine AS MATERIALIZED (SELECT job_id FROM free UNION ALL SELECT job_id FROM kept), put AS ("
        " INSERT INTO job_state AS s (job_id, cursor, next_run, problem, armed_revision)"
        " SELECT u.id,"
        "  (SELECT max(fire_at) FROM runs WHERE job_id = u.id AND fire_at < to_timestamp(u.next_s)),"
        "  to_timestamp(u.next_s), u.problem, u.revision"
        " FROM unnest($2::text[], $3::bigint[], $4::text[], $5::bigint[]) AS u (id, next_s, problem, "
        "revision)"
        " JOIN jobs AS j ON j.id = u.id AND j.revision = u.revision"
        " WHERE (SELECT epoch FROM scheduler FOR SHARE) = $1::bigint"
        "  AND u.id IN (SELECT job_id FROM mine)"
        " ON CONFLICT (job_id) DO UPDATE SET cursor = greatest(s.cursor, EXCLUDED.cursor),"
        "  next_run = EXCLUDED.next_run, problem = EXCLUDED.problem,"
        "  armed_revision = EXCLUDED.armed_revision, updated_at = now()"
        " WHERE s.cursor IS NULL OR EXCLUDED.next_run IS NULL OR EXCLUDED.next_run > s.cursor"
        ") SELECT epoch = $1::bigint, locked.id FROM scheduler LEFT JOIN ("
        " SELECT id FROM unnest($2::text[], $5::bigint[]) AS u (id, revision) JOIN jobs USING (id, revision)"
        " WHERE id NOT IN (SELECT job_id FROM mine)) AS locked ON true",
    .params = 5,
};

/* An hour is long after any scheduld that is still connected has seen them. */
const struct db_stmt job_load_prune = {
    .name = "job_load_prune",
    .sql = "DELETE FROM job_tombstones WHERE (job_id, changed_xid) IN ("
           "SELECT job_id, changed_xid FROM job_tombstones WHERE deleted_at < now() - interval '1 hour'"
           " ORDER BY changed_xid LIMIT 10000)",
};

const struct db_stmt *const job_load_all[] = {
    &job_load_mark, &job_load_page,  &job_load_ids, &job_load_changed, &job_load_gone, &job_load_owing,
    &job_load_put,  &job_load_prune, NULL,
};

bool job_row_read(const struct db_result *result, int row, struct job_row *ret)
{
    if (db_is_null(result, row, COL_ID)) {
        *ret = (struct job_row){.id = db_text(result, row, COL_ASKED)};
        return false;
    }
    *ret = (struct job_row){
        .id = db_text(result, row, COL_ID),
        .revision = db_int64(result, row, COL_REVISION),
        .ordinal = db_int64(result, row, COL_ORDINAL),
        .texts = {.schedule = db_text(result, row, COL_SCHEDULE),
                  .timezone = db_text(result, row, COL_TIMEZONE),
                  .schedule_start = db_text(result, row, COL_START),
                  .schedule_end = db_text(result, row, COL_END)},
        .suspended = db_bool(result, row, COL_SUSPENDED),
        .since_s = db_int64(result, row, COL_SINCE),
        .cursor_s = db_is_null(result, row, COL_CURSOR) ? INT64_MIN : db_int64(result, row, COL_CURSOR),
        .next_s = db_int64(result, row, COL_NEXT),
        .armed_revision = db_int64(result, row, COL_ARMED),
        .problem = db_text(result, row, COL_PROBLEM),
        .grace_s = db_is_null(result, row, COL_GRACE) ? -1 : (int)db_int64(result, row, COL_GRACE),
    };
    return true;
}
