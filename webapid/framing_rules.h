/*
 * The grammar of RFC 9110 and 9112, as far as the guard needs it: pure predicates on text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

bool rules_is_token(const char *text, size_t len); /* a method's or a header's name */
/* What a header's value may have: visible ASCII, space, tab, and bytes of 0x80 and more. */
bool rules_is_value(const char *text, size_t len);
/* A host with an optional port: a name, an IPv4 address or an IPv6 one in brackets. "" counts, as HTTP has
 * it. */
bool rules_is_host(const char *text, size_t len);
/* Visible ASCII without a `#`. */
bool rules_is_target(const char *text, size_t len);

/* Digits alone; more than max is max + 1. */
bool rules_read_length(const char *text, size_t max, size_t *ret);
/* The same of a chunk's size in hexadecimal, which ends before white space or a `;`. */
bool rules_read_chunk_size(const char *line, size_t len, size_t max, size_t *ret);

/* Whether a comma-separated list has that word, in any case. */
bool rules_list_has(const char *list, const char *word);
