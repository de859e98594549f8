/*
 * Percent-encoding, in paths and queries.
 */
#pragma once

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends text, decoded; with plus, `+` is a space. False if a % is not followed by two hexadecimal digits,
 * or if what comes out has a NUL or is no UTF-8. */
bool uri_decode(const char *text, size_t len, bool plus, struct buf *ret);

/* Appends all names and values of a query, decoded, each with a NUL behind it: "a=1&b" is "a\0" "1\0b\0\0".
 * False if one of them cannot be decoded. */
bool uri_query_decode(const char *query, struct buf *ret);

/* The value of the first pair of that name; NULL: there is none. */
const char *uri_query_value(const struct buf *pairs, const char *name);
