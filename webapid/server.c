/* See server.h. What workers have to say comes by an eventfd, and is read under a lock. */
#include "server.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "attr.h"
#include "clock.h"
#include "listen.h"
#include "log.h"
#include "mem.h"
#include "peers.h"
#include "server_worker.h"
#include "tls.h"

enum { FDS_PER_PROCESS = 64, FDS_PER_WORKER = 16 };

struct server {
    struct server_options options;
    struct listen_address addresses[SERVER_LISTEN_MAX];
    size_t address_count;
    struct server_worker *workers; /* owned: options.workers of them */
    int started;
    struct guard_counts counts;
    struct peers *peers; /* owned */
    bool stopping;
    struct event *said; /* owned */
    int said_fd;        /* owned */

    pthread_mutex_t lock;   /* of what follows */
    struct ssl_ctx_st *tls; /* owned share; NULL: none */
    int ended;
    bool database_said;
    int reading, with_database; /* workers */
    bool schema_said;
    enum migrate_state schema;
    struct err schema_err;
};

bool server_check_address(const char *address, struct err *err)
{
    struct listen_address unused;

    return listen_parse(address, &unused, err);
}

bool server_address_is_public(const char *address)
{
    struct listen_address parsed;

    return listen_parse(address, &parsed, NULL) && listen_is_public(&parsed);
}

bool server_address_is_loopback(const char *address)
{
    struct listen_address parsed;

    return listen_parse(address, &parsed, NULL) && !parsed.is_unix && !listen_is_public(&parsed);
}

/* ---- TLS ---- */

void server_set_tls(struct server *server, struct ssl_ctx_st *tls)
{
    struct ssl_ctx_st *old;

    pthread_mutex_lock(&server->lock);
    old = server->tls;
    server->tls = tls_share(tls);
    pthread_mutex_unlock(&server->lock);
    tls_free(old);
    for (int w = 0; w < server->started; w++)
        server_worker_renew(&server->workers[w]);
}

struct ssl_ctx_st *server_share_tls(struct server *server)
{
    struct ssl_ctx_st *tls;

    pthread_mutex_lock(&server->lock);
    tls = tls_share(server->tls);
    pthread_mutex_unlock(&server->lock);
    return tls;
}

/* ---- From the workers ---- */

static void wake(struct server *server)
{
    if (eventfd_write(server->said_fd, 1) != 0)
        abort(); /* its counter cannot be full */
}

void server_say_ended(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    server->ended++;
    wake(server);
    pthread_mutex_unlock(&server->lock);
}

void server_say_schema(struct server *server, enum migrate_state state, const struct err *err)
{
    pthread_mutex_lock(&server->lock);
    server->schema_said = true;
    server->schema = state;
    server->schema_err = err == NULL ? (struct err){0} : *err;
    wake(server);
    pthread_mutex_unlock(&server->lock);
}

void server_say_database(struct server *server, int reading, int with_database)
{
    pthread_mutex_lock(&server->lock);
    server->database_said = true;
    server->reading += reading;
    server->with_database += with_database;
    wake(server);
    pthread_mutex_unlock(&server->lock);
}

static void on_said(evutil_socket_t fd, short what UNUSED, void *arg)
{
    struct server *server = arg;
    eventfd_t unused;
    enum migrate_state schema;
    struct err err;
    bool said, database_said, ended;
    int reading, with_database;

    (void)!eventfd_read(fd, &unused);
    pthread_mutex_lock(&server->lock);
    said = server->schema_said;
    server->schema_said = false;
    schema = server->schema;
    err = server->schema_err;
    database_said = server->database_said;
    server->database_said = false;
    reading = server->reading;
    with_database = server->with_database;
    ended = server->ended == server->started;
    pthread_mutex_unlock(&server->lock);
    if (said && !server->stopping)
        server->options.on_schema(server->options.arg, schema, &err);
    if (database_said && server->options.on_database != NULL)
        server->options.on_database(server->options.arg, reading, with_database);
    if (ended && server->stopping)
        server->options.on_stopped(server->options.arg);
}

/* ---- Starting ---- */

/* Each connection is a file descriptor; the default limit is often 1024. */
static void raise_fd_limit(const struct server_options *options)
{
    struct rlimit limit;
    const int wanted_fds = options->max_connections + FDS_PER_PROCESS + options->workers * FDS_PER_WORKER;
    const rlim_t wanted = (rlim_t)wanted_fds;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        log_warning("server.few_files", "wanted=%llu allowed=%llu", (unsigned long long)wanted,
                    (unsigned long long)limit.rlim_cur);
}

static bool parse_addresses(struct server *server, struct err *err)
{
    for (const char *const *at = server->options.listen; *at != NULL; at++) {
        if (server->address_count == SERVER_LISTEN_MAX)
            return err_set(err, ERR_INVALID, "there are more than %d addresses to listen on",
                           SERVER_LISTEN_MAX);
        if (!listen_parse(*at, &server->addresses[server->address_count++], err))
            return err_wrap(err, "cannot listen on %s", *at);
    }
    return server->address_count > 0 || err_set(err, ERR_INVALID, "there is no address to listen on");
}

static void log_listening(const struct listen_address *address)
{
    if (address->is_unix)
        log_info("server.listening", "address=%s", LOGQ(address->path));
    else
        log_info("server.listening", "address=%s port=%d", LOGQ(address->host), address->port);
}

static bool open_address(struct server *server, size_t a, int *fds, struct err *err)
{
    const int *sockets = server->options.sockets;

    if (sockets != NULL)
        return listen_adopt(sockets[a], server->options.workers, fds, err);
    return listen_open(&server->addresses[a], server->options.workers, fds, err);
}

/* fds[worker * SERVER_LISTEN_MAX + address]; those of addresses that were opened are the caller's to close.
 */
static bool open_addresses(struct server *server, int *fds, size_t *opened, struct err *err)
{
    int of_workers[SERVER_WORKERS_MAX];

    for (size_t a = 0; a < server->address_count; a++) {
        if (!open_address(server, a, of_workers, err))
            return err_wrap(err, "cannot listen on %s", server->options.listen[a]);
        for (int w = 0; w < server->options.workers; w++)
            fds[(size_t)w * SERVER_LISTEN_MAX + a] = of_workers[w];
        *opened = a + 1;
    }
    return true;
}

static bool make_workers(struct server *server, struct err *err)
{
    AUTO_FREE int *fds = mem_array((size_t)server->options.workers * SERVER_LISTEN_MAX, sizeof *fds);
    size_t opened = 0;
    bool good = open_addresses(server, fds, &opened, err);

    for (int w = 0; w < server->options.workers; w++) {
        const int *mine = &fds[(size_t)w * SERVER_LISTEN_MAX];

        if (good) {
            good = server_worker_init(&server->workers[w], server, &server->options, &server->counts,
                                      server->peers, w, mine, opened, err);
            continue;
        }
        for (size_t a = 0; a < opened; a++)
            close(mine[a]);
    }
    return good;
}

static bool start_workers(struct server *server, struct err *err)
{
    for (; server->started < server->options.workers; server->started++)
        if (!server_worker_start(&server->workers[server->started], err))
            return false;
    return true;
}

static void stop_workers(struct server *server)
{
    for (int w = 0; w < server->started; w++)
        server_worker_stop(&server->workers[w]);
}

struct server *server_start(struct event_base *base, const struct server_options *options, struct err *err)
{
    struct server *server = mem_alloc(sizeof *server);

    assert(options->workers > 0 && options->workers <= SERVER_WORKERS_MAX);
    server->options = *options;
    pthread_mutex_init(&server->lock, NULL);
    server->tls = tls_share(options->tls);
    server->said_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->said = event_new(base, server->said_fd, EV_READ | EV_PERSIST, on_said, server);
    if (server->said_fd < 0 || server->said == NULL || event_add(server->said, NULL) != 0)
        abort();
    server->peers = peers_new(options->max_per_address);
    server->workers = mem_array((size_t)options->workers, sizeof *server->workers);
    raise_fd_limit(options);
    if (!parse_addresses(server, err) || !make_workers(server, err) || !start_workers(server, err)) {
        stop_workers(server);
        server_free(server);
        return NULL;
    }
    for (size_t a = 0; a < server->address_count; a++)
        log_listening(&server->addresses[a]);
    return server;
}

bool server_is_well(const struct server *server)
{
    const int64_t now_ms = clock_monotonic_ms(&clock_system);

    for (int w = 0; w < server->started && !server->stopping; w++)
        if (now_ms - atomic_load(&server->workers[w].beat_ms) > SERVER_BEAT_MAX_MS)
            return false;
    return true;
}

/* ---- Stopping ---- */

void server_stop(struct server *server)
{
    if (server->stopping)
        return;
    server->stopping = true;
    for (size_t a = 0; a < server->address_count; a++)
        listen_forget(&server->addresses[a]);
    stop_workers(server);
}

void server_free(struct server *server)
{
    if (server == NULL)
        return;
    for (int w = 0; w < server->options.workers; w++)
        server_worker_done(&server->workers[w]);
    for (size_t a = 0; a < server->address_count; a++)
        listen_forget(&server->addresses[a]);
    free(server->workers);
    peers_free(server->peers);
    tls_free(server->tls);
    event_free(server->said);
    close(server->said_fd);
    pthread_mutex_destroy(&server->lock);
    free(server);
}
