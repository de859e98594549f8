/* See aws_keys.h. */
#include "aws_keys.h"

#include "json.h"
#include "mem.h"
#include "timestamp.h"

#include <json-c/json.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum {
    RENEW_BEFORE_S = 15 * 60,   /* before this, keys are not looked for again */
    RENEW_JITTER_S = 5 * 60,    /* and up to so much earlier, if they live that long */
    RENEW_LEAST_MS = 1000,      /* between two searches */
    FAILED_MOST_MS = 60 * 1000, /* from a search that failed to the next, at most */
};

static void wipe(char *secret)
{
    if (secret != NULL)
        OPENSSL_cleanse(secret, strlen(secret));
    free(secret);
}

void aws_keys_done(struct aws_keys *keys)
{
    free(keys->access_key_id);
    wipe(keys->secret);
    wipe(keys->token);
    free(keys->region);
    *keys = (struct aws_keys){0};
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool aws_keys_same(const struct aws_keys *a, const struct aws_keys *b)
{
    return same_text(a->access_key_id, b->access_key_id) && same_text(a->secret, b->secret) &&
           same_text(a->token, b->token);
}

/* Keys go into header lines: a blank or a line break would forge one. The text itself is not in the message.
 */
static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text >= 0x7F)
            return false;
    return true;
}

static bool is_id(const char *text)
{
    return is_plain(text) && strpbrk(text, "/,=") == NULL;
}

static bool check(const char *id_name, const char *id, const char *secret_name, const char *secret,
                  const char *token, struct err *err)
{
    if (is_id(id) && is_plain(secret) && (token == NULL || is_plain(token)))
        return true;
    return err_set(err, ERR_INVALID, "%s has a character that cannot be in it (a blank? a line break?)",
                   !is_plain(secret) ? secret_name
                   : !is_id(id)      ? id_name
                                     : "the session token");
}

enum aws_found aws_keys_take(const char *id_name, const char *id, const char *secret_name, const char *secret,
                             const char *token, struct aws_keys *ret, struct err *err)
{
    if (id == NULL && secret == NULL) {
        err_set(err, ERR_NOT_FOUND, "%s is not set", id_name);
        return AWS_ABSENT;
    }
    if (id == NULL || secret == NULL) {
        err_set(err, ERR_INVALID, "%s is set, but %s is not", id == NULL ? secret_name : id_name,
                id == NULL ? id_name : secret_name);
        return AWS_FAILED;
    }
    if (!check(id_name, id, secret_name, secret, token, err))
        return AWS_FAILED;
    *ret = (struct aws_keys){
        .access_key_id = mem_strdup(id), .secret = mem_strdup(secret), .token = mem_strdup_or_null(token)};
    return AWS_FOUND;
}

bool aws_keys_time(const char *text, int64_t *ret, struct err *err)
{
    struct timestamp time;

    if (!timestamp_parse(text, &time, NULL))
        return err_set(err, ERR_INVALID, "the expiration is not a time as 2026-01-01T00:00:00Z");
    *ret = time.local_s - time.offset_s; /* without an offset it is UTC's */
    return true;
}

bool aws_keys_parse_object(const char *text, size_t len, struct json_object **ret, struct err *err)
{
    struct json_object *value;
    struct err why;

    if (!json_parse(text, len, &value, &why))
        return err_set(err, ERR_INVALID, "the answer is not JSON");
    if (!json_object_is_type(value, json_type_object)) {
        json_release(value);
        return err_set(err, ERR_INVALID, "the answer is not a JSON object");
    }
    *ret = value;
    return true;
}

static bool get(const struct json_object *obj, const char *name, const char **ret, struct err *err)
{
    *ret = NULL;
    if (!json_get_string_opt(obj, name, ret, NULL))
        return err_set(err, ERR_INVALID, "%s in the answer is not a string", name);
    if (*ret != NULL && **ret == '\0')
        *ret = NULL;
    return true;
}

bool aws_keys_from_object(const struct json_object *obj, const char *token_name, bool lasting, int64_t now_s,
                          struct aws_keys *ret, struct err *err)
{
    const char *id, *secret, *token, *expiration;
    int64_t expires_s = 0;

    if (!get(obj, "AccessKeyId", &id, err) || !get(obj, "SecretAccessKey", &secret, err) ||
        !get(obj, token_name, &token, err) || !get(obj, "Expiration", &expiration, err))
        return false;
    if (id == NULL || secret == NULL || (!lasting && (token == NULL || expiration == NULL)))
        return err_set(err, ERR_INVALID, "the answer has no %s",
                       id == NULL       ? "AccessKeyId"
                       : secret == NULL ? "SecretAccessKey"
                       : token == NULL  ? token_name
                                        : "Expiration");
    if (!check("AccessKeyId", id, "SecretAccessKey", secret, token, err) ||
        (expiration != NULL && !aws_keys_time(expiration, &expires_s, err)))
        return false;
    if (expires_s != 0 && expires_s <= now_s)
        return err_set(err, ERR_UNAVAILABLE, "the keys in the answer expired at %s", expiration);
    *ret = (struct aws_keys){.access_key_id = mem_strdup(id),
                             .secret = mem_strdup(secret),
                             .token = mem_strdup_or_null(token),
                             .expires_s = expires_s};
    return true;
}

int64_t aws_keys_renew_ms(int64_t left_s, bool failed, double fraction)
{
    int64_t ms;

    if (failed) {
        ms = left_s * 1000 / 8;
        ms = ms < FAILED_MOST_MS ? ms : FAILED_MOST_MS;
        ms -= (int64_t)((double)ms * fraction / 4);
    } else if (left_s >= RENEW_BEFORE_S + RENEW_JITTER_S + RENEW_JITTER_S) {
        ms = (left_s - RENEW_BEFORE_S) * 1000 - (int64_t)(RENEW_JITTER_S * 1000 * fraction);
    } else {
        ms = left_s * 1000 / 2;
        ms -= (int64_t)((double)ms * fraction / 4);
    }
    return ms > RENEW_LEAST_MS ? ms : RENEW_LEAST_MS;
}
