/*
 * The name of one request: in the answer (X-Request-Id, and requestId in an error's body) and in every line
 * of the log that is about it, so that what a client saw can be found.
 *
 * A client, or a proxy before it, may give the name by X-Request-Id; what cannot be one is ignored.
 */
#pragma once

#include <stdbool.h>

enum { REQUEST_ID_MAX = 64, REQUEST_ID_SIZE = REQUEST_ID_MAX + 1 };

/* 1 to REQUEST_ID_MAX of 0-9 A-Z a-z - _ . */
bool request_id_is_valid(const char *text);
/* Sixteen random hexadecimal digits. */
void request_id_make(char ret[static REQUEST_ID_SIZE]);
