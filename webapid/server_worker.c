/* See server_worker.h. */
#include "server_worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/listener.h>
#include <evhtp/evhtp.h>

#include "attr.h"
#include "clock.h"
#include "daemon.h"
#include "log.h"
#include "meters.h"
#include "peers.h"
#include "server_database.h"
#include "tls.h"

enum { HURRY_MS = 1000, ACCEPT_AGAIN_MS = 100, REFUSED_MAX = 256, SETTLE_TURNS = 4 };

/* How long the first clients wait for the database, rather than being answered 503, after a restart say. */
enum { FIRST_ACCEPT_MS = 5000 };

static struct timeval after_ms(int ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000L};
}

/* ---- Accepting ---- */

/* Who is not going to be refused takes a place of those that there are. Of who is, there are so many and no
 * more, as each costs memory as well: the others do not even get a 503. */
static bool has_place(const struct guards *guards, enum peers_verdict verdict)
{
    if (verdict == PEERS_WELCOME && atomic_load(&guards->counts->open) < guards->max_connections)
        return true;
    return verdict != PEERS_FAR_TOO_MANY && atomic_load(&guards->counts->refused) < REFUSED_MAX;
}

static evhtp_res on_pre_accept(evhtp_connection_t *conn, void *arg)
{
    struct server_worker *sw = arg;
    const struct guards *guards = &sw->guards;
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    struct peer peer;

    if (getpeername(conn->sock, (struct sockaddr *)&address, &len) != 0)
        return EVHTP_RES_ERROR; /* it has gone */
    peer = peer_of(&address);
    if (has_place(guards, peers_judge(guards->peers, &peer)))
        return EVHTP_RES_OK;
    sw->dropped++;
    meters_dropped(sw->worker.meters);
    return EVHTP_RES_ERROR;
}

static evhtp_res on_post_accept(evhtp_connection_t *conn, void *arg)
{
    return guard_accept(conn, arg);
}

static void on_guard_request(void *arg, struct guard *guard)
{
    struct server_worker *sw = arg;

    request_begin(&sw->env, guard);
}

static void on_refused(void *arg, int status)
{
    const struct server_worker *sw = arg;

    meters_refused(sw->worker.meters, status);
}

static bool admit(void *arg, const struct guard *guard, struct framing *framing, const char **challenge)
{
    struct server_worker *sw = arg;

    return router_admit(&sw->env, guard, framing, challenge);
}

static enum guard_body body_of(void *arg, const struct framing *framing)
{
    struct server_worker *sw = arg;

    return request_body_of(&sw->env, framing);
}

static void on_request(evhtp_request_t *request, void *arg)
{
    guard_on_evhtp_request(request, arg);
}

/* Until this many ms have passed, or open_door(); clients wait in the backlog. */
static void shut_door(struct server_worker *sw, int ms)
{
    const struct timeval pause = after_ms(ms);

    for (size_t i = 0; i < sw->listener_count; i++)
        evconnlistener_disable(sw->listeners[i]->server);
    event_add(sw->accept_again, &pause);
}

static void open_door(struct server_worker *sw)
{
    event_del(sw->accept_again);
    for (size_t i = 0; i < sw->listener_count && !sw->draining; i++)
        evconnlistener_enable(sw->listeners[i]->server);
}

/* No file descriptors, say: the connection stays in the backlog, and trying at once again would only burn
 * CPU. */
static void on_accept_error(struct evconnlistener *listener UNUSED, void *arg)
{
    struct server_worker *sw = arg;

    log_warning("http.accept_failed", "worker=%d error=%s", sw->worker.number, LOGQ(strerror(errno)));
    shut_door(sw, ACCEPT_AGAIN_MS);
}

static void on_accept_again(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    open_door(arg);
}

/* Whether the next listener, which is at the address of that number, asks for tokens. */
static bool asks_for_token(const struct server_worker *sw, size_t number)
{
    switch (sw->options->tokens) {
    case SERVER_TOKENS_NEVER:
        return false;
    case SERVER_TOKENS_PUBLIC:
        return server_address_is_public(sw->options->listen[number]);
    case SERVER_TOKENS_ALWAYS:
        break;
    }
    return true;
}

static bool speaks_tls(const struct server_worker *sw, size_t number)
{
    return sw->options->tls != NULL && strncmp(sw->options->listen[number], "unix:", 5) != 0;
}

/* A page of any site can have its name mean 127.0.0.1, and is then of one origin with what listens there.
 * Where no token stops it, nor a certificate that is not for that name, the name itself does. */
static bool is_local_only(const struct server_worker *sw, size_t number)
{
    return sw->options->checks_hosts && !asks_for_token(sw, number) && !speaks_tls(sw, number) &&
           server_address_is_loopback(sw->options->listen[number]);
}

/* ---- TLS ---- */

/* libevhtp makes each new connection's TLS of what it finds here. It owns none of it. */
static void use_tls(struct server_worker *sw)
{
    tls_free(sw->tls);
    sw->tls = server_share_tls(sw->server);
    for (size_t i = 0; i < sw->listener_count; i++)
        if (sw->doors[i].has_tls)
            sw->listeners[i]->ssl_ctx = sw->tls;
}

static void drop_tls(struct server_worker *sw)
{
    for (size_t i = 0; i < sw->listener_count; i++)
        sw->listeners[i]->ssl_ctx = NULL;
    tls_free(sw->tls);
    sw->tls = NULL;
}

static void on_renew(evutil_socket_t fd, short what UNUSED, void *arg)
{
    eventfd_t unused;

    (void)!eventfd_read(fd, &unused);
    use_tls(arg);
}

void server_worker_renew(struct server_worker *sw)
{
    if (eventfd_write(sw->renew_fd, 1) != 0)
        abort(); /* its counter cannot be full */
}

/* ---- Listeners ---- */

static bool add_listener(struct server_worker *sw, int fd, struct err *err)
{
    evhtp_t *htp = evhtp_new(sw->worker.base, NULL);
    struct guard_door *door = &sw->doors[sw->listener_count];

    if (htp == NULL || evhtp_accept_socket(htp, fd, 0) != 0) {
        free(htp);
        close(fd);
        return err_set(err, ERR_INTERNAL, "libevhtp cannot listen");
    }
    evhtp_set_pre_accept_cb(htp, on_pre_accept, sw);
    *door = (struct guard_door){.guards = &sw->guards,
                                .asks_for_token = asks_for_token(sw, sw->listener_count),
                                .local_only = is_local_only(sw, sw->listener_count),
                                .has_tls = speaks_tls(sw, sw->listener_count)};
    evhtp_set_post_accept_cb(htp, on_post_accept, door);
    evhtp_set_gencb(htp, on_request, &sw->guards);
    evconnlistener_set_error_cb(htp->server, on_accept_error);
    sw->listeners[sw->listener_count++] = htp;
    return true;
}

/* ---- The database ---- */

static void on_database(void *arg)
{
    struct server_worker *sw = arg;
    const bool reads = sw->worker.can_read, both = reads && sw->worker.can_write;

    if (sw->reads != reads || sw->has_database != both)
        server_say_database(sw->server, reads - sw->reads, both - sw->has_database);
    sw->reads = reads;
    sw->has_database = both;
    if (both)
        open_door(sw);
}

static void on_schema(void *arg, enum migrate_state state, const struct err *err)
{
    struct server_worker *sw = arg;

    server_say_schema(sw->server, state, err);
}

static bool open_database(struct server_worker *sw, struct err *err)
{
    const struct server_database_options options = {
        .worker = &sw->worker,
        .tokens_max_age_s = sw->options->tokens_max_age_s,
        .on_change = on_database,
        .on_schema = on_schema,
        .arg = sw,
    };

    if (sw->options->database_url == NULL)
        return true;
    sw->worker.database_url = sw->options->database_url;
    sw->database = server_database_new(&options, err);
    sw->env.tokens = server_database_tokens(sw->database);
    return sw->database != NULL;
}

static void on_beat(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct server_worker *sw = arg;

    atomic_store(&sw->beat_ms, clock_monotonic_ms(&clock_system));
    meters_look(sw->worker.meters, &(struct meters_worker){
                                       .worker = sw->worker.number,
                                       .database_ready = sw->worker.can_read && sw->worker.can_write,
                                       .queries = server_database_pending(sw->database),
                                       .connections = atomic_load(&sw->guards.counts->open),
                                   });
    if (sw->dropped > 0)
        log_warning("http.dropped", "worker=%d connections=%d", sw->worker.number, sw->dropped);
    sw->dropped = 0;
}

/* ---- Stopping ---- */

static void on_drained(void *arg)
{
    struct server_worker *sw = arg;

    event_base_loopbreak(sw->worker.base);
}

static void on_deadline(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct server_worker *sw = arg;
    const struct timeval soon = after_ms(HURRY_MS);

    if (sw->hurried) {
        event_base_loopbreak(sw->worker.base);
        return;
    }
    sw->hurried = true;
    log_warning("server.drain_timeout", "worker=%d", sw->worker.number);
    event_add(sw->deadline, &soon);
    guards_hurry(&sw->guards);
}

static void on_stop(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct server_worker *sw = arg;
    const struct timeval deadline = after_ms(sw->options->drain_timeout_ms);

    sw->draining = true;
    for (size_t i = 0; i < sw->listener_count; i++)
        evhtp_unbind_socket(sw->listeners[i]);
    event_add(sw->deadline, &deadline);
    guards_drain(&sw->guards);
}

void server_worker_stop(struct server_worker *sw)
{
    if (eventfd_write(sw->stop_fd, 1) != 0)
        abort(); /* its counter cannot be full */
}

/* ---- The thread ---- */

/* libevent frees what was freed in a callback a few turns later, and forgets it if there are none. */
static void settle(struct event_base *base)
{
    for (int turn = 0; turn < SETTLE_TURNS; turn++)
        event_base_loop(base, EVLOOP_NONBLOCK);
}

static void *run(void *arg)
{
    struct server_worker *sw = arg;

    if (sw->options->open != NULL)
        sw->worker.app = sw->options->open(&sw->worker);
    event_base_dispatch(sw->worker.base);
    /* Connections first: what the database's callbacks answer from now on goes nowhere. */
    guards_close(&sw->guards);
    server_database_close(sw->database);
    if (sw->options->close != NULL)
        sw->options->close(&sw->worker);
    settle(sw->worker.base);
    server_say_ended(sw->server);
    return NULL;
}

/* A thread begins with the mask of who makes it: at no moment can it be given a signal. */
bool server_worker_start(struct server_worker *sw, struct err *err)
{
    sigset_t before;
    int code;

    daemon_block_signals(&before);
    code = pthread_create(&sw->thread, NULL, run, sw);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code != 0)
        return err_set(err, ERR_UNAVAILABLE, "cannot start a thread: %s", strerror(code));
    sw->started = true;
    return true;
}

static void init_guards(struct server_worker *sw, struct guard_counts *counts, struct peers *peers)
{
    const struct server_options *options = sw->options;

    sw->guards = (struct guards){
        .request_timeout_ms = options->request_timeout_ms,
        .idle_timeout_ms = options->idle_timeout_ms,
        .answer_timeout_ms = options->answer_timeout_ms,
        .limits = &options->limits,
        .origins = options->origins,
        .counts = counts,
        .max_connections = options->max_connections,
        .peers = peers,
        .admit = admit,
        .body_of = body_of,
        .on_request = on_guard_request,
        .on_refused = on_refused,
        .on_late = request_late,
        .on_gone = request_gone,
        .on_room = request_room,
        .on_drained = on_drained,
        .arg = sw,
    };
}

bool server_worker_init(struct server_worker *sw, struct server *server, const struct server_options *options,
                        struct guard_counts *counts, struct peers *peers, int number, const int *fds,
                        size_t fd_count, struct err *err)
{
    const struct timeval beat = after_ms(SERVER_BEAT_MS);
    bool good = true;

    *sw = (struct server_worker){.server = server, .options = options};
    sw->worker = (struct worker){
        .number = number, .base = event_base_new(), .meters = options->meters, .limits = &options->limits};
    sw->env =
        (struct request_env){.worker = &sw->worker, .router = options->router, .origins = options->origins};
    init_guards(sw, counts, peers);
    sw->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sw->stop = event_new(sw->worker.base, sw->stop_fd, EV_READ, on_stop, sw);
    sw->renew_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sw->renew = event_new(sw->worker.base, sw->renew_fd, EV_READ | EV_PERSIST, on_renew, sw);
    sw->deadline = event_new(sw->worker.base, -1, 0, on_deadline, sw);
    sw->accept_again = event_new(sw->worker.base, -1, 0, on_accept_again, sw);
    sw->beat = event_new(sw->worker.base, -1, EV_PERSIST, on_beat, sw);
    on_beat(-1, 0, sw);
    if (sw->worker.base == NULL || sw->stop_fd < 0 || sw->stop == NULL || sw->renew_fd < 0 ||
        sw->renew == NULL || sw->deadline == NULL || sw->accept_again == NULL || sw->beat == NULL ||
        event_add(sw->stop, NULL) != 0 || event_add(sw->renew, NULL) != 0 || event_add(sw->beat, &beat) != 0)
        abort();
    for (size_t i = 0; i < fd_count; i++) {
        if (good)
            good = add_listener(sw, fds[i], err);
        else
            close(fds[i]);
    }
    if (good && options->database_url != NULL)
        shut_door(sw, FIRST_ACCEPT_MS);
    if (options->tls != NULL)
        use_tls(sw);
    return good && open_database(sw, err);
}

void server_worker_done(struct server_worker *sw)
{
    if (sw->worker.base == NULL)
        return;
    if (sw->started)
        pthread_join(sw->thread, NULL);
    server_database_free(sw->database);
    drop_tls(sw);
    for (size_t i = 0; i < sw->listener_count; i++) {
        evhtp_unbind_socket(sw->listeners[i]);
        evhtp_free(sw->listeners[i]);
    }
    event_free(sw->stop);
    event_free(sw->renew);
    event_free(sw->deadline);
    event_free(sw->accept_again);
    event_free(sw->beat);
    event_base_free(sw->worker.base);
    close(sw->stop_fd);
    close(sw->renew_fd);
    *sw = (struct server_worker){0};
}
