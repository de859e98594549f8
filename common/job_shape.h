/*
 * What a JSON value that somebody sent may be, as a table: types, limits, words, forms, members. Strict, as
 * what passes is handed on to AWS as it is: no member that the table does not know, no 1 for true, no "5"
 * for 5, no null where it does not say so. All mistakes are found at once, each told at its place.
 */
#pragma once

#include "job_report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

enum job_shape_kind { SHAPE_STRING, SHAPE_INTEGER, SHAPE_BOOLEAN, SHAPE_LIST, SHAPE_OBJECT };

struct job_shape;

struct job_member {
    const char *name;
    const struct job_shape *shape; /* NULL: it is known, and refused: */
    const char *refusal;
    bool required;
    bool nullable; /* null is as good as nothing to the rules */
};

struct job_shape {
    enum job_shape_kind kind;
    int64_t min, max; /* characters of a string, value of an integer, items of a list; max 0: no limits */
    const char *const *words;         /* of a string, NULL at the end: one of these */
    bool (*form)(const char *text);   /* of a string; NULL: any form */
    const char *form_text;            /* the complaint if it has not */
    const struct job_shape *item;     /* of a list */
    const struct job_member *members; /* of an object */
    size_t member_count;
    /* What else there is to say; asked when all of the above is right. NULL: nothing. */
    bool (*rule)(const struct json_object *value, const struct job_at *at);
};

/* False: the complaints have been made. */
bool job_shape_check(const struct job_shape *shape, const struct json_object *value, const struct job_at *at);

/* Characters, not bytes, of UTF-8. */
size_t job_shape_characters(const char *text);
