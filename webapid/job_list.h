/*
 * Which jobs a list asks for: filters, and a page of what they leave, by number (skip and count) or by place
 * (after and count). A page by place costs the same wherever it is; one by number is as slow as what it skips
 * is long.
 *
 * Jobs are listed in the order of their creation; with a prefix in the order of their ids, as this is how the
 * database finds them. A place is the ordinal or the id of the last job of the page before; to clients it is
 * a text that comes with `next`. No `prev` leads back from it.
 */
#pragma once

#include "buf.h"
#include "job_report.h"
#include "page.h"

#include <stdbool.h>
#include <stdint.h>

enum { JOB_LIST_TOTAL_MAX = 10000 }; /* a total is counted up to here */

/* A query's values, lent, NULL if they are not given. */
struct job_list_query {
    const char *skip, *count, *after, *task_definition, *suspended, *prefix, *total;
};

struct job_list {
    struct page page; /* by place: skip is 0 */
    bool by_place;
    int64_t after;                        /* ordinal; 0: from the first one on */
    const char *after_id;                 /* lent; with a prefix in its stead; "": from the first one on */
    const char *task_definition, *prefix; /* lent; NULL: any */
    const char *suspended;                /* "t" or "f"; NULL: either */
    bool total;                           /* how many there are is asked for */
};

/* On failure the complaints have been made. */
bool job_list_read(const struct job_list_query *query, struct job_list *ret, struct job_report *report);

/* The last job of a page. */
struct job_list_last {
    int64_t shown; /* jobs on the page */
    bool more;     /* there are others behind it; if not, the rest need not be set */
    int64_t ordinal;
    const char *id; /* lent */
};

/* Appends `,"prev":"..."` and `,"next":"..."` as far as there are such pages. */
void job_list_put_links(struct buf *buf, const struct job_list *list, const struct job_list_last *last);

/* Appends `,"total":n`; of more than JOB_LIST_TOTAL_MAX that number, and that it is not all. */
void job_list_put_total(struct buf *buf, int64_t counted);
