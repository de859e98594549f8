/*
 * The admin listener: GET /health/live, /health/ready and /metrics by HTTP, for who watches this scheduld. It
 * asks nobody who he is, so it is on loopback or on a unix socket only. It is small on purpose: one request a
 * connection, a few connections at a time, a few seconds each; who comes beyond that is closed at once, so
 * that whatever is done to it costs the scheduler next to nothing.
 */
#pragma once

#include "admin_request.h"
#include "buf.h"
#include "err.h"

#include <stdbool.h>

struct admin;
struct event_base;

struct admin_options {
    struct event_base *base; /* lent */
    const char *listen;      /* as ECSS_ADMIN_LISTEN has it */
    /* What the pages say; whether it is ready. From the loop. */
    bool (*ready)(void *arg, struct buf *body);
    void (*metrics)(void *arg, enum metrics_format format, struct buf *body);
    void *arg;
};

/* For the setting's check: an address that no other host can reach. */
bool admin_check_address(const char *address, struct err *err);

/* NULL: the address cannot be had. */
struct admin *admin_new(const struct admin_options *options, struct err *err);
void admin_free(struct admin *admin); /* NULL is fine */
