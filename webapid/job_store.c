/* See job_store.h. */
#include "job_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_SIZE = 24 };

/* The columns by enum job_field, in this order in every statement; id is first. */
#define FIELDS                                                                                               \
    "id, task_definition, schedule, schedule_start, schedule_end, timezone, task_count, max_count,"          \
    " suspended, trigger, overrides, misfire_grace_seconds, ecs"

enum {
    COL_REVISION = JOB_FIELDS,
    COL_LAST_RUN,
    COL_LAST_RUN_TASKS,
    COL_NEXT_RUN,
    COL_PROBLEM,
    COL_ORDINAL,
    COL_UPDATED_BY,
    COL_MORE
};

/* What the scheduler computed from another revision says nothing about this one. */
#define SHOWN(from, more)                                                                                    \
    "SELECT j.id, j.task_definition, j.schedule, j.schedule_start, j.schedule_end, j.timezone,"              \
    " j.task_count, j.max_count, j.suspended, j.trigger, j.overrides, j.misfire_grace_seconds, j.ecs,"       \
    " j.revision,"                                                                                           \
    " extract(epoch FROM s.last_run)::bigint, s.last_run_tasks,"                                             \
    " CASE WHEN s.armed_revision = j.revision AND j.suspended IS NOT TRUE"                                   \
    " THEN extract(epoch FROM s.next_run)::bigint END,"                                                      \
    " CASE WHEN s.armed_revision = j.revision THEN s.problem END, j.ordinal, j.updated_by, " more            \
    " FROM " from " j LEFT JOIN job_state s ON s.job_id = j.id"

static const struct db_stmt insert = {
    .name = "job_insert",
    .sql = "INSERT INTO jobs (" FIELDS ", asked_by)"
           " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
           " ON CONFLICT (id) DO NOTHING RETURNING revision",
    .params = JOB_FIELDS + 1,
    .locks = 1,
};

static const struct db_stmt insert_once = {
    .name = "job_insert_once",
    .sql =
        "SELECT request, job_id, revision, answer"
        " FROM job_create_once($17, $14, $15, $16, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    .params = JOB_FIELDS + 4,
    .locks = 1,
};

/* $14 says by bits which of the values are meant, so that one prepared statement is good for any change. That
 * the row was there is looked up as the statement began: gone in between is MOVED, whose caller looks again.
 */
#define SET(column, n, bit)                                                                                  \
#column " = CASE WHEN $14::integer & " #bit " <> 0 THEN $" #n " ELSE j." #column " END"
/* clang-format off */
static const struct db_stmt update = {
    .name = "job_update",
    .sql = "WITH changed AS (UPDATE jobs j SET "
           SET(task_definition, 2::text, 2) ", "
           SET(schedule, 3::text, 4) ", "
           SET(schedule_start, 4::text, 8) ", "
           SET(schedule_end, 5::text, 16) ", "
           SET(timezone, 6::text, 32) ", "
           SET(task_count, 7::integer, 64) ", "
           SET(max_count, 8::integer, 128) ", "
           SET(suspended, 9::boolean, 256) ", "
           SET(trigger, 10::jsonb, 512) ", "
           SET(overrides, 11::jsonb, 1024) ", "
           SET(misfire_grace_seconds, 12::integer, 2048) ", "
           SET(ecs, 13::jsonb, 4096) ", asked_by = $16"
           " WHERE j.id = $1 AND ($15::bigint[] IS NULL OR j.revision = ANY ($15))"
           " RETURNING revision, task_count, max_count)"
           " SELECT changed.revision, EXISTS (SELECT FROM jobs WHERE id = $1), task_count, max_count"
           " FROM (SELECT) one LEFT JOIN changed ON true",
    .params = JOB_FIELDS + 3,
    .locks = 1,
};
/* clang-format on */

static const struct db_stmt delete = {
    .name = "job_delete",
    .sql = "WITH gone AS (DELETE FROM jobs j"
           " WHERE j.id = $1 AND ($2::bigint[] IS NULL OR j.revision = ANY ($2)) RETURNING revision)"
           " SELECT gone.revision, EXISTS (SELECT FROM jobs WHERE id = $1)"
           " FROM (SELECT) one LEFT JOIN gone ON true",
    .params = 2,
    .locks = 1,
};

static const struct db_stmt get = {
    .name = "job_get",
    .sql = SHOWN("jobs", "false") " WHERE j.id = $1",
    .params = 1,
};

/* $1 to $3 are the filters, NULL: any. Not prepared: each list is planned for the filters that it has. In the
 * order of bytes all that begins with a prefix comes before the prefix and a '{', which is beyond the 'z'. */
#define FILTERED                                                                                             \
    " FROM jobs WHERE ($1::text IS NULL OR task_definition = $1)"                                            \
    " AND ($2::boolean IS NULL OR coalesce(suspended, false) = $2)"
#define WITH_PREFIX " AND id >= $3::text AND id < $3 || '{'"

/* What the jobs before it on its page weigh. The row has its own weight, so that no text is made of what is
 * not shown. */
#define BEFORE(order)                                                                                        \
    "coalesce(sum(weight) OVER (ORDER BY " order " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)"    \
    " AS before"
#define PAGE(rows, order)                                                                                    \
    "(SELECT * FROM (SELECT *, " BEFORE(order) ", lead(true) OVER (ORDER BY " order ") AS more"              \
                                               " FROM (SELECT *" rows " ORDER BY " order                     \
                                               " OFFSET $5::bigint LIMIT $6::bigint) AS page) AS weighed"    \
                                               " WHERE before < $7::bigint)"

static const struct db_stmt list = {
    .sql = SHOWN(PAGE(FILTERED " AND $3::text IS NULL AND ordinal > $4::bigint", "ordinal"),
                 "more") " ORDER BY j.ordinal",
    .params = 7,
    .slow = true,
};

static const struct db_stmt list_prefix = {
    .sql = SHOWN(PAGE(FILTERED WITH_PREFIX " AND id > $4::text", "id"), "more") " ORDER BY j.id",
    .params = 7,
    .slow = true,
};

static const struct db_stmt count_all = {
    .sql = "SELECT count(*) FROM (SELECT" FILTERED " AND $3::text IS NULL LIMIT $4::bigint) AS few",
    .params = 4,
    .slow = true,
};

static const struct db_stmt count_prefix = {
    .sql = "SELECT count(*) FROM (SELECT" FILTERED WITH_PREFIX " LIMIT $4::bigint) AS few",
    .params = 4,
    .slow = true,
};

static const struct db_stmt last = {
    .name = "job_last",
    .sql = "SELECT coalesce(max(ordinal), 0) FROM jobs",
};

static const struct db_stmt export = {
    .name = "job_export",
    .sql = "SELECT " FIELDS
           ", ordinal FROM (SELECT *, " BEFORE("ordinal") " FROM (SELECT * FROM jobs WHERE ordinal > $1"
                                                          " ORDER BY ordinal LIMIT $2) AS page) AS weighed "
                                                          "WHERE before < $3::bigint AND ordinal <= $4 "
                                                          "ORDER BY ordinal",
    .params = 4,
    .slow = true,
};

void job_store_insert(struct db *db, const struct job_draft *job, db_fn *done, void *arg)
{
    const char *params[JOB_FIELDS + 1];

    memcpy(params, job->text, sizeof job->text);
    params[JOB_ID] = job_draft_id(job);
    params[JOB_FIELDS] = job->by;
    db_query(db, &insert, params, done, arg);
}

void job_store_insert_once(struct db *db, const struct job_draft *job, const char *key, const char *request,
                           const char *answer, db_fn *done, void *arg)
{
    const char *params[JOB_FIELDS + 4];

    memcpy(params, job->text, sizeof job->text);
    params[JOB_ID] = job_draft_id(job);
    params[JOB_FIELDS] = key;
    params[JOB_FIELDS + 1] = request;
    params[JOB_FIELDS + 2] = answer;
    params[JOB_FIELDS + 3] = job->by;
    db_query(db, &insert_once, params, done, arg);
}

void job_store_update(struct db *db, const char *id, const struct job_draft *change, const char *revisions,
                      db_fn *done, void *arg)
{
    const char *params[JOB_FIELDS + 3];
    char given[NUMBER_SIZE];

    memcpy(params, change->text, sizeof change->text);
    snprintf(given, sizeof given, "%" PRIu32, change->given);
    params[JOB_ID] = id;
    params[JOB_FIELDS] = given;
    params[JOB_FIELDS + 1] = revisions;
    params[JOB_FIELDS + 2] = change->by;
    db_query(db, &update, params, done, arg);
}

void job_store_delete(struct db *db, const char *id, const char *revisions, db_fn *done, void *arg)
{
    db_query(db, &delete, (const char *const[]){id, revisions}, done, arg);
}

void job_store_get(struct db *db, const char *id, db_fn *done, void *arg)
{
    db_query(db, &get, (const char *const[]){id}, done, arg);
}

void job_store_list(struct db *db, const struct job_list *asked, db_fn *done, void *arg)
{
    const struct page *page = &asked->page;
    char after[NUMBER_SIZE], skip[NUMBER_SIZE], count[NUMBER_SIZE], bytes[NUMBER_SIZE];
    const char *params[] = {
        asked->task_definition, asked->suspended, asked->prefix, after, skip, count, bytes};

    snprintf(after, sizeof after, "%" PRId64, asked->after);
    snprintf(skip, sizeof skip, "%" PRId64, page->skip);
    snprintf(count, sizeof count, "%" PRId64, page->count == 0 ? 0 : page->count + 1);
    snprintf(bytes, sizeof bytes, "%d", JOB_LIST_BYTES);
    if (asked->prefix != NULL)
        params[3] = asked->after_id;
    db_query(db, asked->prefix != NULL ? &list_prefix : &list, params, done, arg);
}

void job_store_count(struct db *db, const struct job_list *asked, db_fn *done, void *arg)
{
    char max[NUMBER_SIZE];
    const char *const params[] = {asked->task_definition, asked->suspended, asked->prefix, max};

    snprintf(max, sizeof max, "%d", JOB_LIST_TOTAL_MAX + 1);
    db_query(db, asked->prefix != NULL ? &count_prefix : &count_all, params, done, arg);
}

void job_store_last(struct db *db, db_fn *done, void *arg)
{
    db_query(db, &last, NULL, done, arg);
}

void job_store_export(struct db *db, int64_t after, int64_t to, int count, db_fn *done, void *arg)
{
    char from[NUMBER_SIZE], limit[NUMBER_SIZE], bytes[NUMBER_SIZE], end[NUMBER_SIZE];

    snprintf(from, sizeof from, "%" PRId64, after);
    snprintf(limit, sizeof limit, "%d", count);
    snprintf(bytes, sizeof bytes, "%d", JOB_EXPORT_BYTES);
    snprintf(end, sizeof end, "%" PRId64, to);
    db_query(db, &export, (const char *const[]){from, limit, bytes, end}, done, arg);
}

struct job_row job_store_exported(const struct db_result *result, int row)
{
    struct job_row ret = {.ordinal = db_int64(result, row, JOB_FIELDS)};

    for (int i = 0; i < JOB_FIELDS; i++)
        ret.text[i] = db_text(result, row, i);
    return ret;
}

struct job_write job_store_written(const struct db_result *result)
{
    struct job_write write = {.outcome = JOB_WRITTEN};

    if (db_rows(result) == 0)
        return (struct job_write){.outcome = JOB_EXISTS}; /* only an insert answers with no row */
    if (db_is_null(result, 0, 0))
        return (struct job_write){.outcome = db_bool(result, 0, 1) ? JOB_MOVED : JOB_MISSING};
    write.revision = db_int64(result, 0, 0);
    if (db_columns(result) > 2) {
        write.task_count = (int32_t)db_int64(result, 0, 2);
        write.max_count = (int32_t)db_int64(result, 0, 3);
    }
    return write;
}

struct job_once job_store_once(const struct db_result *result)
{
    return (struct job_once){
        .request = db_text(result, 0, 0),
        .id = db_text(result, 0, 1),
        .exists = db_is_null(result, 0, 2),
        .revision = db_int64(result, 0, 2),
        .answer = db_text(result, 0, 3),
    };
}

int64_t job_store_number(const struct db_result *result)
{
    return db_int64(result, 0, 0);
}

struct job_row job_store_row(const struct db_result *result, int row)
{
    struct job_row ret = {
        .revision = db_int64(result, row, COL_REVISION),
        .has_last_run = !db_is_null(result, row, COL_LAST_RUN),
        .last_run_s = db_int64(result, row, COL_LAST_RUN),
        .last_run_tasks = db_text(result, row, COL_LAST_RUN_TASKS),
        .has_next_run = !db_is_null(result, row, COL_NEXT_RUN),
        .next_run_s = db_int64(result, row, COL_NEXT_RUN),
        .problem = db_text(result, row, COL_PROBLEM),
        .updated_by = db_text(result, row, COL_UPDATED_BY),
        .ordinal = db_int64(result, row, COL_ORDINAL),
        .more = db_bool(result, row, COL_MORE),
    };

    for (int i = 0; i < JOB_FIELDS; i++)
        ret.text[i] = db_text(result, row, i);
    return ret;
}

const struct db_stmt *const *job_store_statements(size_t *count)
{
    static const struct db_stmt *const all[] = {&insert,       &insert_once, &update,      &delete,
                                                &get,          &list,        &list_prefix, &count_all,
                                                &count_prefix, &last,        &export};

    *count = ARRAY_LEN(all);
    return all;
}
