/*
 * The keys that a request is signed with, and how they are written down by those who hand them out. Pure.
 * What is wrong with keys is told without a character of them.
 */
#pragma once

#include "attr.h"
#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct json_object;

struct aws_keys {
    char *access_key_id, *secret; /* owned */
    char *token;                  /* owned; NULL: none */
    char *region;                 /* owned; where they were found, if that says so (instance metadata) */
    int64_t expires_s;            /* wall time; 0: never */
    uint64_t serial;              /* which finding these are of */
};

void aws_keys_done(struct aws_keys *keys); /* wipes them; zeroed memory is fine */
#define AUTO_AWS_KEYS CLEANUP(aws_keys_done)

/* Whether a request would be signed alike. */
bool aws_keys_same(const struct aws_keys *a, const struct aws_keys *b);

enum aws_found {
    AWS_FOUND,
    AWS_ABSENT,  /* nothing is configured that would have keys: somebody else is asked */
    AWS_FAILED,  /* something is, and it is of no use: the search ends */
    AWS_PENDING, /* the answer will come */
};

/* The pair, both halves or none: ABSENT, FAILED with err. The names are those of the settings, for err. */
enum aws_found aws_keys_take(const char *id_name, const char *id, const char *secret_name, const char *secret,
                             const char *token, struct aws_keys *ret, struct err *err);

/* {"AccessKeyId", "SecretAccessKey", TOKEN_NAME, "Expiration"} as processes and metadata services answer.
 * ERR_INVALID: a member is missing or wrong, or they expired before now_s (0: that is no mistake).
 * `lasting`: they need neither a token nor an expiration. */
bool aws_keys_from_object(const struct json_object *obj, const char *token_name, bool lasting, int64_t now_s,
                          struct aws_keys *ret, struct err *err);

/* The same of a text that has to be an object; for err it is "the answer". */
bool aws_keys_parse_object(const char *text, size_t len, struct json_object **ret, struct err *err);

/* "2026-01-01T00:00:00Z" in seconds since 1970. ERR_INVALID if it is no such time. */
bool aws_keys_time(const char *text, int64_t *ret, struct err *err);

/* In how many milliseconds keys are to be looked for again that are good for left_s seconds more: long before
 * they expire, and again and again while the answer is still the same keys (the answer's new ones come when
 * its issuer thinks fit). failed: the last search failed. fraction: a random number from 0 to below 1, so
 * that many daemons do not ask at once. */
int64_t aws_keys_renew_ms(int64_t left_s, bool failed, double fraction);
