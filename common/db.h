/*
 * One connection to PostgreSQL on the event loop, the only user of libpq-fe.h beside migrate.c.
 *
 * Queries are pipelined and grouped: one group is in flight, what is asked meanwhile becomes the next group.
 * A group is one transaction, so that a hundred writes that arrive together cost one commit; a query is
 * answered only when the commit is known. If a statement of a group fails, the server undoes the whole group;
 * then each of its queries is run again in a transaction of its own, and gets the answer that it would have
 * got alone. So a query is one statement, sees nothing of what its neighbours may not do, and needs no BEGIN.
 * What is to be expected (a row that exists already) should be no error: write ON CONFLICT DO NOTHING
 * RETURNING, as an error costs the neighbours a second run.
 *
 * A group holds the locks of its rows until its commit. Two connections that lock the same rows in different
 * orders would wait for each other until the server finds out, one second later; so within a group the
 * statements that name their row (db_stmt.locks) are sent in the order of these names. Nobody can tell: what
 * is in one group was asked while none of it had been answered.
 *
 * With lock_timeout_ms, who waits so long for another session's lock fails, and with it those of its group
 * that name the same row; it is not run again. All others of the group are, together and before all that
 * came since. The next locked row that is among theirs has a twentieth of that time: so the first one holds
 * up its neighbours for lock_timeout_ms, and each further one for little. Nothing is begun that
 * could not wait so long, or without lock_timeout_ms take a tenth of its time, and still be answered before
 * its deadline.
 *
 * A statement that may take long, or whose result may be large, says so (db_stmt.slow): it is in no group,
 * and such queries take turns with all others, one with one flight of those. So a quick query waits for one
 * slow one at most, and one large result is in memory at a time. None is begun that could not take its whole
 * statement_timeout_ms and still be in time: under more of them than can be done, those that are begun are
 * answered.
 *
 * Who has no answer by his deadline is told so. That costs the others nothing: the connection is given up
 * only when the server has been silent for deadline_ms since the group was sent.
 *
 * Every query is answered exactly once, by a callback from the loop, never from inside the call that asked.
 * A callback may ask again, and may free the db. ERR_UNAVAILABLE means: try again later; where
 * db_err_is_unsure() a write may have happened (the connection was lost before its answer, say), so make
 * writes that are repeated safe to repeat.
 *
 * A lost connection is made again by itself, with back-off and jitter. Statements are prepared on each
 * connection when first used, channels listened to before on_up. Host names are resolved in a thread, so that
 * a slow resolver does not stop the loop. A server that is read-only (a standby, or a primary that became
 * one) is not used: target_session_attrs is read-write unless the URL has it, and SQLSTATE 25006 drops the
 * connection. All of the URL's hosts, and all addresses of each, are tried in turn. PostgreSQL 14 or newer.
 *
 * A struct db belongs to the thread that runs its event base.
 */
#pragma once

#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct db;
struct db_result;

struct db_stmt {
    const char *name; /* unique in the program; NULL: not prepared, for what is asked once */
    const char *sql;
    int params;
    int locks; /* which parameter, from 1 on, names the one row that it locks; 0: no row, or not by one name
                */
    bool slow; /* see above; not for streams */
};

enum {
    DB_CONNECT_TIMEOUT_DEFAULT_MS = 5000,
    DB_DEADLINE_DEFAULT_MS = 10000,
    DB_QUEUE_DEFAULT = 10000,
    DB_GROUP_MAX = 500, /* queries a group */
};

struct db_options {
    const char *url;              /* libpq URI or conninfo; NULL or "": libpq's defaults and PG* variables */
    const char *application_name; /* shown in pg_stat_activity and in our log lines */
    int connect_timeout_ms;       /* for one attempt; 0: the default above */
    int deadline_ms; /* a query that has no answer by then fails, UNAVAILABLE; 0: the default above */
    int statement_timeout_ms; /* of the session; 0: the deadline; -1: none. Streams have none */
    int lock_timeout_ms;      /* of the session, much less than the deadline; 0: none */
    size_t queue_max;         /* queries not answered; one more fails, UNAVAILABLE; 0: the default above */
    bool wait_while_down; /* without a connection a query waits until its deadline; else it fails at once */
    const char *session_options; /* more settings of the session, as "-c name=value -c ..."; NULL: none */

    /* Both from the loop; NULL is fine. on_up: connected, listening. on_down: that connection was lost; err
     * says why. Attempts that fail in between are only logged. */
    void (*on_up)(void *arg);
    void (*on_down)(void *arg, const struct err *err);
    void *arg;
};

/* err is NULL on success; result is NULL on failure, and lent until the callback returns. */
typedef void db_fn(void *arg, const struct db_result *result, const struct err *err);
/* One row, which is row 0 of the result, lent until the callback returns. False: no more rows are wanted;
 * done comes all the same. */
typedef bool db_row_fn(void *arg, const struct db_result *row);
typedef void db_notify_fn(void *arg, const char *channel, const char *payload);

/* Whether a connection to it can be tried at all; what it repeats of the URL is no secret. For settings. */
bool db_check_url(const char *url, struct err *err);

/* The options are copied. It starts to connect at once, from the loop. Fails if the URL makes no sense. */
struct db *db_new(struct event_base *base, const struct db_options *options, struct err *err);
/* Queries that are not answered yet are now, from here, with UNAVAILABLE; what their callbacks ask is refused
 * in the same way. on_down is not called. May be called from any callback of the db. */
void db_free(struct db *db);

bool db_is_up(const struct db *db);

/* params are text (NULL: SQL's NULL), stmt->params of them, copied; stmt itself must live as long as the db.
 */
void db_query(struct db *db, const struct db_stmt *stmt, const char *const *params, db_fn *done, void *arg);
/* The same with a deadline of its own, which is shorter than the connection's. */
void db_query_within(struct db *db, const struct db_stmt *stmt, const char *const *params, int deadline_ms,
                     db_fn *done, void *arg);
/* For the few that all others depend on: before all that waits, in a transaction of its own, and never one
 * too many for the queue. Of two of them that wait, the later one is the first. */
void db_query_first(struct db *db, const struct db_stmt *stmt, const char *const *params, db_fn *done,
                    void *arg);
/* In its turn, and in a transaction of its own: for what sets something until the end of that. */
void db_query_alone(struct db *db, const struct db_stmt *stmt, const char *const *params, db_fn *done,
                    void *arg);
/* Row by row in constant memory; alone in its transaction and without statement_timeout. The deadline is for
 * the time without a row. Both callbacks get arg. Rows may have come before an error. At most a few
 * milliseconds of rows are read before the loop gets its turn. */
void db_stream(struct db *db, const struct db_stmt *stmt, const char *const *params, db_row_fn *on_row,
               db_fn *done, void *arg);
/* Asks the server for an answer, with nothing to do for it. */
void db_ping(struct db *db, db_fn *done, void *arg);

/* Listens now and after each connect. on_notify comes from the loop. A channel can be listened to once. */
void db_listen(struct db *db, const char *channel, db_notify_fn *on_notify, void *arg);

/* Monotonic time (clock.h's) of the last answer of the server; 0: there never was one. */
int64_t db_last_answer_us(const struct db *db);
/* Queries that are not answered yet. */
size_t db_pending(const struct db *db);
/* The server's process id of this connection, 0 if down: what pg_terminate_backend takes. */
int db_backend_pid(const struct db *db);

/* What an error was about: it waited for a lock of another session for lock_timeout_ms, and was not done; it
 * ran into another transaction (a deadlock, say), and was not done, and may work at once. */
bool db_err_is_lock(const struct err *err);
bool db_err_is_clash(const struct err *err);
/* There was no answer: it may have been done, or may yet be. */
bool db_err_is_unsure(const struct err *err);

/* Reading a result. A row or column that does not exist is a broken invariant. */
int db_rows(const struct db_result *result);
int db_columns(const struct db_result *result);
int64_t db_affected(const struct db_result *result);                  /* rows written; 0 if none */
int db_find_column(const struct db_result *result, const char *name); /* -1: there is none */
bool db_is_null(const struct db_result *result, int row, int column);
const char *db_text(const struct db_result *result, int row, int column); /* NULL if null */
size_t db_length(const struct db_result *result, int row, int column);    /* bytes of the text */
int64_t db_int64(const struct db_result *result, int row, int column);    /* 0 if null */
double db_double(const struct db_result *result, int row, int column);    /* 0 if null */
bool db_bool(const struct db_result *result, int row, int column);        /* false if null */

/*
 * Text of a PostgreSQL array, for `FROM unnest($1::text[], $2::bigint[])`: many rows by one statement.
 *
 *     AUTO_DB_ARRAY struct db_array ids;
 *     db_array_init(&ids);
 *     db_array_text(&ids, "a");
 *     params[0] = db_array_end(&ids);
 */
struct db_array {
    struct buf buf;
    size_t count;
    bool ended;
};

void db_array_init(struct db_array *array);
void db_array_done(struct db_array *array);
#define AUTO_DB_ARRAY CLEANUP(db_array_done)
void db_array_text(struct db_array *array, const char *text); /* NULL: SQL's NULL */
void db_array_int64(struct db_array *array, int64_t value);
void db_array_bool(struct db_array *array, bool value);
void db_array_null(struct db_array *array);
const char *db_array_end(struct db_array *array); /* the text, as long as the array lives */
