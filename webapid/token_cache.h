/*
 * The tokens of a worker, kept in memory: read when the connection to the database is up, and again at each
 * change, of which a NOTIFY tells. So a request costs no question, and a revocation counts within moments.
 */
#pragma once

#include "token.h"

#include <stdbool.h>

struct db;
struct event_base;
struct token_cache;

struct token_cache *token_cache_new(struct event_base *base, struct db *db);
void token_cache_free(struct token_cache *cache); /* after its db; NULL is fine */

/* When the connection is up. done comes once, from the loop; false: they could not be read, the log says why.
 */
void token_cache_load(struct token_cache *cache, void (*done)(void *arg, bool good), void *arg);

/* NULL until they were read once. */
const struct token_set *token_cache_tokens(const struct token_cache *cache);
