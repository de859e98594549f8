/* See leader.h. At most one statement is under way at a time, so that an answer is always to the one that was
 * sent last. */
#include "leader.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "db.h"
#include "lease_store.h"
#include "log.h"
#include "mem.h"

enum {
    US_PER_MS = 1000,
    US_PER_S = 1000000,
    MS_PER_S = 1000,
    ANSWER_MAX_MS =
        5000, /* without an answer the connection counts as lost: before the server gives up on us */
    LOCK_WAIT_MS = 500, /* for the row of scheduler; two tries to say that we are alive fit into the lease */
    RESIGN_MAX_MS = 2000,
    RETRY_MS = 1000, /* after a statement that failed */
    GIVE_WAY_MS =
        2 * LEADER_TRY_MS, /* who lost the lead lets a standby have it, whose connection may be better */
    HOST_MAX = 200,
};

/* A process that is frozen keeps its connection: its kernel answers for it. We are never idle for a fraction
 * of this, and the lease is over long before. */
static const char session_options[] = "-c idle_session_timeout=8000";

enum leader_state {
    LEADER_DOWN,
    LEADER_STANDBY,
    LEADER_TAKING,
    LEADER_LEADING,
    LEADER_RESIGNING,
    LEADER_RESIGNED
};

struct leader {
    struct leader_options options;
    char *holder; /* owned */
    struct db *db;
    enum leader_state state;
    struct event *timer; /* the next try, or the next heartbeat */
    bool asking;         /* a statement is under way */
    bool hurry;          /* the lock became free meanwhile */
    bool give_way;       /* we led on the connection before this one */
    bool unable;         /* could not do the work that a leader has */
    bool has_lock;       /* or may have it: a standby may, for a moment */
    int64_t sent_us;     /* when it was sent */
    int64_t lease_us;    /* when the last one that was answered had been sent */
    int64_t theirs_us;   /* the database's clock less our monotonic one */
    int64_t unable_us;   /* since when, while we are */
    int64_t epoch;
    char *seen; /* owned; the holder that was logged last */
    void (*resigned)(void *arg);
    void *resigned_arg;
};

static int64_t now_us(const struct leader *leader)
{
    return clock_monotonic_us(leader->options.clock);
}

/* --- the one statement --- */

static void again_in(struct leader *leader, int ms)
{
    struct timeval tv = {.tv_sec = ms / MS_PER_S, .tv_usec = (suseconds_t)(ms % MS_PER_S) * US_PER_MS};

    event_add(leader->timer, &tv);
}

static void asked(struct leader *leader)
{
    leader->asking = true;
    leader->sent_us = now_us(leader);
}

/* False: the connection is gone, or we have resigned; the answer is of no use. An error of the server is an
 * answer of the session, too, and renews the lease. */
static bool answered(struct leader *leader, enum leader_state expected)
{
    leader->asking = false;
    if (leader->state == LEADER_STANDBY && expected != LEADER_STANDBY)
        again_in(leader, RETRY_MS); /* stepped down meanwhile */
    if (leader->state != expected)
        return false;
    leader->lease_us = leader->sent_us;
    return true;
}

/* What time it is there: between the question and now. */
static void note_time(struct leader *leader, int64_t theirs_us)
{
    leader->theirs_us = theirs_us - (leader->sent_us + now_us(leader)) / 2;
}

/* A fifth of it is chance, so that standbys do not try in step. */
static void try_again(struct leader *leader)
{
    int ms = LEADER_TRY_MS * 4 / 5 + (int)arc4random_uniform(LEADER_TRY_MS * 2 / 5 + 1);

    again_in(leader, leader->hurry ? 0 : ms);
    leader->hurry = false;
}

/* --- giving the lock back --- */

static void on_released(void *arg, const struct db_result *result UNUSED, const struct err *err)
{
    struct leader *leader = arg;

    if (!answered(leader, LEADER_STANDBY))
        return;
    leader->has_lock = err != NULL;
    if (err != NULL)
        log_warning("leader.release_failed", "error=%s", LOGQ(err->text));
    if (err != NULL || leader->unable)
        again_in(leader, RETRY_MS);
    else
        try_again(leader);
}

static void release(struct leader *leader)
{
    asked(leader);
    lease_store_end(leader->db, leader->epoch, RESIGN_MAX_MS, on_released, leader);
}

static void on_yielded(void *arg, const struct db_result *result UNUSED, const struct err *err)
{
    struct leader *leader = arg;

    if (!answered(leader, LEADER_STANDBY))
        return;
    leader->has_lock = err != NULL;
    again_in(leader, leader->hurry ? 0 : RETRY_MS);
    leader->hurry = false;
}

/* Of one who does not lead: nobody need be told. Also keeps the session from being idle. */
static void yield(struct leader *leader)
{
    asked(leader);
    lease_store_yield(leader->db, on_yielded, leader);
}

/* --- taking the lead --- */

static void on_evicted(void *arg, const struct db_result *result, const struct err *err)
{
    struct leader *leader = arg;

    if (!answered(leader, LEADER_TAKING))
        return;
    if (err != NULL)
        log_warning("leader.evict_failed", "error=%s", LOGQ(err->text));
    else if (lease_store_evicted(result) > 0)
        log_warning("leader.evicted", "sessions=%" PRId64 " reason=%s", lease_store_evicted(result),
                    LOGQ("they kept the row of scheduler locked"));
    leader->state = LEADER_STANDBY; /* the next try gets the lock again */
    again_in(leader, err != NULL || lease_store_evicted(result) == 0 ? RETRY_MS : 0);
}

static void take_failed(struct leader *leader, const struct err *err)
{
    log_warning("leader.take_failed", "error=%s",
                LOGQ(err != NULL ? err->text : "the table scheduler has no row; see sql/0001_init.sql"));
    if (err != NULL && err->kind == ERR_DENIED) { /* another one may be allowed to */
        leader->state = LEADER_STANDBY;
        yield(leader);
        return;
    }
    asked(leader);
    lease_store_evict(leader->db, on_evicted, leader);
}

static void on_begun(void *arg, const struct db_result *result, const struct err *err)
{
    struct leader *leader = arg;

    if (!answered(leader, LEADER_TAKING))
        return;
    if (err != NULL || db_rows(result) != 1) {
        take_failed(leader, err);
        return;
    }
    leader->state = LEADER_LEADING;
    leader->epoch = lease_store_epoch(result);
    note_time(leader, lease_store_begun_us(result));
    log_info("leader.leading", "epoch=%" PRId64 " holder=%s", leader->epoch, LOGQ(leader->holder));
    again_in(leader, LEADER_HEARTBEAT_MS);
    leader->options.on_lead(leader->options.arg, leader->epoch, lease_store_installation(result));
}

static void log_standby(struct leader *leader, const char *holder)
{
    const char *name = holder == NULL ? "" : holder;

    if (leader->seen != NULL && strcmp(leader->seen, name) == 0)
        return;
    free(leader->seen);
    leader->seen = mem_strdup(name);
    log_info("leader.standby", "leader=%s", LOGQ(holder));
}

static void on_tried(void *arg, const struct db_result *result, const struct err *err)
{
    struct leader *leader = arg;

    if (!answered(leader, LEADER_STANDBY))
        return;
    leader->has_lock = err != NULL || lease_store_tried(result);
    if (err != NULL) {
        log_error("leader.try_failed", "error=%s", LOGQ(err->text));
        again_in(leader, RETRY_MS);
        return;
    }
    if (!lease_store_tried(result)) {
        log_standby(leader, lease_store_holder(result));
        try_again(leader);
        return;
    }
    free(leader->seen);
    leader->seen = NULL;
    leader->state = LEADER_TAKING;
    asked(leader);
    lease_store_begin(leader->db, leader->holder, on_begun, leader);
}

/* --- keeping it, losing it --- */

static void lose(struct leader *leader, enum leader_state next, const struct err *err)
{
    bool led = leader->state == LEADER_LEADING;

    leader->state = next;
    leader->epoch = 0;
    leader->give_way = led && next == LEADER_DOWN;
    if (!led)
        return;
    log_warning("leader.lost", "error=%s", LOGQ(err->text));
    leader->options.on_loss(leader->options.arg, err);
}

void leader_step_down(struct leader *leader)
{
    struct err err;

    if (leader->state != LEADER_LEADING)
        return;
    err_set(&err, ERR_CONFLICT, "the epoch in the table scheduler is not %" PRId64 " any more",
            leader->epoch);
    again_in(leader, RETRY_MS);
    lose(leader, LEADER_STANDBY, &err);
}

static bool unable_for_long(const struct leader *leader)
{
    return leader->unable && now_us(leader) - leader->unable_us >= (int64_t)LEADER_UNABLE_MAX_MS * US_PER_MS;
}

static void make_room(struct leader *leader)
{
    struct err err;

    err_set(&err, ERR_UNAVAILABLE,
            "the session by which the work is done has been down for %d s, so that another one is to lead",
            LEADER_UNABLE_MAX_MS / MS_PER_S);
    release(leader);
    lose(leader, LEADER_STANDBY, &err);
}

void leader_set_able(struct leader *leader, bool able)
{
    if (able == !leader->unable)
        return;
    leader->unable = !able;
    leader->unable_us = now_us(leader);
    if (!able || leader->state != LEADER_STANDBY || leader->give_way)
        return;
    leader->hurry = leader->asking;
    if (!leader->asking)
        again_in(leader, 0);
}

static void on_heartbeat(void *arg, const struct db_result *result, const struct err *err)
{
    struct leader *leader = arg;

    if (!answered(leader, LEADER_LEADING))
        return;
    if (err != NULL) {
        log_warning("leader.heartbeat_failed", "error=%s", LOGQ(err->text));
        again_in(leader, LEADER_HEARTBEAT_MS / 2);
    } else if (db_affected(result) != 1) {
        leader_step_down(leader);
    } else {
        note_time(leader, lease_store_alive_us(result));
        again_in(leader, LEADER_HEARTBEAT_MS);
    }
}

/* Who could not do the work leaves the lock to others. */
static void stand_by(struct leader *leader)
{
    if (!leader->unable) {
        asked(leader);
        lease_store_try(leader->db, on_tried, leader);
    } else if (leader->has_lock) {
        release(leader);
    } else {
        yield(leader);
    }
}

static void lead_on(struct leader *leader)
{
    if (unable_for_long(leader)) {
        make_room(leader);
        return;
    }
    asked(leader);
    lease_store_heartbeat(leader->db, leader->epoch, on_heartbeat, leader);
}

static void on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct leader *leader = arg;

    if (leader->asking)
        return; /* its answer, or the end of the connection, goes on */
    leader->give_way = false;
    switch (leader->state) {
    case LEADER_STANDBY:
        stand_by(leader);
        break;
    case LEADER_LEADING:
        lead_on(leader);
        break;
    case LEADER_DOWN:
    case LEADER_TAKING:
    case LEADER_RESIGNING:
    case LEADER_RESIGNED:
        break;
    }
}

static void on_free_lock(void *arg, const char *channel UNUSED, const char *payload UNUSED)
{
    struct leader *leader = arg;

    leader->hurry = leader->asking;
    if (leader->state == LEADER_STANDBY && !leader->asking)
        again_in(leader, 0);
}

static void on_up(void *arg)
{
    struct leader *leader = arg;

    if (leader->state != LEADER_DOWN)
        return;
    leader->state = LEADER_STANDBY;
    leader->hurry = false;
    again_in(leader, leader->give_way ? GIVE_WAY_MS : 0);
}

static void on_down(void *arg, const struct err *err)
{
    struct leader *leader = arg;

    switch (leader->state) {
    case LEADER_DOWN:
    case LEADER_STANDBY:
    case LEADER_TAKING:
    case LEADER_LEADING:
        event_del(leader->timer);
        leader->has_lock = false;
        lose(leader, LEADER_DOWN, err);
        break;
    case LEADER_RESIGNING: /* its answer comes, with the error; or the timer, which says that it is over */
    case LEADER_RESIGNED:
        break;
    }
}

/* --- the end --- */

static void say_resigned(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
    struct leader *leader = arg;

    leader->state = LEADER_RESIGNED;
    leader->resigned(leader->resigned_arg);
}

static void on_ended(void *arg, const struct db_result *result UNUSED, const struct err *err)
{
    struct leader *leader = arg;

    if (leader->state != LEADER_RESIGNING)
        return; /* being freed */
    if (err != NULL)
        log_warning("leader.resign_failed", "error=%s", LOGQ(err->text));
    else
        log_info("leader.resigned", "epoch=%" PRId64, leader->epoch);
    leader->epoch = 0;
    say_resigned(-1, 0, leader);
}

void leader_resign(struct leader *leader, void (*done)(void *arg), void *arg)
{
    assert(leader->resigned == NULL);
    leader->resigned = done;
    leader->resigned_arg = arg;
    leader->state = LEADER_RESIGNING;
    event_del(leader->timer);
    event_assign(leader->timer, leader->options.base, -1, 0, say_resigned, leader);
    if (leader->has_lock)
        lease_store_end(leader->db, leader->epoch, RESIGN_MAX_MS, on_ended, leader);
    else
        again_in(leader, 0);
}

/* --- its life --- */

static char *host_and_process(void)
{
    char host[HOST_MAX] = "";

    if (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0')
        snprintf(host, sizeof host, "localhost");
    return mem_printf("%s:%d", host, (int)getpid());
}

struct leader *leader_new(const struct leader_options *options, struct err *err)
{
    struct leader *leader = mem_alloc(sizeof *leader);
    struct db_options db = {
        .url = options->database_url,
        .application_name = "scheduld leader",
        .deadline_ms = ANSWER_MAX_MS,
        .lock_timeout_ms = LOCK_WAIT_MS,
        .session_options = session_options,
        .on_up = on_up,
        .on_down = on_down,
        .arg = leader,
    };

    *leader = (struct leader){.options = *options};
    leader->options.database_url = leader->options.holder = NULL; /* copied where they are needed */
    leader->holder = options->holder == NULL
                         ? host_and_process()
                         : mem_strndup(options->holder, strnlen(options->holder, LEASE_HOLDER_MAX));
    if (options->clock == NULL)
        leader->options.clock = &clock_system;
    if (options->lease_ms == 0)
        leader->options.lease_ms = LEADER_LEASE_DEFAULT_MS;
    leader->timer = evtimer_new(options->base, on_timer, leader);
    leader->db = db_new(options->base, &db, err);
    if (leader->db == NULL) {
        leader_free(leader);
        return NULL;
    }
    db_listen(leader->db, LEASE_CHANNEL, on_free_lock, leader);
    return leader;
}

void leader_free(struct leader *leader)
{
    if (leader == NULL)
        return;
    leader->state = LEADER_RESIGNED; /* answers that come from db_free() are of no use */
    leader->resigned = NULL;
    db_free(leader->db);
    event_free(leader->timer);
    free(leader->holder);
    free(leader->seen);
    free(leader);
}

bool leader_is_leading(const struct leader *leader)
{
    return leader->state == LEADER_LEADING;
}

bool leader_may_launch(const struct leader *leader)
{
    return leader->state == LEADER_LEADING &&
           now_us(leader) - leader->lease_us <= (int64_t)leader->options.lease_ms * US_PER_MS;
}

int64_t leader_clock_off_s(const struct leader *leader)
{
    if (leader->state != LEADER_LEADING)
        return 0;
    return (clock_wall_us(leader->options.clock) - now_us(leader) - leader->theirs_us) / US_PER_S;
}

int64_t leader_epoch(const struct leader *leader)
{
    return leader->state == LEADER_LEADING ? leader->epoch : 0;
}

int leader_backend_pid(const struct leader *leader)
{
    return db_backend_pid(leader->db);
}
