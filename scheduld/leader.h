/*
 * Who may act: at most one scheduld of an installation leads, the others stand by and try to.
 *
 *     DOWN --connected--> STANDBY --lock taken--> TAKING --epoch begun--> LEADING --resign--> RESIGNING -->
 * RESIGNED
 *      ^_______________________|_______________________|______________________|
 *                              the connection was lost: so was the lock
 *
 * The leader holds a session-level advisory lock (lease_store.h) on a connection of its own. Taking it begins
 * an epoch: every write that plans is guarded by the epoch in SQL, so that a former leader that does not know
 * yet changes nothing. What SQL cannot guard, a RunTask, is guarded by the lease: the lock session has
 * answered to something that was sent less than `lease_ms` ago. A process that was frozen and goes on finds
 * the lease over, whatever waits for it in its sockets.
 *
 * Standbys try the lock every LEADER_TRY_MS, and at once when a leader says good-bye, and never wait in
 * PostgreSQL, as a session that waits keeps VACUUM from cleaning. Take-over: clean stop under 0.2 s, kill -9
 * of the leader under 1 s, a frozen one (SIGSTOP) under 10 s, silent death of its host under 15 s
 * (keep-alives, see common/db_url.c).
 *
 * The work is done by another session. A leader whose other session cannot be made anew is of no use, and
 * would keep out those that are: after LEADER_UNABLE_MAX_MS it gives the lock back and stands by, and a
 * standby without that session does not try. So nobody may lead, until one can work. When the server is away
 * both sessions are, and there is no lock to give back.
 */
#pragma once

#include "clock.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct leader;

enum {
    LEADER_TRY_MS = 250, /* between two tries of a standby, give or take a fifth */
    LEADER_HEARTBEAT_MS = 1000,
    LEADER_LEASE_DEFAULT_MS = 3000, /* shorter than any way for the server to give the lock to somebody else
                                       without our connection being seen to close */
    LEADER_UNABLE_MAX_MS = 10000,   /* longer than it takes to connect anew when one host of two is silent */
};

struct leader_options {
    struct event_base *base;   /* lent */
    const struct clock *clock; /* lent; NULL: clock_system */
    const char *database_url;  /* copied */
    const char *holder;        /* copied; who we are, for people; NULL: HOST:PID */
    int lease_ms;              /* 0: the default above */

    /* From the loop. on_lead: we lead from now on; installation is lent. on_loss: no more, err says why;
     * on_lead may come again, with another epoch. Not called for the end that leader_resign() makes. */
    void (*on_lead)(void *arg, int64_t epoch, const char *installation);
    void (*on_loss)(void *arg, const struct err *err);
    void *arg;
};

/* Begins to connect, and then to try. Fails if the URL makes no sense. */
struct leader *leader_new(const struct leader_options *options, struct err *err);
/* Also gives the lock back, without telling anybody. Not from inside on_lead, on_loss or done. NULL is fine.
 */
void leader_free(struct leader *leader);

bool leader_is_leading(const struct leader *leader);
/* Right before each RunTask: leading, and the lease is not over. Costs the reading of a clock. */
bool leader_may_launch(const struct leader *leader);
/* The epoch that we lead in; 0: we do not. */
int64_t leader_epoch(const struct leader *leader);

/* By how much our clock is ahead of the database's, as far as that was when it last answered; behind:
 * negative. 0 while we do not lead. Sees a leap of ours at once, one of the database's within a heartbeat. */
int64_t leader_clock_off_s(const struct leader *leader);

/* Somebody found another epoch in the database. on_loss comes from inside. The session has the lock
 * nevertheless, so a second later it leads again, in an epoch of its own. */
void leader_step_down(struct leader *leader);

/* Whether we could do the work if we led, which is so at first. on_loss comes later, from the loop. */
void leader_set_able(struct leader *leader, bool able);

/* Leads no more, and never will again; the next one is told. done comes once, from the loop, also if the
 * database cannot be reached. */
void leader_resign(struct leader *leader, void (*done)(void *arg), void *arg);

/* The server's process id of the lock session, 0 if down. For tests. */
int leader_backend_pid(const struct leader *leader);
