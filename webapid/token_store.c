/* See token_store.h. */
#include "token_store.h"

#include <inttypes.h>
#include <stdio.h>

#include <openssl/crypto.h>

#include "hex.h"
#include "log.h"
#include "mem.h"

const char token_store_channel[] = "ecss_tokens";

enum { COL_NAME, COL_SCOPE, COL_HASH, COL_EXPIRES, COL_REVOKED, COL_GOOD };

#define STRING(x) STRING_OF(x)
#define STRING_OF(x) #x
#define LOADED_MAX 2000 /* TOKENS_MAX, and as many of those that are expired or revoked */
#define GOOD "(revoked_at IS NULL AND (expires_at > now()) IS NOT FALSE)"
#define TIME(column) "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')"

static const struct db_stmt load = {
    .name = "token_load",
    .sql = "SELECT name, scope, encode(hash, 'hex'), ceil(extract(epoch FROM expires_at))::bigint,"
           " revoked_at IS NOT NULL, " GOOD " FROM api_tokens"
           " ORDER BY " GOOD " DESC, revoked_at DESC NULLS FIRST, id DESC LIMIT " STRING(LOADED_MAX),
};

static const struct db_stmt create = {
    .name = "token_create",
    .sql = "WITH made AS (INSERT INTO api_tokens (name, scope, hash, expires_at)"
           " SELECT $1, $2, decode($3, 'hex'),"
           " CASE WHEN $4::bigint > 0 THEN now() + $4::bigint * interval '1 second' END"
           " WHERE (SELECT count(*) FROM api_tokens WHERE " GOOD ") < $5::bigint"
           " ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING RETURNING id, expires_at)"
           " SELECT made.id IS NOT NULL, coalesce(" TIME(
               "made.expires_at") " || ' UTC', 'never'),"
                                  " EXISTS (SELECT FROM api_tokens WHERE name = $1 AND revoked_at IS NULL)"
                                  " FROM (SELECT) one LEFT JOIN made ON true",
    .params = 5,
};

static const struct db_stmt revoke = {
    .name = "token_revoke",
    .sql = "UPDATE api_tokens SET revoked_at = now() WHERE name = $1 AND revoked_at IS NULL RETURNING id",
    .params = 1,
};

static const struct db_stmt list = {
    .name = "token_list",
    .sql = "SELECT name, scope, " TIME(
        "created_at") ", created_by,"
                      " coalesce(" TIME(
                          "expires_at") ", 'never'),"
                                        " CASE WHEN revoked_at IS NOT NULL THEN 'revoked ' || " TIME(
                                            "revoked_at") " WHEN expires_at <= now() THEN 'expired' ELSE "
                                                          "'good' END"
                                                          " FROM api_tokens ORDER BY revoked_at NULLS FIRST, "
                                                          "name, id",
};

void token_store_load(struct db *db, db_fn *done, void *arg)
{
    db_query_first(db, &load, NULL, done, arg);
}

static bool read_hash(const char *hex, unsigned char ret[static TOKEN_HASH_LEN])
{
    size_t len = 0;

    return OPENSSL_hexstr2buf_ex(ret, TOKEN_HASH_LEN, &len, hex, '\0') == 1 && len == TOKEN_HASH_LEN;
}

static bool read_row(const struct db_result *result, int row, struct token *ret)
{
    snprintf(ret->name, sizeof ret->name, "%s", db_text(result, row, COL_NAME));
    ret->expires_s = db_is_null(result, row, COL_EXPIRES) ? INT64_MAX : db_int64(result, row, COL_EXPIRES);
    ret->revoked = db_bool(result, row, COL_REVOKED);
    return token_scope_parse(db_text(result, row, COL_SCOPE), &ret->scope, NULL) &&
           read_hash(db_text(result, row, COL_HASH), ret->hash);
}

void token_store_read(const struct db_result *result, struct token_set *ret)
{
    const int rows = db_rows(result);

    *ret = (struct token_set){.tokens = mem_array((size_t)rows + 1, sizeof *ret->tokens)};
    for (int row = 0; row < rows; row++)
        if (read_row(result, row, &ret->tokens[ret->count]))
            ret->count++;
        else /* the table's constraints allow none */
            log_error("token.unreadable", "token=%s", LOGQ(db_text(result, row, COL_NAME)));
    if (rows == LOADED_MAX && db_bool(result, rows - 1, COL_GOOD))
        log_error("token.too_many", "good=%d hint=%s", rows, LOGQ("those made first are refused"));
}

void token_store_create(struct db *db, const struct token *token, int64_t lifetime_s, db_fn *done, void *arg)
{
    char hash[2 * TOKEN_HASH_LEN + 1], lifetime[24], most[24];

    hex_put(token->hash, TOKEN_HASH_LEN, hash);
    snprintf(lifetime, sizeof lifetime, "%" PRId64, lifetime_s);
    snprintf(most, sizeof most, "%d", TOKENS_MAX);
    db_query(db, &create,
             (const char *const[]){token->name, token_scope_name(token->scope), hash, lifetime, most}, done,
             arg);
}

void token_store_revoke(struct db *db, const char *name, db_fn *done, void *arg)
{
    db_query(db, &revoke, (const char *const[]){name}, done, arg);
}

void token_store_list(struct db *db, db_fn *done, void *arg)
{
    db_query(db, &list, NULL, done, arg);
}
