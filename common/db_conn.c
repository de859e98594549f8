/*
 * Connecting, losing, and connecting again. A round tries each address of each host once, one right after the
 * other; between rounds is a pause that grows. See db_internal.h for the states.
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
    PAUSE_MIN_MS = 50,
    PAUSE_MAX_MS = 3000,
    STABLE_MS = 1000,      /* a connection that lasted less counts as a failure, too */
    LOG_AGAIN_ROUNDS = 20, /* how often the same failure is a warning again */
};

static void try_candidate(struct db *db);

/* Half of it is chance, so that many who lost the same server do not come back in step. */
static int64_t pause_ms(int failures)
{
    int64_t pause = PAUSE_MIN_MS;

    for (int i = 0; i < failures && pause < PAUSE_MAX_MS; i++)
        pause *= 2;
    if (pause > PAUSE_MAX_MS)
        pause = PAUSE_MAX_MS;
    return pause / 2 + arc4random_uniform((uint32_t)(pause / 2 + 1));
}

static void on_notice(void *arg, const PGresult *result)
{
    struct db *db = arg;
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (message == NULL)
        message = PQresultErrorMessage(result); /* libpq's own */
    log_debug("db.notice", "db=%s severity=%s text=%s", LOGQ(db->application_name), LOGQ(severity),
              LOGQ(message));
    if (severity != NULL && strcmp(severity, "FATAL") == 0)
        snprintf(db->fatal, sizeof db->fatal, "%s", message);
}

static void free_event(struct event **event)
{
    if (*event != NULL)
        event_free(*event);
    *event = NULL;
}

void conn_close(struct db *db)
{
    free_event(&db->on_read);
    free_event(&db->on_write);
    event_del(db->more);
    event_del(db->step);
    db_resolve_free(db->resolve);
    db->resolve = NULL;
    PQfinish(db->pg);
    db->pg = NULL;
    db->state = DB_WAITING;
}

static bool was_logged(const struct db *db)
{
    for (size_t i = 0; i < DB_LOGGED_MAX; i++)
        if (strcmp(db->logged[i], db->down_err.text) == 0)
            return true;
    return false;
}

static void log_failure(struct db *db)
{
    bool known = was_logged(db);

    if (known && db->failures % LOG_AGAIN_ROUNDS != 0) {
        log_debug("db.connect_failed", "db=%s error=%s", LOGQ(db->application_name), LOGQ(db->down_err.text));
        return;
    }
    if (!known)
        memcpy(db->logged[db->logged_count++ % DB_LOGGED_MAX], db->down_err.text, sizeof db->logged[0]);
    log_warning("db.connect_failed", "db=%s error=%s", LOGQ(db->application_name), LOGQ(db->down_err.text));
}

/* This address did not work. */
static void candidate_failed(struct db *db, const struct err *err)
{
    db->down_err = *err;
    flight_lost(db);
    conn_close(db);
    db->candidate++;
    if (db->candidate < db_target_count(db->target)) {
        log_failure(db);
        arm_ms(db->step, 0);
        return;
    }
    db->candidate = 0;
    db->failures++;
    log_failure(db);
    arm_ms(db->step, pause_ms(db->failures));
    queue_down(db);
}

void conn_lost(struct db *db, const struct err *err)
{
    if (db->state != DB_UP) {
        candidate_failed(db, err);
        return;
    }
    db->down_err = *err;
    flight_lost(db);
    conn_close(db);
    log_warning("db.down", "db=%s error=%s", LOGQ(db->application_name), LOGQ(err->text));
    db->failures = now_ms() - db->up_since_ms < STABLE_MS ? db->failures + 1 : 0;
    db->candidate = 0;
    db->tell_down = !db->tell_up; /* if nobody knows that it was up, nobody has to know that it is down */
    db->tell_up = false;
    arm_ms(db->step, pause_ms(db->failures));
    queue_down(db);
    kick(db);
}

static void lost_by_error(struct db *db)
{
    struct err err;

    if (db->fatal[0] != '\0') {
        err_set(&err, ERR_UNAVAILABLE, "the database connection was lost: %s", db->fatal);
        one_line(err.text);
    } else {
        err_from_conn(&err, db->pg, "the database connection was lost");
    }
    conn_lost(db, &err);
}

/* --- a connection that is there --- */

static void on_read(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct db *db = arg;

    if (PQconsumeInput(db->pg) != 1)
        lost_by_error(db);
    else
        flight_read(db);
    settle(db);
}

static void on_write(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct db *db = arg;
    int left = PQflush(db->pg);

    if (left < 0)
        lost_by_error(db);
    else if (left > 0)
        event_add(db->on_write, NULL);
    settle(db);
}

void conn_stop_reading(struct db *db, bool stop)
{
    if (db->on_read == NULL)
        return;
    if (stop)
        event_del(db->on_read);
    else
        event_add(db->on_read, NULL);
}

void conn_up(struct db *db)
{
    const char *host = PQhost(db->pg);

    db->state = DB_UP;
    db->up_since_ms = now_ms();
    db->tell_up = true;
    memset(db->logged, 0, sizeof db->logged);
    db->down_err = (struct err){0};
    event_del(db->step);
    log_info("db.up", "db=%s host=%s port=%s pid=%d", LOGQ(db->application_name), LOGQ(host),
             LOGQ(PQport(db->pg)), PQbackendPID(db->pg));
}

static void conn_made(struct db *db)
{
    struct err err;

    free_event(&db->on_read);
    if (PQsetnonblocking(db->pg, 1) != 0 || PQenterPipelineMode(db->pg) != 1) {
        err_from_conn(&err, db->pg, "the database connection is of no use");
        candidate_failed(db, &err);
        return;
    }
    db->on_read = event_new(db->base, PQsocket(db->pg), EV_READ | EV_PERSIST, on_read, db);
    db->on_write = event_new(db->base, PQsocket(db->pg), EV_WRITE, on_write, db);
    event_add(db->on_read, NULL);
    event_del(db->step);
    db->state = DB_SETTING_UP;
    db->last_answer_us = clock_monotonic_us(&clock_system);
    if (TAILQ_EMPTY(&db->channels))
        conn_up(db);
    else
        flight_listen(db);
}

/* --- on the way to one --- */

static void on_connect(evutil_socket_t fd, short what, void *arg);

/* The socket may be another one after each step, so the event is, too. */
static void watch(struct db *db, short what)
{
    free_event(&db->on_read);
    db->on_read = event_new(db->base, PQsocket(db->pg), what, on_connect, db);
    event_add(db->on_read, NULL);
}

static void connect_poll(struct db *db)
{
    struct err err;

    switch (PQconnectPoll(db->pg)) {
    case PGRES_POLLING_READING:
        watch(db, EV_READ);
        return;
    case PGRES_POLLING_WRITING:
        watch(db, EV_WRITE);
        return;
    case PGRES_POLLING_OK:
        conn_made(db);
        return;
    case PGRES_POLLING_FAILED:
    case PGRES_POLLING_ACTIVE: /* not in use since the protocol 3 */
        break;
    }
    err_from_conn(&err, db->pg, "the database is not reachable");
    candidate_failed(db, &err);
}

static void on_connect(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct db *db = arg;

    connect_poll(db);
    settle(db);
}

static void try_candidate(struct db *db)
{
    struct err err;

    db->state = DB_CONNECTING;
    db->fatal[0] = '\0';
    db->pg = db_target_connect(db->target, db->candidate);
    if (db->pg == NULL || PQstatus(db->pg) == CONNECTION_BAD) {
        if (db->pg == NULL)
            err_set(&err, ERR_UNAVAILABLE, "the database is not reachable: out of memory");
        else
            err_from_conn(&err, db->pg, "the database is not reachable");
        candidate_failed(db, &err);
        return;
    }
    PQsetNoticeReceiver(db->pg, on_notice, db);
    arm_ms(db->step, db->options.connect_timeout_ms);
    watch(db, EV_WRITE); /* as libpq wants it before the first PQconnectPoll */
}

static void on_resolved(void *arg, struct addrinfo *const *addresses, const struct err *why)
{
    struct db *db = arg;
    struct err err;

    db_target_resolved(db->target, addresses);
    db->candidate = 0;
    if (db_target_count(db->target) == 0) {
        err_set(&err, ERR_UNAVAILABLE, "the database is not reachable: %s",
                why == NULL ? "its host has no usable address" : why->text);
        candidate_failed(db, &err);
    } else {
        db_resolve_free(db->resolve);
        db->resolve = NULL;
        try_candidate(db);
    }
    settle(db);
}

static void begin_round(struct db *db)
{
    size_t count;
    char **names = db_target_names(db->target, &count);

    if (count == 0) {
        db_target_resolved(db->target, NULL);
        try_candidate(db);
    } else {
        db->state = DB_RESOLVING;
        db->resolve = db_resolve_new(db->base, names, count, on_resolved, db);
        arm_ms(db->step, db->options.connect_timeout_ms);
    }
    free(names);
}

static void give_up(struct db *db)
{
    struct err err;

    if (db->state == DB_RESOLVING) {
        db->candidate = db_target_count(db->target); /* there is nothing to go on with */
        err_set(&err, ERR_UNAVAILABLE,
                "the database is not reachable: no answer about its host's name within %d ms",
                db->options.connect_timeout_ms);
    } else {
        err_set(&err, ERR_UNAVAILABLE,
                "the database is not reachable: no answer from %s port %s within %d ms", PQhost(db->pg),
                PQport(db->pg), db->options.connect_timeout_ms);
    }
    candidate_failed(db, &err);
}

void on_step(int fd UNUSED, short what UNUSED, void *arg)
{
    struct db *db = arg;

    switch (db->state) {
    case DB_WAITING:
        if (db->candidate > 0)
            try_candidate(db);
        else
            begin_round(db);
        break;
    case DB_RESOLVING:
    case DB_CONNECTING:
        give_up(db);
        break;
    case DB_SETTING_UP:
    case DB_UP:
        break;
    }
    settle(db);
}
