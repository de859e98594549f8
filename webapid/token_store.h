/*
 * All SQL on api_tokens. The role of a webapid that serves may only load them; making and revoking is for the
 * owner of the tables, as --migrate is.
 */
#pragma once

#include "db.h"
#include "token.h"

#include <stdbool.h>
#include <stdint.h>

/* Hears of each change. */
extern const char token_store_channel[];

/* What webapid has to know: those that are good, and the latest of the others. Asked before all
 * else that waits: a database that is slow is no reason to let nobody in. */
void token_store_load(struct db *db, db_fn *done, void *arg);
/* A row that cannot be read is logged and left out, which refuses its holder. */
void token_store_read(const struct db_result *result, struct token_set *ret);

/* One row if it was made, none if there is one of that name; ERR_DENIED if this role may not.
 * lifetime_s: 0 is for ever. */
void token_store_create(struct db *db, const struct token *token, int64_t lifetime_s, db_fn *done, void *arg);
/* The row of one that was good. */
void token_store_revoke(struct db *db, const char *name, db_fn *done, void *arg);
/* Name, scope, made, by, expires, state: texts to print. */
void token_store_list(struct db *db, db_fn *done, void *arg);
