/*
 * Socket activation: sockets that systemd opened (webapid.socket) take the place of ECSS_LISTEN, before
 * anybody reads it. So whatever is checked and said of that setting is checked and said of them.
 */
#pragma once

#include "err.h"
#include "supervisor.h"

#include <stddef.h>

struct activation {
    int sockets[SUPERVISOR_SOCKETS_MAX]; /* in the order of ECSS_LISTEN; the server's, once it has started */
    size_t count;                        /* 0: we open them ourselves */
};

/* Before other threads start. Says on stderr if there was an ECSS_LISTEN that does not count any more. */
bool activation_take(struct activation *ret, struct err *err);
