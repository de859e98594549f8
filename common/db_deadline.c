/*
 * What has no time left: queries that are not begun any more, askers that are told so, and a server that is
 * silent. See db.h.
 */
#include "db_internal.h"

#include <inttypes.h>
#include <stdio.h>

#include <event2/event.h>

#include "attr.h"

void arm_deadline(struct db *db, int64_t deadline_at)
{
    int64_t now;

    if (db->next_deadline_ms != 0 && db->next_deadline_ms <= deadline_at)
        return;
    now = now_ms();
    db->next_deadline_ms = deadline_at;
    arm_ms(db->deadline, deadline_at > now ? deadline_at - now : 0);
}

static void expire(struct db *db, struct queries *queue, struct query *query)
{
    const int64_t waited_ms = now_ms() - (query->deadline_at - query->deadline_ms);
    struct err err;

    TAILQ_REMOVE(queue, query, link);
    if (db->state == DB_UP)
        err_set(&err, ERR_UNAVAILABLE,
                "the database had no time for it within %" PRId64 " ms; nothing was done", waited_ms);
    else
        err_set(&err, ERR_UNAVAILABLE, "waited %" PRId64 " ms; %s; nothing was done", waited_ms,
                db->down_err.kind == ERR_NONE ? "the database is not reachable" : db->down_err.text);
    query_fail(db, query, &err);
}

/* For how long a query may have to be waited for once it is sent, if all is well. */
static int may_take_ms(const struct db *db, const struct query *query)
{
    const struct db_options *options = &db->options;

    if (query->stmt->slow)
        return options->statement_timeout_ms > 0 ? options->statement_timeout_ms : options->deadline_ms;
    return options->lock_timeout_ms > 0 ? options->lock_timeout_ms : query->deadline_ms / 10;
}

/* From when on a query is not sent any more, as its answer would come too late. */
static int64_t latest_start(const struct db *db, const struct query *query)
{
    int ms = may_take_ms(db, query);

    return query->deadline_at - (ms < query->deadline_ms / 2 ? ms : query->deadline_ms / 2);
}

static void expire_waiting(struct db *db, struct queries *queue)
{
    struct query *query, *next;
    int64_t now = now_ms();

    for (query = TAILQ_FIRST(queue); query != NULL; query = next) {
        next = TAILQ_NEXT(query, link);
        if (query->done != NULL && query->on_row == NULL && latest_start(db, query) <= now)
            expire(db, queue, query);
    }
}

void queue_expire(struct db *db)
{
    expire_waiting(db, &db->queue);
    expire_waiting(db, &db->slow);
}

static void on_unwanted(void *arg UNUSED, const struct db_result *result UNUSED, const struct err *err UNUSED)
{
}

/* Who asked hears now that his time is over. The answer, when it comes, is for nobody. */
static void stop_waiting(struct db *db, struct query *query)
{
    struct query *told = query_new(db, &db_ping_stmt, NULL, query->deadline_ms);
    struct err err;
    char why[64];

    told->done = query->done;
    told->arg = query->arg;
    query->done = on_unwanted;
    query->arg = NULL;
    db->pending++;
    snprintf(why, sizeof why, "the database has not answered within %d ms", told->deadline_ms);
    set_unsure(&err, why);
    query_fail(db, told, &err);
}

static bool is_waited_for(const struct query *query)
{
    return query->done != NULL && query->done != on_unwanted && query->on_row == NULL;
}

/* What the server has for a group, from when it is sent. */
static int answer_ms(const struct db *db)
{
    return db->state == DB_UP ? db->options.deadline_ms : db->options.connect_timeout_ms;
}

/* The server has had its time, or nearly: who was sent as soon as he asked, and whose time is over, is not to
 * hear of that a moment before the connection is lost. */
static bool is_silent(const struct db *db, int64_t now)
{
    return db->cur != NULL && now - db->sent_ms >= answer_ms(db) - answer_ms(db) / 20;
}

static void leave_silent(struct db *db)
{
    struct err err;

    err_set(&err, ERR_UNAVAILABLE, "the database has not answered within %d ms", answer_ms(db));
    conn_lost(db, &err);
}

static int64_t earlier(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

/* These return the next deadline of who is left. */
static int64_t expire_late(struct db *db, struct queries *queue, int64_t now)
{
    struct query *query, *next;
    int64_t earliest = INT64_MAX;

    for (query = TAILQ_FIRST(queue); query != NULL; query = next) {
        next = TAILQ_NEXT(query, link);
        if (query->deadline_at <= now)
            expire(db, queue, query);
        else
            earliest = earlier(earliest, query->deadline_at);
    }
    return earliest;
}

static int64_t tell_late(struct db *db, int64_t now)
{
    struct query *query;
    int64_t earliest = db->cur == NULL ? INT64_MAX : db->sent_ms + answer_ms(db);

    TAILQ_FOREACH(query, &db->flight, link)
    {
        if (!is_waited_for(query))
            continue;
        if (query->deadline_at <= now)
            stop_waiting(db, query);
        else
            earliest = earlier(earliest, query->deadline_at);
    }
    return earliest;
}

void on_deadline(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct db *db = arg;
    int64_t now = now_ms(), earliest;

    db->next_deadline_ms = 0;
    if (is_silent(db, now))
        leave_silent(db);
    earliest = earlier(expire_late(db, &db->queue, now), expire_late(db, &db->slow, now));
    earliest = earlier(earliest, tell_late(db, now));
    if (earliest != INT64_MAX)
        arm_deadline(db, earliest);
    settle(db);
}
