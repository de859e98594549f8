/*
 * A worker's connections to PostgreSQL: one for what reads, one for what writes, so that no read waits for a
 * group of writes, nor for the row that one of these waits for. Each is made again by itself, and is of use
 * when the schema is the one that we know; the one for reads also keeps the tokens. Either may be there
 * without the other, when the server takes no more connections, say.
 */
#pragma once

#include "err.h"
#include "migrate.h"

#include <stdbool.h>
#include <stddef.h>

struct server_database;
struct token_cache;
struct worker;

/* What a statement waits for a lock of another session, and how long it may run: session settings, both well
 * below the deadline of a query (DB_DEADLINE_DEFAULT_MS), and that below the one of an answer. */
enum { SERVER_LOCK_TIMEOUT_MS = 1000, SERVER_STATEMENT_TIMEOUT_MS = 5000 };

struct server_database_options {
    struct worker *worker; /* lent; its reads, writes and what says that they are ready are kept from here */
    int tokens_max_age_s;  /* token_cache.h */
    /* From the loop: worker->can_read or can_write may have changed; and what server_options.on_schema gets.
     */
    void (*on_change)(void *arg);
    void (*on_schema)(void *arg, enum migrate_state state, const struct err *err);
    void *arg;
};

/* Starts to connect to worker->database_url, from the loop. */
struct server_database *server_database_new(const struct server_database_options *options, struct err *err);
/* Queries are answered from here. The tokens stay. NULL is fine, as it is in all that follows. */
void server_database_close(struct server_database *database);
void server_database_free(struct server_database *database);

const struct token_cache *server_database_tokens(const struct server_database *database);
/* Queries that are not answered yet. */
size_t server_database_pending(const struct server_database *database);
