/* The parts of SigV4's canonical request, each appended to a buffer. For sigv4.c and its tests. */
#pragma once

#include "buf.h"
#include "http_header.h"

#include <stdbool.h>
#include <stddef.h>

/* The path as it is on the request line, encoded once more; keep: without taking out "." and "..". */
void sigv4_put_path(struct buf *buf, const char *path, bool keep);

/* name=value pairs in canonical encoding, sorted; NULL: none. Escapes are read first, so that it does not
 * matter which characters the sender chose to escape; '+' is a plus. */
void sigv4_put_query(struct buf *buf, const char *query);

/* "name:value\n" each, sorted; and the names, "host;x-amz-date". */
void sigv4_put_headers(struct buf *buf, struct buf *names, const struct http_header *headers, size_t count);
