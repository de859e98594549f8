/*
 * What the files of db share, and nobody else sees.
 *
 *     db.c          the queue, and every callback (settle())
 *     db_deadline.c what has no time left
 *     db_flight.c   groups: sending, reading answers, running again
 *     db_conn.c     connecting, losing, connecting again
 *     db_url.c      what the URL says, and where it leads
 *     db_resolve.c  names to addresses, in a thread
 *     db_result.c   reading results; SQLSTATE to kinds of errors
 *
 * A query is in one list at a time: queue or slow (not sent), flight (sent, in order), landed (answered, its
 * callback is to come). Callbacks come from settle() only, at the end of an event of ours, so that nothing
 * here is in the middle of something when a callback asks again or frees the db; on_row is the one exception.
 *
 *     WAITING --> RESOLVING --> CONNECTING --> SETTING_UP --> UP
 *        ^____________|______________|______________|_________|
 */
#pragma once

#include "db.h"

#include <netdb.h>
#include <sys/queue.h>

#include <libpq-fe.h>

struct event;
struct db_resolve;
struct db_target;

struct db_result {
    PGresult *pg; /* lent */
};

struct query {
    TAILQ_ENTRY(query) link;
    const struct db_stmt *stmt; /* lent */
    const char **params;        /* owned, with the texts behind the pointers */
    db_fn *done;                /* NULL: a query of our own that nobody waits for */
    db_row_fn *on_row;          /* NULL: not a stream */
    void *arg;
    int deadline_ms;     /* as asked for */
    int64_t deadline_at; /* monotonic ms */
    bool solo;           /* runs in a transaction of its own */
    bool ends_group;     /* a sync follows */
    bool preparing;      /* sent behind a Parse of its statement */
    bool enough;         /* of a stream: no more rows are wanted */
    bool again;          /* after another one of its group was held up by a lock */
    bool final;          /* its error stays, even if it had neighbours */
    PGresult *result;    /* owned; the answer */
    struct err *err;     /* owned; why there is none */
};

TAILQ_HEAD(queries, query);

struct channel {
    TAILQ_ENTRY(channel) link;
    char *name; /* owned */
    char *sql;  /* owned */
    struct db_stmt stmt;
    db_notify_fn *on_notify;
    void *arg;
};

enum { DB_LOGGED_MAX = 4 };
enum db_state { DB_WAITING, DB_RESOLVING, DB_CONNECTING, DB_SETTING_UP, DB_UP };
enum db_stage { STAGE_PREPARE, STAGE_ANSWER, STAGE_SYNC }; /* of the first unanswered query in flight */

struct db {
    struct event_base *base; /* lent */
    struct db_options options;
    char *application_name; /* owned, as options has it */
    struct db_target *target;
    struct db_resolve *resolve; /* owned; names being resolved */
    enum db_state state;
    int callbacks; /* depth: while > 0 the struct stays, even after db_free() */
    bool closing;

    PGconn *pg;                        /* owned; NULL: none */
    struct event *on_read, *on_write;  /* of pg's socket */
    struct event *more;                /* there is more to read in libpq's buffer */
    struct event *kick;                /* to send, or to call back, from the loop */
    struct event *step;                /* to connect (again), or a limit to that */
    struct event *deadline;            /* the earliest of a query */
    int64_t next_deadline_ms;          /* 0: not armed */
    size_t candidate, candidate_count; /* which address is tried */
    int failures;                      /* rounds of all addresses without success */
    int64_t up_since_ms;
    int64_t last_answer_us;

    struct queries queue, slow, flight, landed;
    size_t pending; /* queries with a callback in these */
    bool slow_next; /* the last flight was from the queue */
    struct query *cur;
    int64_t sent_ms; /* when the first group in flight was sent, the one before it
                      * was answered, or a stream had its last row */
    enum db_stage stage;
    bool group_failed;
    struct err *group_err; /* owned; of the commit itself */
    const struct db_stmt **prepared;
    size_t prepared_count;
    TAILQ_HEAD(channels, channel) channels;

    bool tell_up, tell_down;
    struct err down_err;       /* why the last connection was lost or could not be made */
    char fatal[ERR_TEXT_SIZE]; /* the server's last words on this connection */
    char logged[DB_LOGGED_MAX]
               [ERR_TEXT_SIZE]; /* failures to connect that were logged: each host has its own */
    unsigned logged_count;
};

int64_t now_ms(void);

/* db.c */
struct query *query_new(struct db *db, const struct db_stmt *stmt, const char *const *params,
                        int deadline_ms);
void query_free(struct query *query);
void query_fail(struct db *db, struct query *query, const struct err *err); /* to landed; it is in no list */
void queue_down(struct db *db); /* there is no connection: what may not wait for one fails */
void settle(struct db *db);     /* all callbacks that are due; db may be gone afterwards */
void kick(struct db *db);
void arm_ms(struct event *event, int64_t ms);

extern const struct db_stmt db_ping_stmt;

/* db_deadline.c */
void arm_deadline(struct db *db, int64_t deadline_at);
void queue_expire(struct db *db); /* what is too late to be begun fails */
void on_deadline(int fd, short what, void *arg);

/* db_flight.c */
void flight_start(struct db *db);  /* sends the next group if none is in flight */
void flight_listen(struct db *db); /* sends LISTEN for all channels */
bool flight_read(
    struct db *db); /* answers that are there; false: the db is closing or its connection was lost */
void flight_lost(struct db *db); /* the connection is gone: what was in flight fails, or is run again */
void flight_flush(struct db *db);

/* db_conn.c */
void conn_start(struct db *db);
void conn_lost(struct db *db, const struct err *err);
void conn_close(struct db *db);
void conn_up(struct db *db); /* all channels are listened to */
void conn_stop_reading(struct db *db, bool stop);
void on_step(int fd, short what, void *arg);

/* db_url.c: the parsed URL, and the addresses of its hosts. */
struct db_target *db_target_new(const struct db_options *options, struct err *err);
void db_target_free(struct db_target *target);
/* Names that must be resolved before the target has addresses; *count may be 0. */
char **db_target_names(const struct db_target *target, size_t *count);
/* The addresses in place of the names, in the same order; NULL where a name has none. */
void db_target_resolved(struct db_target *target, struct addrinfo *const *addresses);
size_t db_target_count(const struct db_target *target);
/* Begins to connect to one of them. */
PGconn *db_target_connect(const struct db_target *target, size_t i);

/* db_resolve.c */
struct db_resolve *
db_resolve_new(struct event_base *base, char *const *names, size_t count,
               void (*done)(void *arg, struct addrinfo *const *addresses, const struct err *err), void *arg);
void db_resolve_free(struct db_resolve *resolve); /* the thread ends by itself; done does not come any more */

/* db_result.c */
bool err_from_result(struct err *err, const PGresult *result);
bool err_from_conn(struct err *err, const PGconn *pg, const char *what);
bool sqlstate_is(const PGresult *result, const char *state);
void set_unsure(struct err *err, const char *why); /* for db_err_is_unsure() */
void one_line(char *text);
