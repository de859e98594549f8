/*
 * Idempotency-Key: who sends a POST again, because the answer to the first one got lost, sends the same key,
 * and gets that answer. What was answered is kept in the database (job_store_insert_once()).
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

enum { IDEMPOTENCY_KEY_MAX = 255, IDEMPOTENCY_REQUEST_SIZE = 65 };

/* Whether a header's value can be a key; the err is a sentence for the client. */
bool idempotency_check(const char *key, struct err *err);

/* Stands for a body: a key that comes with another one was not meant for this request. */
void idempotency_request(const char *body, size_t len, char out[static IDEMPOTENCY_REQUEST_SIZE]);
