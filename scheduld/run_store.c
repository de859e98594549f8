/* See run_store.h. */
#include "run_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "attr.h"
#include "run.h"

/* No row: the epoch is another. FOR SHARE waits for a take-over that is under way, and keeps one from
 * beginning before this commit. */
#define FENCE                                                                                                \
    "WITH fence AS MATERIALIZED (SELECT 1 AS held FROM scheduler WHERE epoch = $1::bigint FOR SHARE)"

/* A row of job_state that somebody has locked, as who deletes its job in a transaction that is not over, is
 * left as it is: nobody else's fire waits for him. By it the fire looks as if it were not on record, until
 * the job is armed or planned again; who reads it looks into the ledger as well (job_load.c). */
#define FREE(jobs)                                                                                           \
    "free AS MATERIALIZED ("                                                                                 \
    "  SELECT job_id FROM job_state WHERE job_id IN (SELECT job_id FROM " jobs ")"                           \
    "  FOR NO KEY UPDATE SKIP LOCKED)"

/* Jobs that have no row in job_state yet, likewise: to insert one waits for who is deleting the job. */
#define KEPT                                                                                                 \
    "kept AS MATERIALIZED ("                                                                                 \
    "  SELECT jobs_kept(ARRAY(SELECT i.job_id FROM input i LEFT JOIN job_state t USING (job_id)"             \
    "    WHERE t.job_id IS NULL)) AS job_id)"

/* Who is briefly there waits for no lock longer than it takes to see that it is held: until the end of the
 * transaction. */
#define BRIEFLY                                                                                              \
    "WITH brief AS MATERIALIZED (SELECT set_config('lock_timeout', '50', true) WHERE $15::boolean), "        \
    "fence AS MATERIALIZED (SELECT 1 AS held FROM scheduler WHERE epoch = $1::bigint"                        \
    " AND (SELECT count(*) FROM brief) >= 0 FOR SHARE)"

/* What is in job_state stays if it is of a later fire or of a later definition of the job; a job that was
 * deleted has none. */
static const struct db_stmt plan = {
    .name = "run_plan",
    .sql = BRIEFLY
    ", input AS ("
    "  SELECT i.*, to_timestamp(i.fire_s) AS fire_at"
    "  FROM unnest($2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::integer[],"
    "    $7::integer[], $8::integer[], $9::text[], $10::text[], $11::text[], $12::bigint[],"
    "    $13::bigint[]) WITH ORDINALITY"
    "    AS i (job_id, fire_s, state, coalesced, wanted, running, needed, request, chunks,"
    "      error, next_s, revision, ord)"
    "), written AS ("
    "  INSERT INTO runs (job_id, fire_at, state, coalesced, wanted, running, needed, request,"
    "    chunks, error, epoch, finished_at)"
    "  SELECT i.job_id, i.fire_at, i.state, least(i.coalesced, 2147483647), i.wanted, i.running,"
    "    i.needed, i.request::jsonb, coalesce(i.chunks, '[]')::jsonb, i.error, $1::bigint,"
    "    CASE WHEN i.state <> 'planned' THEN now() END"
    "  FROM input i, fence WHERE i.state IS NOT NULL AND NOT ($14::boolean AND ("
    "    EXISTS (SELECT FROM runs o WHERE o.job_id = i.job_id AND o.fire_at = i.fire_at)"
    "    OR (i.state IN ('missed', 'skipped') AND NOT EXISTS (SELECT FROM jobs j WHERE j.id = i.job_id))))"
    "  ON CONFLICT (job_id, fire_at) DO NOTHING"
    "  RETURNING id, job_id, fire_at, state"
    "), " FREE(
        "input") ", " KEPT ", moved AS ("
                 "  INSERT INTO job_state AS s (job_id, cursor, next_run, armed_revision)"
                 "  SELECT DISTINCT ON (i.job_id) i.job_id, i.fire_at, to_timestamp(i.next_s), i.revision"
                 "  FROM input i JOIN fence ON true JOIN jobs j ON j.id = i.job_id"
                 "  WHERE i.job_id IN (SELECT job_id FROM free UNION ALL SELECT job_id FROM kept)"
                 "    AND NOT ($14::boolean AND i.state IS NOT NULL AND EXISTS ("
                 "      SELECT FROM runs o JOIN job_state t USING (job_id) WHERE o.job_id = i.job_id"
                 "      AND o.fire_at = i.fire_at AND o.epoch = $1::bigint AND t.cursor >= o.fire_at"
                 "      AND t.armed_revision >= i.revision))"
                 "  ORDER BY i.job_id, i.fire_s DESC, i.revision DESC"
                 "  ON CONFLICT (job_id) DO UPDATE SET"
                 "    cursor = greatest(s.cursor, excluded.cursor),"
                 "    (next_run, armed_revision, problem) = ("
                 "      SELECT CASE WHEN newer THEN excluded.next_run ELSE s.next_run END,"
                 "        CASE WHEN newer THEN excluded.armed_revision ELSE s.armed_revision END,"
                 "        CASE WHEN newer THEN NULL ELSE s.problem END"
                 "      FROM (SELECT (s.cursor IS NULL OR excluded.cursor >= s.cursor) AND"
                 "        (s.armed_revision IS NULL OR excluded.armed_revision >= s.armed_revision)) AS x "
                 "(newer)),"
                 "    updated_at = now()"
                 ")"
                 "SELECT r.ord, r.id FROM fence LEFT JOIN ("
                 "  SELECT i.ord, w.id FROM written w JOIN input i USING (job_id, fire_at, state)"
                 "  UNION ALL"
                 "  SELECT i.ord, o.id FROM input i JOIN runs o USING (job_id, fire_at)"
                 "  WHERE $14::boolean AND i.state = 'planned' AND o.state = 'planned' AND o.epoch = "
                 "$1::bigint"
                 ") r ON true",
    .params = 15,
};

/* Runs that are open, but for those that somebody has locked by hand: nobody else's result waits for him. */
#define OPEN_OF_INPUT                                                                                        \
    "open AS MATERIALIZED ("                                                                                 \
    "  SELECT r.id FROM runs r WHERE r.state IN ('planned', 'launching')"                                    \
    "  AND r.id IN (SELECT id FROM input) AND (SELECT held FROM fence) = 1 FOR NO KEY UPDATE SKIP LOCKED)"
#define FREE_OF_WRITTEN FREE("written")

static const struct db_stmt record = {
    .name = "run_record",
    .sql = FENCE
    ", input AS ("
    "  SELECT * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[],"
    "    $7::bigint[]) WITH ORDINALITY"
    "    AS i (id, state, chunks, tasks, error, launched_us, ord)"
    "), " OPEN_OF_INPUT ", written AS ("
    "  UPDATE runs r SET state = i.state, chunks = i.chunks::jsonb, tasks = i.tasks::jsonb,"
    "    error = i.error, epoch = $1::bigint,"
    "    launched_at = coalesce(r.launched_at, to_timestamp(i.launched_us / 1e6)),"
    "    finished_at = CASE WHEN i.state IN ('launch_failed', 'missed') AND i.tasks = '[]' THEN now() END,"
    "    updated_at = now()"
    "  FROM input i, fence"
    "  WHERE r.id = i.id AND r.id IN (SELECT id FROM open)"
    "  RETURNING i.ord, r.job_id, r.fire_at, r.tasks"
    "), " FREE_OF_WRITTEN ", ran AS ("
    "  UPDATE job_state s SET last_run = w.fire_at, last_run_tasks = w.tasks, updated_at = now()"
    "  FROM written w JOIN free USING (job_id)"
    "  WHERE s.job_id = w.job_id AND w.tasks <> '[]'"
    "    AND (s.last_run IS NULL OR s.last_run <= w.fire_at)"
    ")"
    "SELECT o.ord, o.locked FROM fence LEFT JOIN ("
    "  SELECT ord, false AS locked FROM written"
    "  UNION ALL"
    "  SELECT i.ord, true FROM input i JOIN runs r ON r.id = i.id"
    "  WHERE r.state IN ('planned', 'launching') AND r.id NOT IN (SELECT id FROM open)"
    ") o ON true",
    .params = 7,
};

/* It only reads, so it can be asked again. Fenced all the same: whom another has replaced takes nothing over.
 */
static const struct db_stmt read_open = {
    .name = "run_read_open",
    .sql = FENCE " SELECT o.id, o.job_id, (extract(epoch FROM o.fire_at) * 1000000)::bigint, o.coalesced,"
                 "  o.wanted, o.running, o.needed, o.request, o.chunks, o.tasks,"
                 "  (extract(epoch FROM o.launched_at) * 1000000)::bigint, j.misfire_grace_seconds, o.error "
                 "FROM fence LEFT JOIN ("
                 "  SELECT * FROM runs WHERE state IN ('planned', 'launching')"
                 "    AND (fire_at, id) > (coalesce(to_timestamp($2::bigint / 1e6), '-infinity'), $3::bigint)"
                 "  ORDER BY fire_at, id LIMIT $4::integer"
                 ") o ON true LEFT JOIN jobs j ON j.id = o.job_id"
                 " ORDER BY o.fire_at, o.id",
    .params = 4,
};

static const struct db_stmt read_jobs = {
    .name = "run_read_jobs",
    .sql = "SELECT id, revision, task_definition, task_count, max_count, trigger, overrides, ecs"
           " FROM jobs WHERE id = ANY ($1::text[])",
    .params = 1,
};

/* A cluster's name or its ARN, which ends with it. */
#define CLUSTER(text) "split_part(" text ", '/', -1)"

/* Each task is looked for by runs_tasks, however many rows there are. */
static const struct db_stmt claimed = {
    .name = "run_claimed",
    .sql = "SELECT (SELECT count(*) FROM runs WHERE state IN ('planned', 'launching') AND id <> $1::bigint"
           "   AND " CLUSTER("request ->> 'cluster'") " = " CLUSTER(
               "$2::text") "   AND split_part(request ->> 'taskDefinition', ':', 1) = $3"
                           "   AND ($4::text IS NULL OR job_id = $4)),"
                           "  c.ord"
                           " FROM (SELECT) AS one LEFT JOIN ("
                           "  SELECT DISTINCT i.ord FROM unnest($5::text[]) WITH ORDINALITY AS i (arn, ord)"
                           "  JOIN runs r ON r.tasks <> '[]'"
                           "   AND r.tasks @> jsonb_build_array(jsonb_build_object('taskId', i.arn))"
                           " ) AS c ON true",
    .params = 5,
};

const struct db_stmt *const run_store_statements[] = {&plan, &record, &read_open, &read_jobs, &claimed};
const size_t run_store_statement_count = ARRAY_LEN(run_store_statements);

enum { NUMBER_SIZE = 24 };

static const char *number(char out[static NUMBER_SIZE], int64_t value)
{
    snprintf(out, NUMBER_SIZE, "%" PRId64, value);
    return out;
}

enum { ARRAYS_MAX = 12 };

/* The arrays of one statement, in the order of its parameters from $2 on. */
struct arrays {
    struct db_array items[ARRAYS_MAX];
    size_t count;
};

static void arrays_init(struct arrays *arrays, size_t count)
{
    arrays->count = count;
    for (size_t i = 0; i < count; i++)
        db_array_init(&arrays->items[i]);
}

static void arrays_done(struct arrays *arrays)
{
    for (size_t i = 0; i < arrays->count; i++)
        db_array_done(&arrays->items[i]);
}

#define AUTO_ARRAYS CLEANUP(arrays_done)

static void arrays_end(struct arrays *arrays, const char **params)
{
    for (size_t i = 0; i < arrays->count; i++)
        params[i] = db_array_end(&arrays->items[i]);
}

static void put_int_unless(struct db_array *array, int64_t value, int64_t null)
{
    if (value == null)
        db_array_null(array);
    else
        db_array_int64(array, value);
}

void run_store_plan(struct db *db, int64_t epoch, const struct run_plan_row *rows, size_t count, bool again,
                    bool brief, db_fn *done, void *arg)
{
    AUTO_ARRAYS struct arrays arrays;
    struct db_array *to = arrays.items;
    char epoch_text[NUMBER_SIZE];
    const char *params[15];

    arrays_init(&arrays, 12);
    for (size_t i = 0; i < count; i++) {
        db_array_text(&to[0], rows[i].job_id);
        db_array_int64(&to[1], rows[i].fire_s);
        db_array_text(&to[2], rows[i].state);
        db_array_int64(&to[3], rows[i].coalesced);
        put_int_unless(&to[4], rows[i].wanted, -1);
        put_int_unless(&to[5], rows[i].running, -1);
        put_int_unless(&to[6], rows[i].needed, -1);
        db_array_text(&to[7], rows[i].request);
        db_array_text(&to[8], rows[i].chunks);
        db_array_text(&to[9], rows[i].error);
        put_int_unless(&to[10], rows[i].next_s, 0);
        db_array_int64(&to[11], rows[i].revision);
    }
    params[0] = number(epoch_text, epoch);
    arrays_end(&arrays, params + 1);
    params[13] = again ? "t" : "f";
    params[14] = brief ? "t" : "f";
    if (brief)
        db_query_alone(db, &plan, params, done, arg); /* nobody else is as impatient */
    else
        db_query(db, &plan, params, done, arg);
}

bool run_store_planned(const struct db_result *result, int row, size_t *index, int64_t *id)
{
    if (row >= db_rows(result) || db_is_null(result, row, 0))
        return false;
    *index = (size_t)db_int64(result, row, 0) - 1;
    *id = db_int64(result, row, 1);
    return true;
}

void run_store_record(struct db *db, int64_t epoch, const struct run_record_row *rows, size_t count,
                      db_fn *done, void *arg)
{
    AUTO_ARRAYS struct arrays arrays;
    struct db_array *to = arrays.items;
    char epoch_text[NUMBER_SIZE];
    const char *params[7];

    arrays_init(&arrays, 6);
    for (size_t i = 0; i < count; i++) {
        db_array_int64(&to[0], rows[i].id);
        db_array_text(&to[1], rows[i].state);
        db_array_text(&to[2], rows[i].chunks);
        db_array_text(&to[3], rows[i].tasks);
        db_array_text(&to[4], rows[i].error);
        put_int_unless(&to[5], rows[i].launched_us, 0);
    }
    params[0] = number(epoch_text, epoch);
    arrays_end(&arrays, params + 1);
    db_query(db, &record, params, done, arg);
}

bool run_store_recorded(const struct db_result *result, int row, size_t *index, bool *locked)
{
    if (row >= db_rows(result) || db_is_null(result, row, 0))
        return false;
    *index = (size_t)db_int64(result, row, 0) - 1;
    *locked = db_bool(result, row, 1);
    return true;
}

void run_store_read_open(struct db *db, int64_t epoch, const struct run_open_at *behind, int most,
                         db_fn *done, void *arg)
{
    char epoch_text[NUMBER_SIZE], fire[NUMBER_SIZE], id[NUMBER_SIZE], most_text[NUMBER_SIZE];

    db_query(db, &read_open,
             (const char *[]){number(epoch_text, epoch),
                              behind->id == 0 ? NULL : number(fire, behind->fire_us), number(id, behind->id),
                              number(most_text, most)},
             done, arg);
}

static int int_or_none(const struct db_result *result, int row, int column)
{
    return db_is_null(result, row, column) ? -1 : (int)db_int64(result, row, column);
}

bool run_store_open(const struct db_result *result, int row, struct run *run, struct run_open *ret)
{
    if (row >= db_rows(result) || db_is_null(result, row, 0))
        return false;
    run->id = db_int64(result, row, 0);
    run->wanted = int_or_none(result, row, 4);
    run->running = int_or_none(result, row, 5);
    run->needed = int_or_none(result, row, 6);
    run->launched_us = db_int64(result, row, 10);
    *ret = (struct run_open){.job_id = db_text(result, row, 1),
                             .at = {.fire_us = db_int64(result, row, 2), .id = run->id},
                             .coalesced = db_int64(result, row, 3),
                             .request = db_text(result, row, 7),
                             .chunks = db_text(result, row, 8),
                             .tasks = db_text(result, row, 9),
                             .grace_s = int_or_none(result, row, 11),
                             .error = db_is_null(result, row, 12) ? NULL : db_text(result, row, 12)};
    return true;
}

bool run_store_fenced(const struct db_result *result)
{
    return db_rows(result) == 0;
}

void run_store_read_jobs(struct db *db, const char *const *ids, size_t count, db_fn *done, void *arg)
{
    AUTO_DB_ARRAY struct db_array array;

    db_array_init(&array);
    for (size_t i = 0; i < count; i++)
        db_array_text(&array, ids[i]);
    db_query(db, &read_jobs, (const char *[]){db_array_end(&array)}, done, arg);
}

void run_store_job(const struct db_result *result, int row, struct run_job_row *ret)
{
    *ret = (struct run_job_row){.id = db_text(result, row, 0),
                                .revision = db_int64(result, row, 1),
                                .task_definition = db_text(result, row, 2),
                                .task_count = (int)db_int64(result, row, 3),
                                .max_count = (int)db_int64(result, row, 4),
                                .trigger = db_text(result, row, 5),
                                .overrides = db_text(result, row, 6),
                                .ecs = db_text(result, row, 7)};
}

void run_store_claimed(struct db *db, const struct run_claims *claims, db_fn *done, void *arg)
{
    AUTO_DB_ARRAY struct db_array arns;
    char id[NUMBER_SIZE];

    db_array_init(&arns);
    for (size_t i = 0; i < claims->count; i++)
        db_array_text(&arns, claims->arns[i]);
    db_query(db, &claimed,
             (const char *[]){number(id, claims->run_id), claims->cluster, claims->family, claims->job_id,
                              db_array_end(&arns)},
             done, arg);
}

bool run_store_claimed_at(const struct db_result *result, int row, size_t *index)
{
    if (row >= db_rows(result) || db_is_null(result, row, 1))
        return false;
    *index = (size_t)db_int64(result, row, 1) - 1;
    return true;
}

int64_t run_store_open_others(const struct db_result *result)
{
    return db_int64(result, 0, 0);
}

/* If one fails, so will who asks it in earnest, and he tells. */
static void on_warm(void *arg UNUSED, const struct db_result *result UNUSED, const struct err *err UNUSED)
{
}

void run_store_warm(struct db *db)
{
    enum { NOBODY = -1 };

    run_store_read_open(db, NOBODY, &(struct run_open_at){0}, 1, on_warm, NULL);
    run_store_read_jobs(db, NULL, 0, on_warm, NULL);
    run_store_plan(db, NOBODY, NULL, 0, false, false, on_warm, NULL);
    run_store_record(db, NOBODY, NULL, 0, on_warm, NULL);
    run_store_claimed(db, &(struct run_claims){.cluster = "", .family = ""}, on_warm, NULL);
}
