/*
 * A page of a list: which one a query asks for, and the links to the pages before and after it.
 *
 * skip and count are the seed system's: below 0 is 0, and its links leave out what is the default. Its `prev`
 * was missing after a short first page, and a count of 0 linked to itself; here there is a `prev` whenever
 * there is something before, and no links for a page of nothing.
 */
#pragma once

#include "buf.h"
#include "job_report.h"
#include "limits.h"

#include <stdbool.h>
#include <stdint.h>

enum { PAGE_SKIP_MAX = 1000000000 };

struct page {
    int64_t skip;  /* 0 to PAGE_SKIP_MAX */
    int64_t count; /* 0 to PAGE_COUNT_MAX */
};

/* From a query's values, NULL if they are not given. On failure the complaints have been made. */
bool page_read(const char *skip, const char *count, struct page *ret, struct job_report *report);

/* Appends `,"prev":"..."` and `,"next":"..."` as far as there are such pages. shown: how many items the page
 * came to have. query is what else the links ask for: "a=1&b=2", or "". */
void page_put_links(struct buf *buf, const char *path, const char *query, const struct page *page,
                    int64_t shown, bool more);
