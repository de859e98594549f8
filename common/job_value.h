/*
 * What the API takes for a string, an integer and a boolean. It is the taste of the system that we replace,
 * kept as clients rely on it: "5" and 2.0 are integers, 1 and "true" are booleans. What it also took and
 * nobody means (1.9 as 1, true as 1) is refused.
 */
#pragma once

#include "job_report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

/* On failure the complaint has been made. What is returned is lent, as long as the value lives. */
bool job_value_string(const struct json_object *value, const char **ret, const struct job_at *at);
bool job_value_integer(const struct json_object *value, int64_t *ret, const struct job_at *at);
bool job_value_boolean(const struct json_object *value, bool *ret, const struct job_at *at);
/* *count: of its items, at most max. */
bool job_value_list(const struct json_object *value, int max, size_t *count, const struct job_at *at);

/* An integer as text, in JSON or in a query: digits, a sign before and white space around them. Digits beyond
 * 64 bits saturate. */
bool job_value_integer_text(const char *text, int64_t *ret);
