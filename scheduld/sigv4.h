/*
 * AWS Signature Version 4, pure: (request, time, keys) in, header values out. The whole of it but chunked and
 * presigned requests: paths are normalised and encoded, queries sorted and encoded, header values folded.
 *
 * The steps are functions of their own, since a signature that is wrong tells nothing: compare the canonical
 * request with what the service says it saw.
 */
#pragma once

#include "attr.h"
#include "buf.h"
#include "http_header.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The hash function, looked up once, and the last few signing keys (one a day, region, service and secret).
 * Not for several threads at a time. */
struct sigv4;
struct sigv4 *sigv4_new(void) RETURNS_NONNULL;
void sigv4_free(struct sigv4 *signer); /* NULL is fine */

struct sigv4_request {
    const char *method;
    const char *path;  /* as on the request line, up to the '?'; "" is "/" */
    const char *query; /* as on the request line, after the '?'; NULL: none */
    /* All that will be sent and is to be signed, Host among them; in any order. What proxies and libraries
     * rewrite (User-Agent, Connection, Expect, ...) is left out of the signature by itself. */
    const struct http_header *headers;
    size_t header_count;
    const void *body; /* NULL: none */
    size_t body_len;
    bool keep_path; /* dots and double slashes in the path mean themselves (S3) */
};

struct sigv4_scope {
    int64_t at_s; /* the time to sign for */
    const char *region, *service;
};

struct sigv4_keys {
    const char *access_key_id, *secret;
    const char *token; /* NULL: none */
};

enum { SIGV4_DATE_SIZE = 17, SIGV4_HEX_SIZE = 65 };

/* Appends the value of the Authorization header and writes that of X-Amz-Date. Both are to be sent, and
 * X-Amz-Security-Token if there is a token; none of the three may be among the request's headers. */
void sigv4_sign(struct sigv4 *signer, const struct sigv4_request *request, const struct sigv4_scope *scope,
                const struct sigv4_keys *keys, char amz_date[static SIGV4_DATE_SIZE],
                struct buf *authorization);

/* The steps of it, for headers that are complete. */
void sigv4_put_canonical(struct sigv4 *signer, const struct sigv4_request *request, struct buf *canonical,
                         struct buf *signed_names);
void sigv4_put_string_to_sign(struct sigv4 *signer, const struct sigv4_scope *scope,
                              const struct buf *canonical, struct buf *ret);
void sigv4_signature(struct sigv4 *signer, const struct sigv4_scope *scope, const char *secret,
                     const struct buf *string_to_sign, char hex[static SIGV4_HEX_SIZE]);

/* "20150830T123600Z". at_s is within the years 1 to 9999. */
void sigv4_date(int64_t at_s, char out[static SIGV4_DATE_SIZE]);
