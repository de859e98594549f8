/*
 * A worker: one thread with an event loop, its own listeners and its own connections to the database. A
 * connection and its requests stay on the worker that accepted it, so handlers need no locks: everything that
 * they reach from here belongs to this thread.
 */
#pragma once

#include <stdbool.h>

struct db;
struct event_base;
struct http_limits;
struct meters;

struct worker {
    int number;                       /* from 0, for logs */
    struct event_base *base;          /* lent */
    struct db *reads, *writes;        /* lent: for statements that change nothing, and for all others; NULL if
                                         the server was started without a database (tests) */
    bool can_read, can_write;         /* that one is connected, and the schema is the one we know */
    const char *database_url;         /* lent: for a connection of one's own; NULL as these */
    struct meters *meters;            /* lent; NULL: nothing is counted (tests) */
    const struct http_limits *limits; /* lent */
    void *app;                        /* what server_options.open() returned: the handlers' own, per worker */
};
