/*
 * One worker of the server, from inside: its thread, loop, listeners, guards, and its connections to the
 * database.
 *
 * All is made on the main thread before the thread starts, and freed there after it has ended; in between
 * only the thread touches it. The main thread says "stop" by an eventfd; the worker says what it has to say
 * by the server's, and that its loop turns by beat_ms.
 */
#pragma once

#include "guard.h"
#include "request_internal.h"
#include "server.h"
#include "worker.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct event;
struct evhtp;

enum { SERVER_LISTEN_MAX = 16 };

struct server_worker {
    struct worker worker;
    struct server *server;                /* lent */
    const struct server_options *options; /* lent: the server's */
    struct guards guards;
    struct request_env env;
    struct server_database *database;           /* owned; NULL: there is none */
    struct evhtp *listeners[SERVER_LISTEN_MAX]; /* owned */
    struct guard_door doors[SERVER_LISTEN_MAX]; /* of these */
    struct ssl_ctx_st *tls;                     /* owned share; NULL: none */
    int renew_fd;                               /* owned */
    struct event *renew;                        /* owned */
    size_t listener_count;
    int stop_fd;                                  /* owned */
    struct event *stop, *deadline, *accept_again; /* owned */
    struct event *beat;                           /* owned */
    _Atomic int64_t beat_ms;                      /* on the monotonic clock; the main thread reads it */
    int dropped;                                  /* connections, since it was last logged */
    bool hurried, draining;
    bool reads, has_database; /* as it was said last */
    bool started;             /* there is a thread to be joined */
    pthread_t thread;
};

/* fds: a listening socket for each address; they are the worker's from now on, also on failure. */
bool server_worker_init(struct server_worker *sw, struct server *server, const struct server_options *options,
                        struct guard_counts *counts, struct peers *peers, int number, const int *fds,
                        size_t fd_count, struct err *err);
bool server_worker_start(struct server_worker *sw, struct err *err);
/* From the main thread. */
void server_worker_stop(struct server_worker *sw);
/* Likewise: there is another TLS. */
void server_worker_renew(struct server_worker *sw);
/* After its thread has ended, or if it never started. Zeroed memory is fine. */
void server_worker_done(struct server_worker *sw);

/* server.c: called on the worker's thread. */
struct ssl_ctx_st *server_share_tls(struct server *server); /* the worker's to free; NULL: none */
void server_say_ended(struct server *server);
/* So many more workers, -1 to 1, can read; have both connections. */
void server_say_database(struct server *server, int reading, int with_database);
void server_say_schema(struct server *server, enum migrate_state state, const struct err *err);
