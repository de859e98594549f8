/*
 * Strict JSON (RFC 8259) into json-c's values, and typed getters.
 *
 * The parser is ours, the tree is json-c's: its own parser lets NaN, single quotes, comments, raw control
 * characters, duplicate keys, lone surrogates and trailing data through and saturates numbers beyond 64 bits.
 * Here all of these are errors that say what and where; so are \u0000 (PostgreSQL's jsonb cannot hold it),
 * bad UTF-8, UTF-16, and more levels or values than JSON_DEPTH_MAX and JSON_VALUES_MAX. Only a UTF-8 byte
 * order mark is skipped.
 *
 * A whole number is an integer if it fits 64 bits, signed or unsigned; anything with a fraction or an
 * exponent is a double.
 */
#pragma once

#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

/* The value is the caller's: AUTO_JSON, or json_release(). ERR_INVALID: "line 1, column 7: ...". NULL is
 * JSON's null, as json-c has it. */
bool json_parse(const char *text, size_t len, struct json_object **ret, struct err *err);
/* The same with fewer levels and values than JSON_DEPTH_MAX and JSON_VALUES_MAX. */
struct json_bounds {
    int depth, values;
};
bool json_parse_within(struct json_bounds bounds, const char *text, size_t len, struct json_object **ret,
                       struct err *err);

void json_release(struct json_object *value);
void json_release_scoped(struct json_object **value);
#define AUTO_JSON CLEANUP(json_release_scoped)

/*
 * Getters on an object's member. The plain ones want it there; the _opt ones leave *ret as it is when the
 * member is missing or null. A value of another type is ERR_INVALID with the key as the err's field. What is
 * returned is lent, as long as the object lives. Numbers: an integer, or a double without a fraction.
 */
bool json_get_string(const struct json_object *obj, const char *key, const char **ret, struct err *err);
bool json_get_int64(const struct json_object *obj, const char *key, int64_t *ret, struct err *err);
bool json_get_bool(const struct json_object *obj, const char *key, bool *ret, struct err *err);
bool json_get_object(const struct json_object *obj, const char *key, struct json_object **ret,
                     struct err *err);
bool json_get_array(const struct json_object *obj, const char *key, struct json_object **ret,
                    struct err *err);

bool json_get_string_opt(const struct json_object *obj, const char *key, const char **ret, struct err *err);
bool json_get_int64_opt(const struct json_object *obj, const char *key, int64_t *ret, struct err *err);
bool json_get_double_opt(const struct json_object *obj, const char *key, double *ret, struct err *err);
bool json_get_bool_opt(const struct json_object *obj, const char *key, bool *ret, struct err *err);
bool json_get_object_opt(const struct json_object *obj, const char *key, struct json_object **ret,
                         struct err *err);
bool json_get_array_opt(const struct json_object *obj, const char *key, struct json_object **ret,
                        struct err *err);

enum { JSON_UTF8_MAX = 4 }; /* bytes of one character */

/* How many of the len > 0 bytes at s make one well-formed character (no surrogates, no overlong forms), 0 if
 * none does; what a character up to U+10FFFF is in bytes; whether all of text is well-formed. */
size_t json_utf8_len(const char *s, size_t len);
size_t json_utf8_encode(unsigned code, char out[static JSON_UTF8_MAX]);
bool json_utf8_valid(const char *text, size_t len);
void json_utf8_cut(
    char *text); /* before the first byte that is not UTF-8, such as a character's first half */

/* Appends s as a JSON string. Bytes that are no UTF-8 become U+FFFD, so that what is written is always JSON.
 */
void json_put_string(struct buf *buf, const char *s);
void json_put_string_len(struct buf *buf, const char *s, size_t len);

/* Appends a value as compact JSON, slashes not escaped. */
void json_put_value(struct buf *buf, const struct json_object *value);
