/* See token.h. */
#include "token.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "attr.h"
#include "hex.h"

enum { SECRET_LEN = 32, LIFETIME_DIGITS_MAX = 5 };

#define PREFIX "ecss_"

/* As long as a token, and none: those have other letters. */
static const char impossible[] = PREFIX "----------------------------------------------------------------";

static const char *const scope_names[] = {[TOKEN_READ] = "read", [TOKEN_WRITE] = "write"};
static const char *const verdict_names[] = {
    [TOKEN_GOOD] = "good",       [TOKEN_MISSING] = "missing", [TOKEN_UNKNOWN] = "unknown",
    [TOKEN_EXPIRED] = "expired", [TOKEN_REVOKED] = "revoked",
};

void token_set_done(struct token_set *set)
{
    free(set->tokens);
    *set = (struct token_set){0};
}

void token_make(char ret[static TOKEN_TEXT_SIZE])
{
    unsigned char secret[SECRET_LEN];
    size_t len = strlen(PREFIX);

    if (RAND_priv_bytes(secret, sizeof secret) != 1)
        abort(); /* a token must never be made of anything else */
    memcpy(ret, PREFIX, len + 1);
    hex_put(secret, sizeof secret, ret + len);
    OPENSSL_cleanse(secret, sizeof secret);
}

void token_hash(const char *text, unsigned char ret[static TOKEN_HASH_LEN])
{
    if (EVP_Digest(text, strlen(text), ret, NULL, EVP_sha256(), NULL) != 1)
        abort(); /* out of memory */
}

const char *token_of_header(const char *authorization)
{
    static const char scheme[] = "Bearer ";

    if (authorization == NULL || strncasecmp(authorization, scheme, sizeof scheme - 1) != 0)
        return NULL;
    authorization += sizeof scheme - 1;
    return authorization + strspn(authorization, " ");
}

/* Each token is compared, also after the one that it is. */
static const struct token *find(const struct token_set *set, const unsigned char hash[static TOKEN_HASH_LEN])
{
    size_t found = 0; /* counted from 1 */

    for (size_t i = 0; i < set->count; i++) {
        size_t differs = (size_t)(CRYPTO_memcmp(set->tokens[i].hash, hash, TOKEN_HASH_LEN) != 0);

        found |= (i + 1) & (differs - 1); /* all bits if it is the same, none if not */
    }
    return found == 0 ? NULL : &set->tokens[found - 1];
}

enum token_verdict token_set_check(const struct token_set *set, const char *text, int64_t now_s,
                                   const struct token **who)
{
    unsigned char hash[TOKEN_HASH_LEN];
    bool possible = text != NULL && strlen(text) == TOKEN_TEXT_SIZE - 1;

    /* What cannot be one is not hashed as it is: it may be long. */
    token_hash(possible ? text : impossible, hash);
    *who = find(set, hash);
    if (text == NULL)
        return TOKEN_MISSING;
    if (*who == NULL)
        return TOKEN_UNKNOWN;
    if ((*who)->revoked)
        return TOKEN_REVOKED;
    return (*who)->expires_s <= now_s ? TOKEN_EXPIRED : TOKEN_GOOD;
}

bool token_name_check(const char *name, struct err *err)
{
    size_t len = strlen(name);

    if (len == 0 || len > TOKEN_NAME_MAX ||
        len != strspn(name, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.@-"))
        return err_set(err, ERR_INVALID, "a token's name must be 1 to %d of 0-9 A-Z a-z _ . @ -",
                       TOKEN_NAME_MAX);
    return true;
}

bool token_scope_parse(const char *name, enum token_scope *ret, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(scope_names); i++) {
        if (strcmp(name, scope_names[i]) == 0) {
            *ret = (enum token_scope)i;
            return true;
        }
    }
    return err_set(err, ERR_INVALID, "a token's scope must be read or write, not \"%.64s\"", name);
}

const char *token_scope_name(enum token_scope scope)
{
    return scope_names[scope];
}

const char *token_verdict_name(enum token_verdict verdict)
{
    return verdict_names[verdict];
}

bool token_lifetime_parse(const char *text, int64_t *ret_s, struct err *err)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'h', 3600}, {'d', 86400}, {'w', 604800}};
    size_t digits = strspn(text, "0123456789");
    int64_t number = digits <= LIFETIME_DIGITS_MAX ? strtol(text, NULL, 10) : 0;

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (number > 0 && text[digits] == units[i].letter && text[digits + 1] == '\0') {
            *ret_s = number * units[i].seconds;
            return true;
        }
    }
    return err_set(
        err, ERR_INVALID,
        "a token's life must be 1 to 99999 hours, days or weeks, as 12h, 90d or 52w, not \"%.64s\"", text);
}
