/*
 * What systemd is told, and what it hands over: READY, STATUS, RELOADING, STOPPING and WATCHDOG by
 * sd_notify(3), and sockets that it opened before we were started. Under anything else nothing happens, and
 * no timer runs.
 *
 * The watchdog is fed from the main loop, and only while the daemon says that all of it is well, so that a
 * loop or a thread that hangs gets the process killed and started again (WatchdogSec= of the unit).
 */
#pragma once

#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct supervisor;

struct supervisor_options {
    struct event_base *base;    /* lent */
    bool (*is_well)(void *arg); /* asked before the watchdog is fed; NULL: that the loop turns is enough */
    void (*status)(void *arg, struct buf *ret); /* one line for `systemctl status`; NULL: none */
    void *arg;
};

/* Begins to feed the watchdog, if there is one, and to tell the status when it changes. */
struct supervisor *supervisor_new(const struct supervisor_options *options);
void supervisor_free(struct supervisor *supervisor); /* NULL is fine */

/* Tells the status now, if it has changed; else it is told within seconds. NULL is fine. */
void supervisor_refresh(struct supervisor *supervisor);

void supervisor_ready(void); /* also ends what supervisor_reloading() began */
void supervisor_reloading(void);
void supervisor_stopping(void);

enum { SUPERVISOR_SOCKETS_MAX = 16 };

/* The listening stream sockets that were handed over, close-on-exec and not blocking; they are the caller's.
 * *count is 0 if there are none. Fails if there are more than fit in ret (SUPERVISOR_SOCKETS_MAX), or one
 * that is no such socket. To be called once. */
bool supervisor_sockets(int *ret, size_t *count, struct err *err);
