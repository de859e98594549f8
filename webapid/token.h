/*
 * Bearer tokens: who may read and who may write. Pure.
 *
 * A token's text, `ecss_` and 64 hexadecimal digits of 32 random bytes, is shown once, when it is made. What
 * is kept is its SHA-256: so long a secret cannot be guessed, so no slow hash is needed. Whatever is shown to
 * token_set_check(), nothing at all included, is hashed and compared with each token that there is, so that
 * the time tells nothing.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TOKEN_TEXT_SIZE = 70, /* with its NUL */
    TOKEN_HASH_LEN = 32,
    TOKEN_NAME_MAX = 64, /* characters of 0-9 A-Z a-z _ . @ - */
    TOKENS_MAX = 1000,   /* that are good at the same time */
};

enum token_scope { TOKEN_READ, TOKEN_WRITE }; /* who may write may read */

struct token {
    char name[TOKEN_NAME_MAX + 1];
    enum token_scope scope;
    unsigned char hash[TOKEN_HASH_LEN];
    int64_t expires_s; /* INT64_MAX: never */
    bool revoked;
};

struct token_set {
    struct token *tokens; /* owned */
    size_t count;
};

enum token_verdict {
    TOKEN_GOOD,
    TOKEN_MISSING, /* none was shown */
    TOKEN_UNKNOWN,
    TOKEN_EXPIRED,
    TOKEN_REVOKED,
};

void token_set_done(struct token_set *set); /* zeroed memory is fine, too */

/* text: what was shown, NULL: nothing. *who is the token, lent by the set, NULL if it is missing or unknown.
 */
enum token_verdict token_set_check(const struct token_set *set, const char *text, int64_t now_s,
                                   const struct token **who);

/* The token of an Authorization header, NULL if that has none. */
const char *token_of_header(const char *authorization);

void token_make(char ret[static TOKEN_TEXT_SIZE]);
void token_hash(const char *text, unsigned char ret[static TOKEN_HASH_LEN]);

bool token_name_check(const char *name, struct err *err);
bool token_scope_parse(const char *name, enum token_scope *ret, struct err *err);
const char *token_scope_name(enum token_scope scope);
const char *token_verdict_name(enum token_verdict verdict); /* for logs */
/* "90d": a number of hours, days or weeks, to seconds. */
bool token_lifetime_parse(const char *text, int64_t *ret_s, struct err *err);
