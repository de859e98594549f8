/*
 * The HTTP server: N workers (worker.h), each with a listener of its own on every address, so that the kernel
 * spreads the connections and no two threads share anything.
 *
 * Start and stop are called on the main thread, which runs a loop of its own for signals.
 */
#pragma once

#include "err.h"
#include "http_limits.h"
#include "migrate.h"
#include "router.h"
#include "worker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct ssl_ctx_st;
struct meters;
struct server;

enum { SERVER_WORKERS_MAX = 64, SERVER_BEAT_MS = 2000, SERVER_BEAT_MAX_MS = 10000 };

/* At which addresses a token is asked for. */
enum server_tokens {
    SERVER_TOKENS_NEVER,
    SERVER_TOKENS_PUBLIC, /* at those that other hosts can reach */
    SERVER_TOKENS_ALWAYS,
};

struct server_options {
    const char *const *listen; /* NULL at the end: `host:port`, `[v6]:port`, `unix:/path` */
    const int *sockets;        /* already open, one for each of these; the server's, once it has started.
                                  NULL: it opens them */
    int workers;               /* 1 to SERVER_WORKERS_MAX */
    struct router router;
    const char *database_url; /* NULL: no database (tests) */
    struct meters *meters;    /* lent; NULL: nothing is counted */
    struct ssl_ctx_st
        *tls; /* tls.h; the server's own share is made. TCP addresses speak it. NULL: none does */
    enum server_tokens tokens;
    int tokens_max_age_s; /* token_cache.h; unless there is no database */
    bool checks_hosts;    /* a loopback address without tokens takes no request to the host of another name */
    const char *const *origins; /* that may read answers by CORS, NULL at the end; "*": all. NULL: none */

    /* All in milliseconds. */
    int request_timeout_ms; /* from a request's first byte to its last one */
    int idle_timeout_ms;    /* between requests */
    int answer_timeout_ms;  /* from its last byte to the answer; then 503 */
    int drain_timeout_ms;   /* when stopping, for requests in flight */
    struct http_limits limits;
    int max_connections; /* of all workers; those beyond are answered 503 */
    int max_per_address; /* of these, from one address; likewise */

    /* On the worker's thread, before its loop runs and after it has ended: makes and frees worker->app. NULL:
     * none. */
    void *(*open)(struct worker *worker);
    void (*close)(struct worker *worker);

    /* On the main thread's loop. on_schema: what a worker found; with one that this program does not know
     * (EMPTY, OLDER or NEWER) or may not read it waits for another one; on_database: so many workers can
     * read, and have both their connections, now; on_stopped: server_stop() is done, all workers have ended.
     */
    void (*on_schema)(void *arg, enum migrate_state state, const struct err *err);
    void (*on_database)(void *arg, int reading, int with_database);
    void (*on_stopped)(void *arg);
    void *arg;
};

/* Whether one item of a list of addresses can be understood; for the settings' check. */
bool server_check_address(const char *address, struct err *err);
/* Whether it can be reached from another host. */
bool server_address_is_public(const char *address);
/* Whether it is one of this host's loopback. */
bool server_address_is_loopback(const char *address);

/* Binds every address and starts the workers. Options are copied, but for what they point to, which is lent.
 * Fails, naming the address, if one cannot be had, also when another process of ours already listens there.
 */
struct server *server_start(struct event_base *base, const struct server_options *options, struct err *err);
/* Whether each worker's loop has turned within the last SERVER_BEAT_MAX_MS. */
bool server_is_well(const struct server *server);

/* From now on new connections get this TLS; only if there was one at the start. */
void server_set_tls(struct server *server, struct ssl_ctx_st *tls);

/* In order: no new connections, idle ones are closed, requests in flight get their answer or the drain's
 * deadline. */
void server_stop(struct server *server);
/* After on_stopped, or without a server_stop() when nothing runs any more. NULL is fine. */
void server_free(struct server *server);
