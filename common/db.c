/*
 * The queue, and all callbacks. See db.h for what is promised, db_internal.h for how the files
 * share the work.
 */
#include "db_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "attr.h"
#include "clock.h"
#include "log.h"
#include "mem.h"

const struct db_stmt db_ping_stmt = {.name = "db_ping", .sql = "SELECT 1"};
static const struct db_stmt no_timeout_stmt = {
    .name = "db_no_timeout",
    .sql = "SELECT set_config('statement_timeout', '0', true)", /* until the end of the transaction */
};

int64_t now_ms(void)
{
    return clock_monotonic_ms(&clock_system);
}

void arm_ms(struct event *event, int64_t ms)
{
    struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

    event_add(event, &tv);
}

void kick(struct db *db)
{
    arm_ms(db->kick, 0);
}

/* One block: the pointers, then the texts. */
static const char **copy_params(const struct db_stmt *stmt, const char *const *params)
{
    size_t count = (size_t)stmt->params, size = count * sizeof *params;
    const char **copy;
    char *text;

    if (count == 0)
        return NULL;
    for (size_t i = 0; i < count; i++)
        size += params[i] == NULL ? 0 : strlen(params[i]) + 1;
    copy = mem_alloc(size);
    text = (char *)(copy + count);
    for (size_t i = 0; i < count; i++) {
        if (params[i] == NULL)
            continue;
        copy[i] = text;
        text = stpcpy(text, params[i]) + 1;
    }
    return copy;
}

struct query *query_new(struct db *db, const struct db_stmt *stmt, const char *const *params, int deadline_ms)
{
    struct query *query = mem_alloc(sizeof *query);

    *query = (struct query){.stmt = stmt,
                            .params = copy_params(stmt, params),
                            .deadline_ms = deadline_ms,
                            .deadline_at = now_ms() + deadline_ms};
    arm_deadline(db, query->deadline_at);
    return query;
}

void query_free(struct query *query)
{
    PQclear(query->result);
    free(query->err);
    free(query->params);
    free(query);
}

void query_fail(struct db *db, struct query *query, const struct err *err)
{
    PQclear(query->result);
    query->result = NULL;
    if (query->err == NULL)
        query->err = mem_alloc(sizeof *query->err);
    *query->err = *err;
    TAILQ_INSERT_TAIL(&db->landed, query, link);
    kick(db);
}

static void fail_all(struct db *db, struct queries *queue, const struct err *err)
{
    struct query *query;

    while ((query = TAILQ_FIRST(queue)) != NULL) {
        TAILQ_REMOVE(queue, query, link);
        query_fail(db, query, err);
    }
}

void queue_down(struct db *db)
{
    struct err err = db->down_err;

    if (db->options.wait_while_down)
        return;
    if (db->closing)
        err_set(&err, ERR_UNAVAILABLE, "the daemon is stopping");
    else if (err.kind == ERR_NONE)
        err_set(&err, ERR_UNAVAILABLE, "the database is not reachable: not connected yet");
    fail_all(db, &db->queue, &err);
    fail_all(db, &db->slow, &err);
}

static void expect(struct db *db, struct query *query, db_fn *done, void *arg)
{
    query->done = done;
    query->arg = arg;
    db->pending++;
}

/* There is one more in the queue. */
static void queue_grown(struct db *db)
{
    if (db->state != DB_UP || db->closing)
        queue_down(db);
    else if (TAILQ_EMPTY(&db->flight))
        kick(db);
}

/* Puts a query that somebody waits for into the queue. */
static void ask(struct db *db, struct query *query, db_fn *done, void *arg)
{
    size_t max = db->options.queue_max;
    struct err err;

    expect(db, query, done, arg);
    if (db->pending > max) {
        err_set(&err, ERR_UNAVAILABLE,
                "the database is too slow: %zu queries wait for it already; nothing was done", max);
        query_fail(db, query, &err);
        return;
    }
    TAILQ_INSERT_TAIL(query->stmt->slow ? &db->slow : &db->queue, query, link);
    queue_grown(db);
}

void db_query_within(struct db *db, const struct db_stmt *stmt, const char *const *params, int deadline_ms,
                     db_fn *done, void *arg)
{
    assert(done != NULL && deadline_ms > 0);
    ask(db, query_new(db, stmt, params, deadline_ms), done, arg);
}

void db_query(struct db *db, const struct db_stmt *stmt, const char *const *params, db_fn *done, void *arg)
{
    db_query_within(db, stmt, params, db->options.deadline_ms, done, arg);
}

void db_query_first(struct db *db, const struct db_stmt *stmt, const char *const *params, db_fn *done,
                    void *arg)
{
    struct query *query = query_new(db, stmt, params, db->options.deadline_ms);

    query->solo = true;
    expect(db, query, done, arg);
    TAILQ_INSERT_HEAD(&db->queue, query, link);
    queue_grown(db);
}

void db_query_alone(struct db *db, const struct db_stmt *stmt, const char *const *params, db_fn *done,
                    void *arg)
{
    struct query *query = query_new(db, stmt, params, db->options.deadline_ms);

    query->solo = true;
    ask(db, query, done, arg);
}

void db_ping(struct db *db, db_fn *done, void *arg)
{
    db_query(db, &db_ping_stmt, NULL, done, arg);
}

void db_stream(struct db *db, const struct db_stmt *stmt, const char *const *params, db_row_fn *on_row,
               db_fn *done, void *arg)
{
    struct query *before = query_new(db, &no_timeout_stmt, NULL, db->options.deadline_ms);
    struct query *query = query_new(db, stmt, params, db->options.deadline_ms);

    assert(!stmt->slow); /* it is to come behind the other */
    query->on_row = on_row;
    if (db->pending < db->options.queue_max)
        TAILQ_INSERT_TAIL(&db->queue, before, link);
    else
        query_free(before); /* it would come before another one, as ours is going to be refused */
    ask(db, query, done, arg);
}

void db_listen(struct db *db, const char *name, db_notify_fn *on_notify, void *arg)
{
    struct channel *channel = mem_alloc(sizeof *channel);
    struct query *query;
    AUTO_BUF struct buf sql = {0};

    buf_init(&sql, 1024);
    buf_puts(&sql, "LISTEN \"");
    for (const char *p = name; *p != '\0'; p++)
        buf_printf(&sql, *p == '"' ? "\"\"" : "%c", *p);
    buf_putc(&sql, '"');
    *channel = (struct channel){
        .name = mem_strdup(name), .sql = buf_steal(&sql), .on_notify = on_notify, .arg = arg};
    channel->stmt = (struct db_stmt){.sql = channel->sql};
    TAILQ_INSERT_TAIL(&db->channels, channel, link);
    if (db->state != DB_UP && db->state != DB_SETTING_UP)
        return;
    query = query_new(db, &channel->stmt, NULL, db->options.deadline_ms);
    query->solo = true;
    TAILQ_INSERT_HEAD(&db->queue, query, link);
    kick(db);
}

/* --- callbacks --- */

static void db_destroy(struct db *db)
{
    struct channel *channel;

    while ((channel = TAILQ_FIRST(&db->channels)) != NULL) {
        TAILQ_REMOVE(&db->channels, channel, link);
        free(channel->name);
        free(channel->sql);
        free(channel);
    }
    db_target_free(db->target);
    free(db->prepared);
    free(db->group_err);
    free(db->application_name);
    free(db);
}

static void query_done(struct db *db, struct query *query)
{
    struct db_result result = {query->result};

    if (query->done != NULL) {
        db->pending--;
        if (query->err != NULL)
            query->done(query->arg, NULL, query->err);
        else
            query->done(query->arg, &result, NULL);
    }
    query_free(query);
}

static void tell_state(struct db *db)
{
    if (db->tell_down) {
        db->tell_down = false;
        if (db->options.on_down != NULL && !db->closing)
            db->options.on_down(db->options.arg, &db->down_err);
    }
    if (db->tell_up && !db->closing) {
        db->tell_up = false;
        if (db->options.on_up != NULL)
            db->options.on_up(db->options.arg);
    }
}

static void tell_notify(struct db *db, const PGnotify *notify)
{
    struct channel *channel;

    TAILQ_FOREACH(channel, &db->channels, link)
    if (strcmp(channel->name, notify->relname) == 0) {
        channel->on_notify(channel->arg, notify->relname, notify->extra);
        return;
    }
}

static void tell_notifies(struct db *db)
{
    PGnotify *notify;

    while (!db->closing && db->pg != NULL && (notify = PQnotifies(db->pg)) != NULL) {
        tell_notify(db, notify);
        PQfreemem(notify);
    }
}

static void tell_answers(struct db *db)
{
    struct query *query;

    while ((query = TAILQ_FIRST(&db->landed)) != NULL) {
        TAILQ_REMOVE(&db->landed, query, link);
        query_done(db, query);
    }
}

void settle(struct db *db)
{
    db->callbacks++;
    tell_state(db);
    tell_notifies(db);
    tell_answers(db);
    db->callbacks--;
    if (db->closing && db->callbacks == 0)
        db_destroy(db);
    else if (!db->closing && db->state == DB_UP)
        flight_start(db);
}

static void on_kick(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    settle(arg);
}

static void on_more(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct db *db = arg;

    conn_stop_reading(db, false);
    flight_read(db);
    settle(db);
}

/* --- its life --- */

static int or_default(int value, int def)
{
    return value == 0 ? def : value;
}

struct db *db_new(struct event_base *base, const struct db_options *options, struct err *err)
{
    struct db *db = mem_alloc(sizeof *db);
    const char *name = options->application_name == NULL ? "ecs-scheduler" : options->application_name;

    *db = (struct db){.base = base, .options = *options, .application_name = mem_strdup(name)};
    db->options.application_name = db->application_name;
    db->options.connect_timeout_ms = or_default(options->connect_timeout_ms, DB_CONNECT_TIMEOUT_DEFAULT_MS);
    db->options.deadline_ms = or_default(options->deadline_ms, DB_DEADLINE_DEFAULT_MS);
    if (db->options.queue_max == 0)
        db->options.queue_max = DB_QUEUE_DEFAULT;
    TAILQ_INIT(&db->queue);
    TAILQ_INIT(&db->slow);
    TAILQ_INIT(&db->flight);
    TAILQ_INIT(&db->landed);
    TAILQ_INIT(&db->channels);
    db->target = db_target_new(&db->options, err);
    db->options.url = db->options.session_options = NULL; /* the target has what they say */
    if (db->target == NULL) {
        db_destroy(db);
        return NULL;
    }
    db->kick = evtimer_new(base, on_kick, db);
    db->more = evtimer_new(base, on_more, db);
    db->deadline = evtimer_new(base, on_deadline, db);
    db->step = evtimer_new(base, on_step, db);
    arm_ms(db->step, 0);
    return db;
}

void db_free(struct db *db)
{
    struct query *query;
    struct err err;

    if (db == NULL || db->closing)
        return;
    db->closing = true;
    db->options.wait_while_down = false;
    conn_close(db);
    set_unsure(&err, "the daemon is stopping");
    while ((query = TAILQ_FIRST(&db->flight)) != NULL) {
        TAILQ_REMOVE(&db->flight, query, link);
        query_fail(db, query, &err);
    }
    db->cur = NULL;
    queue_down(db);
    db->callbacks++;
    tell_answers(db);
    db->callbacks--;
    event_free(db->kick);
    event_free(db->more);
    event_free(db->deadline);
    event_free(db->step);
    if (db->callbacks == 0)
        db_destroy(db);
}

bool db_is_up(const struct db *db)
{
    return db->state == DB_UP;
}

size_t db_pending(const struct db *db)
{
    return db->pending;
}

int db_backend_pid(const struct db *db)
{
    return db->state == DB_UP ? PQbackendPID(db->pg) : 0;
}

int64_t db_last_answer_us(const struct db *db)
{
    return db->last_answer_us;
}
