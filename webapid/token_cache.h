/*
 * The tokens of a worker, kept in memory: read when the connection to the database is up, and again at each
 * change, of which a NOTIFY tells. So a request costs no question, and a revocation counts within moments.
 *
 * While nobody can be asked the tokens count as they were read last, for max_age_s and no longer: they are
 * read again four times in such a time, whether something is said to have changed or not, and if the last
 * time was longer ago it is not known any more who may do what.
 */
#pragma once

#include "token.h"

#include <stdbool.h>

struct db;
struct event_base;
struct token_cache;

struct token_cache *token_cache_new(struct event_base *base, struct db *db, int max_age_s);
void token_cache_stop(struct token_cache *cache); /* its db has ended: asks nothing more; NULL is fine */
void token_cache_free(struct token_cache *cache); /* likewise */

/* When the connection is up. done comes once, from the loop; false: they could not be read, the log says why.
 */
void token_cache_load(struct token_cache *cache, void (*done)(void *arg, bool good), void *arg);

/* NULL until they were read once, and when that is too long ago. */
const struct token_set *token_cache_tokens(const struct token_cache *cache);
