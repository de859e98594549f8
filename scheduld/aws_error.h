/*
 * What an AWS call failed with, by what the caller can do about it. The codec is pure: status, headers and
 * body of an answer in, a kind and words out (docs: ECS and SQS "Common errors").
 *
 * Two things are told apart here that most clients mix: what the last attempt said (kind), and whether any
 * attempt may have taken effect (may_have_acted). A RunTask that was cut off once and then throttled is
 * THROTTLED, and still may have started its tasks: it has to be repeated with the same client token, which
 * starts nothing twice. Only after an error with may_have_acted false is a new token safe.
 */
#pragma once

#include "attr.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum aws_error_kind {
    AWS_OK,
    AWS_RETRYABLE, /* cannot be done now, may be later: 5xx, no instances in the cluster, no connection, an
                      answer that is not AWS's */
    AWS_THROTTLED, /* too many calls: later, and slower */
    AWS_REFUSED,   /* will not be done, however often it is asked; a person has to change something */
    AWS_CONFLICT,  /* the client token was used with other parameters: resource_ids are what it started */
    AWS_AUTH,      /* no credentials, or AWS does not take them (any more); a refresh was tried already */
    AWS_UNKNOWN,   /* no answer, or none that can be read: repeat with the same client token */
    AWS_CANCELLED, /* the client is being freed */
};

enum {
    AWS_CODE_SIZE = 96,
    AWS_MESSAGE_SIZE = 1024,
    AWS_REQUEST_ID_SIZE = 80,
    AWS_RESOURCE_IDS_MAX = 100,
};

struct aws_error {
    enum aws_error_kind kind;
    bool may_have_acted;    /* this attempt or one before may have taken effect */
    bool expired;           /* AUTH: other credentials may help (expired or unknown keys, not a denial) */
    bool skewed;            /* AUTH: the signature's time may be the reason */
    int status;             /* HTTP status of the last answer, 0: none */
    int attempts;           /* requests sent, or tried to */
    int64_t retry_after_ms; /* the server's own wish, 0: none */
    char operation[64];
    char code[AWS_CODE_SIZE];             /* "ThrottlingException"; "timeout" and such if AWS said none */
    char message[AWS_MESSAGE_SIZE];       /* UTF-8, cut at a character */
    char request_id[AWS_REQUEST_ID_SIZE]; /* for AWS's support; "" if none */
    char **resource_ids;                  /* owned; CONFLICT only */
    size_t resource_id_count;
};

/* What a response holds, as far as an error is concerned. */
struct aws_answer {
    int status;
    const char *error_type;     /* header x-amzn-errortype, or NULL */
    const char *query_error;    /* header x-amzn-query-error, or NULL */
    const char *request_id;     /* header x-amzn-requestid, or NULL */
    const char *retry_after;    /* header retry-after, or NULL */
    const char *retry_after_ms; /* header x-amz-retry-after, or NULL */
    const char *message;        /* if it was found already, as in XML; NULL: it is in the body */
    const char *body;
    size_t body_len;
};

void aws_error_done(struct aws_error *error); /* zeroed memory is fine, too */
#define AUTO_AWS_ERROR CLEANUP(aws_error_done)
void aws_error_copy(struct aws_error *to, const struct aws_error *from); /* `to` is overwritten, not freed */

/* Reads an answer whose status is not 200. *ret is overwritten, not freed. */
void aws_error_read(const struct aws_answer *answer, struct aws_error *ret);

/* An error of our own making: no answer, no credentials... *ret is overwritten, not freed. */
void aws_error_set(struct aws_error *ret, enum aws_error_kind kind, const char *code, const char *fmt, ...)
    PRINTF(4, 5);

/* "RunTask: ThrottlingException: Rate exceeded (HTTP 400, 3 attempts, request 5f0c...)": for logs and
 * runs.error. Writes at most size bytes, cut at a character; returns out. */
const char *aws_error_text(const struct aws_error *error, char *out, size_t size);

/* "retryable", "throttled"... */
const char *aws_error_kind_name(enum aws_error_kind kind);

/* As an err, for who deals in those: UNAVAILABLE, DENIED, INVALID, CONFLICT. Returns false. */
bool aws_error_to_err(const struct aws_error *error, struct err *err);
