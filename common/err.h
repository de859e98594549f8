/*
 * Why something failed: a kind to act on, a text to show, and the field if input was wrong.
 *
 * A function that can fail returns bool and takes a `struct err *` as its last parameter; on failure it sets
 * the err and touches no other output. Setting an err returns false, so that failing is one line:
 *
 *     return err_field(err, "taskCount", "must be between 1 and %d", JOB_TASK_COUNT_MAX);
 *
 * A NULL err is allowed everywhere and means that the caller does not care why. Whoever handles an error logs
 * it, once; whoever passes it on adds context by err_wrap().
 */
#pragma once

#include "attr.h"

#include <stdbool.h>

enum err_kind {
    ERR_NONE,
    ERR_INVALID,     /* the input is wrong; asking again cannot help */
    ERR_NOT_FOUND,   /* what was named is not there */
    ERR_CONFLICT,    /* it is there already, or somebody else got there first */
    ERR_DENIED,      /* not allowed */
    ERR_UNAVAILABLE, /* try again later */
    ERR_INTERNAL,    /* ours to mend */
};

enum { ERR_FIELD_SIZE = 128, ERR_TEXT_SIZE = 1024, ERR_SQLSTATE_SIZE = 6 };

struct err {
    enum err_kind kind;
    char field[ERR_FIELD_SIZE]; /* path of the field at fault, "" if none: "trigger.queueName" */
    char text[ERR_TEXT_SIZE];   /* a sentence without a full stop; cut at a UTF-8 boundary if too long */
    char sqlstate[ERR_SQLSTATE_SIZE]; /* the database's own code, "" if it is none of its errors */
};

/* All four return false. */
bool err_set(struct err *err, enum err_kind kind, const char *fmt, ...) PRINTF(3, 4);
bool err_field(struct err *err, const char *field, const char *fmt, ...) PRINTF(3, 4); /* ERR_INVALID */
bool err_wrap(struct err *err, const char *fmt, ...) PRINTF(2, 3); /* puts "context: " in front of the text */
bool err_errno(struct err *err, enum err_kind kind, const char *fmt, ...)
    PRINTF(3, 4); /* adds ": strerror" */

/* The kind's name for logs: "invalid", "unavailable"... */
const char *err_kind_name(enum err_kind kind);
