/*
 * Groups of queries: sending, reading their answers, and running them again one by one after an error. See
 * db.h.
 *
 * What libpq says in pipeline mode, by query: for a Parse and for the query itself one result (of a stream:
 * one for each row, then an empty one), then NULL; for a sync one PGRES_PIPELINE_SYNC. After an error all are
 * PGRES_PIPELINE_ABORTED until the sync. We follow by (cur, stage).
 */
#include "db_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "clock.h"
#include "log.h"
#include "mem.h"

enum {
    READ_MAX_US = 2000, /* reading rows for this long, then the loop has its turn */
    READ_LOOK_AT_CLOCK = 64,
    SOLO_MAX = 4,    /* in flight, each of which may wait for a lock */
    LOCK_AGAIN = 20, /* the part of lock_timeout_ms that those have who are run again because of a lock */
};

static const struct db_stmt short_lock_stmt = {
    .name = "db_short_lock",
    .sql = "SELECT set_config('lock_timeout', $1, true)", /* until the end of the transaction */
    .params = 1,
};

/* --- sending --- */

static bool is_prepared(const struct db *db, const struct db_stmt *stmt)
{
    for (size_t i = 0; i < db->prepared_count; i++)
        if (db->prepared[i] == stmt)
            return true;
    return false;
}

/* From the Parse on; taken back if it fails. */
static void set_prepared(struct db *db, const struct db_stmt *stmt)
{
    db->prepared = mem_grow(db->prepared, db->prepared_count + 1, sizeof *db->prepared);
    db->prepared[db->prepared_count++] = stmt;
}

static void set_unprepared(struct db *db, const struct db_stmt *stmt)
{
    for (size_t i = 0; i < db->prepared_count; i++) {
        if (db->prepared[i] == stmt) {
            db->prepared[i] = db->prepared[--db->prepared_count];
            return;
        }
    }
}

static bool send_query(struct db *db, struct query *query)
{
    const struct db_stmt *stmt = query->stmt;

    if (stmt->name == NULL)
        return PQsendQueryParams(db->pg, stmt->sql, stmt->params, NULL, query->params, NULL, NULL, 0) == 1;
    query->preparing = !is_prepared(db, stmt);
    if (query->preparing) {
        if (PQsendPrepare(db->pg, stmt->name, stmt->sql, stmt->params, NULL) != 1)
            return false;
        set_prepared(db, stmt);
    }
    return PQsendQueryPrepared(db->pg, stmt->name, stmt->params, query->params, NULL, NULL, 0) == 1;
}

/* Moves the first query of a queue into flight. */
static bool launch_first(struct db *db, struct queries *queue, bool ends_group)
{
    struct query *query = TAILQ_FIRST(queue);

    TAILQ_REMOVE(queue, query, link);
    TAILQ_INSERT_TAIL(&db->flight, query, link);
    query->ends_group = ends_group;
    return send_query(db, query) && (!ends_group || PQpipelineSync(db->pg) == 1);
}

static bool is_stream_head(const struct query *query)
{
    const struct query *next = TAILQ_NEXT(query, link);

    return query->done == NULL && !query->solo && next != NULL && next->on_row != NULL;
}

/* How many of the queue go into the next group: its first is neither solo nor a stream. */
static size_t group_size(const struct db *db)
{
    const struct query *first = TAILQ_FIRST(&db->queue), *query = first;
    size_t n = 0;

    for (; query != NULL && n < DB_GROUP_MAX; query = TAILQ_NEXT(query, link), n++)
        if (query->solo || query->on_row != NULL || is_stream_head(query) || query->again != first->again)
            break;
    return n;
}

struct place {
    struct query *query;
    size_t at; /* in the queue: what locks the same row stays in order */
};

/* "" comes first: what locks no row. */
static const char *locked_row(const struct query *query)
{
    const char *name = query->stmt->locks == 0 ? NULL : query->params[query->stmt->locks - 1];

    return name == NULL ? "" : name;
}

static int compare_places(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    int order = strcmp(locked_row(a->query), locked_row(b->query));

    return order != 0 ? order : a->at < b->at ? -1 : 1;
}

/* Puts the next group, which is the first count of the queue, into the order in which all connections lock.
 */
static void order_group(struct db *db, size_t count)
{
    struct place places[DB_GROUP_MAX];

    for (size_t i = 0; i < count; i++) {
        places[i] = (struct place){TAILQ_FIRST(&db->queue), i};
        TAILQ_REMOVE(&db->queue, places[i].query, link);
    }
    qsort(places, count, sizeof *places, compare_places);
    for (size_t i = count; i-- > 0;)
        TAILQ_INSERT_HEAD(&db->queue, places[i].query, link);
}

static bool launch_group(struct db *db)
{
    size_t count = group_size(db);

    order_group(db, count);
    for (size_t i = 1; i <= count; i++)
        if (!launch_first(db, &db->queue, i == count))
            return false;
    return true;
}

/* The next flight from the queue: a stream; or queries that run alone, one after the other; or one group. */
static bool launch_queue(struct db *db)
{
    struct queries *queue = &db->queue;
    const struct query *query = TAILQ_FIRST(queue);

    if (is_stream_head(query)) /* which turns the timeout off */
        return launch_first(db, queue, false) && launch_first(db, queue, true);
    if (query->on_row != NULL)
        return launch_first(db, queue, true);
    if (query->solo) {
        int most = db->options.lock_timeout_ms > 0 ? SOLO_MAX : DB_GROUP_MAX;

        for (int n = 0; n < most && query != NULL && query->solo; n++) {
            if (!launch_first(db, queue, true))
                return false;
            if (query->preparing) /* the next one may need to know whether that worked */
                return true;
            query = TAILQ_FIRST(queue);
        }
        return true;
    }
    return launch_group(db);
}

/* Slow queries fly one at a time, and take turns with all others. */
static bool launch(struct db *db)
{
    bool slow = !TAILQ_EMPTY(&db->slow) && (db->slow_next || TAILQ_EMPTY(&db->queue));

    db->slow_next = !slow;
    return slow ? launch_first(db, &db->slow, true) : launch_queue(db);
}

static void send_failed(struct db *db)
{
    struct err err;

    err_from_conn(&err, db->pg, "the database connection was lost");
    conn_lost(db, &err);
}

void flight_flush(struct db *db)
{
    int left = PQflush(db->pg);

    if (left < 0)
        kick(db); /* the read event tells what happened */
    else if (left > 0)
        event_add(db->on_write, NULL);
}

/* The first answer that we wait for. */
static void begin(struct db *db)
{
    db->cur = TAILQ_FIRST(&db->flight);
    db->sent_ms = now_ms();
    db->group_failed = false;
    free(db->group_err);
    db->group_err = NULL;
    db->stage = db->cur != NULL && db->cur->preparing ? STAGE_PREPARE : STAGE_ANSWER;
    if (db->cur != NULL && db->cur->on_row != NULL && !db->cur->preparing)
        PQsetSingleRowMode(db->pg);
}

void flight_start(struct db *db)
{
    if (!TAILQ_EMPTY(&db->flight))
        return;
    queue_expire(db);
    if (TAILQ_EMPTY(&db->queue) && TAILQ_EMPTY(&db->slow))
        return;
    if (!launch(db)) {
        send_failed(db);
        return;
    }
    begin(db);
    flight_flush(db);
}

void flight_listen(struct db *db)
{
    struct channel *channel;
    struct query *query;

    TAILQ_FOREACH(channel, &db->channels, link)
    {
        query = query_new(db, &channel->stmt, NULL, db->options.connect_timeout_ms);
        query->solo = true;
        TAILQ_INSERT_TAIL(&db->flight, query, link);
        query->ends_group = true;
        if (!send_query(db, query) || PQpipelineSync(db->pg) != 1) {
            send_failed(db);
            return;
        }
    }
    begin(db);
    flight_flush(db);
}

/* --- after the sync --- */

static bool is_alone(const struct db *db)
{
    const struct query *query;
    size_t waiting = 0;

    TAILQ_FOREACH(query, &db->flight, link)
    {
        waiting += query->done != NULL;
        if (query->ends_group)
            break;
    }
    return waiting <= 1;
}

static void set_err(struct err **into, const struct err *err)
{
    if (*into == NULL)
        *into = mem_alloc(sizeof **into);
    **into = *err;
}

static void run_again(struct query *query, bool solo, struct queries *again)
{
    free(query->err);
    PQclear(query->result);
    query->err = NULL;
    query->result = NULL;
    query->solo |= solo;
    query->again = !solo;
    query->preparing = query->ends_group = false;
    TAILQ_INSERT_TAIL(again, query, link);
}

/* Who waited in vain for another session's lock; NULL: nobody. */
static const struct query *find_held_up(const struct db *db)
{
    const struct query *query;

    TAILQ_FOREACH(query, &db->flight, link)
    {
        if (query->done != NULL && query->err != NULL && db_err_is_lock(query->err))
            return query;
        if (query->ends_group)
            break;
    }
    return NULL;
}

static bool locks_same_row(const struct query *one, const struct query *other)
{
    return locked_row(one)[0] != '\0' && strcmp(locked_row(one), locked_row(other)) == 0;
}

/* Where there is a lock in the way, the error of one is also that of others. NULL: it can be run again. */
static const struct err *final_err(const struct query *query, const struct query *held_up)
{
    if (query->err != NULL && query->final)
        return query->err;
    return held_up != NULL && locks_same_row(query, held_up) ? held_up->err : NULL;
}

/* A group that begins with this waits for locks only briefly: the next row that is locked is not to hold up
 * the others as long as the first one did. */
static void shorten_locks(struct db *db, struct queries *again)
{
    struct query *query;
    char ms[16];

    if (db->options.lock_timeout_ms <= 0 || TAILQ_EMPTY(again))
        return;
    snprintf(ms, sizeof ms, "%d", db->options.lock_timeout_ms / LOCK_AGAIN + 1);
    query = query_new(db, &short_lock_stmt, (const char *const[]){ms}, db->options.deadline_ms);
    query->again = true;
    TAILQ_INSERT_HEAD(again, query, link);
}

/* The first group in flight was undone by the server. Who is alone in it gets the error, and who ran or
 * waited too long must not do so again; all others are run again, in their order, before what came after
 * them: one by one, as any of them may fail, but together, by themselves, if only a lock was in the way of
 * one. */
static void undo_group(struct db *db)
{
    struct queries again = TAILQ_HEAD_INITIALIZER(again);
    const struct query *held_up = find_held_up(db);
    struct query *query;
    bool alone = is_alone(db), last = false;

    while (!last && (query = TAILQ_FIRST(&db->flight)) != NULL) {
        const struct err *err = final_err(query, held_up);

        TAILQ_REMOVE(&db->flight, query, link);
        last = query->ends_group;
        if (query->done == NULL)
            query_free(query);
        else if (alone)
            query_fail(db, query, query->err != NULL ? query->err : db->group_err);
        else if (err != NULL)
            query_fail(db, query, err);
        else
            run_again(query, held_up == NULL, &again);
    }
    if (held_up != NULL)
        shorten_locks(db, &again);
    TAILQ_CONCAT(&again, &db->queue, link);
    TAILQ_CONCAT(&db->queue, &again, link);
}

static void land_group(struct db *db)
{
    struct query *query;

    do {
        query = TAILQ_FIRST(&db->flight);
        TAILQ_REMOVE(&db->flight, query, link);
        TAILQ_INSERT_TAIL(&db->landed, query, link);
    } while (!query->ends_group);
}

static void end_group(struct db *db)
{
    if (db->group_failed)
        undo_group(db);
    else
        land_group(db);
    begin(db);
    if (db->cur == NULL && db->state == DB_SETTING_UP)
        conn_up(db);
}

void flight_lost(struct db *db)
{
    struct query *query;
    struct err err;

    if (db->cur != NULL && db->group_failed)
        undo_group(db);
    set_unsure(&err, db->down_err.text);
    while ((query = TAILQ_FIRST(&db->flight)) != NULL) {
        TAILQ_REMOVE(&db->flight, query, link);
        if (query->done == NULL)
            query_free(query);
        else
            query_fail(db, query, &err);
    }
    db->cur = NULL;
    db->prepared_count = 0;
}

/* --- reading --- */

/* Errors after which this connection is of no use: the server is no primary any more, or its memory of our
 * statements is not what we think. */
static bool is_useless(const PGresult *result)
{
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    return sqlstate_is(result, "25006") || sqlstate_is(result, "26000") ||
           (sqlstate_is(result, "0A000") && message != NULL && strstr(message, "cached plan") != NULL);
}

static bool on_error(struct db *db, const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    struct err err;

    err_from_result(&err, result);
    if (state == NULL) { /* libpq's own: the server may have done all of it */
        conn_lost(db, &err);
        return false;
    }
    if (severity != NULL && strcmp(severity, "FATAL") == 0)
        snprintf(db->fatal, sizeof db->fatal, "%s", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    if (is_useless(result))
        err.kind = ERR_UNAVAILABLE;
    if (!db->group_failed)
        set_err(&db->group_err, &err);
    db->group_failed = true;
    if (db->stage == STAGE_SYNC)
        return true;
    set_err(&db->cur->err, &err);
    db->cur->final = sqlstate_is(result, "57014") || db_err_is_lock(&err);
    if (db->stage == STAGE_PREPARE)
        set_unprepared(db, db->cur->stmt);
    if (is_useless(result) || (db->cur->done == NULL && db->cur->solo)) { /* the latter: no LISTEN, no use */
        conn_lost(db, &err);
        return false;
    }
    return true;
}

static void on_aborted(struct db *db)
{
    if (db->stage == STAGE_PREPARE)
        set_unprepared(db, db->cur->stmt);
}

/* False: the db is closing. */
static bool on_row(struct db *db, PGresult *result)
{
    struct db_result row = {result};
    struct query *query = db->cur;
    bool more;

    assert(query->on_row != NULL);
    if (query->enough)
        return true;
    db->callbacks++;
    more = query->on_row(query->arg, &row);
    db->callbacks--;
    if (db->closing)
        return false;
    query->enough = !more;
    return true;
}

static bool on_unexpected(struct db *db, const PGresult *result)
{
    struct err err;

    err_set(&err, ERR_INTERNAL, "the statement %s cannot be used here: %s",
            db->cur->stmt->name == NULL ? "" : db->cur->stmt->name, PQresStatus(PQresultStatus(result)));
    set_err(&db->cur->err, &err);
    set_err(&db->group_err, &err);
    db->group_failed = true; /* closing the connection sees to that */
    conn_lost(db, &err);
    return false;
}

static void end_command(struct db *db)
{
    if (db->stage == STAGE_PREPARE) {
        db->stage = STAGE_ANSWER;
    } else if (db->stage == STAGE_ANSWER && db->cur->ends_group) {
        db->stage = STAGE_SYNC;
        return;
    } else if (db->stage == STAGE_ANSWER) {
        db->cur = TAILQ_NEXT(db->cur, link);
        db->stage = db->cur->preparing ? STAGE_PREPARE : STAGE_ANSWER;
    }
    if (db->stage == STAGE_ANSWER && db->cur->on_row != NULL)
        PQsetSingleRowMode(db->pg);
}

/* False as flight_read(). Keeps or clears the result. */
static bool on_result(struct db *db, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    bool good = true;

    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY) {
        if (db->stage == STAGE_ANSWER) {
            PQclear(db->cur->result);
            db->cur->result = result;
            return true;
        }
    } else if (status == PGRES_SINGLE_TUPLE) {
        good = on_row(db, result);
    } else if (status == PGRES_PIPELINE_SYNC) {
        end_group(db);
    } else if (status == PGRES_PIPELINE_ABORTED) {
        on_aborted(db);
    } else if (status == PGRES_FATAL_ERROR) {
        good = on_error(db, result);
    } else {
        good = on_unexpected(db, result);
    }
    PQclear(result);
    return good;
}

bool flight_read(struct db *db)
{
    int64_t start = clock_monotonic_us(&clock_system);
    PGresult *result;

    for (int n = 1; db->cur != NULL && !PQisBusy(db->pg); n++) {
        if (n == 1) {
            db->last_answer_us = start;
            if (db->cur->on_row != NULL) /* a stream that moves is in time */
                db->sent_ms = start / 1000;
        }
        if (n % READ_LOOK_AT_CLOCK == 0 && clock_monotonic_us(&clock_system) - start > READ_MAX_US) {
            conn_stop_reading(db, true); /* reading on would only fill libpq's buffer */
            arm_ms(db->more, 0);
            return true;
        }
        result = PQgetResult(db->pg);
        if (result == NULL)
            end_command(db);
        else if (!on_result(db, result))
            return false;
    }
    return true;
}
