/* See page.h. */
#include "page.h"

#include <inttypes.h>

#include "job_value.h"

/* The number that text is, at least 0; the default without text. */
static bool read_number(const char *text, int64_t otherwise, int64_t *ret, const struct job_at *at)
{
    if (text == NULL) {
        *ret = otherwise;
        return true;
    }
    if (!job_value_integer_text(text, ret))
        return job_complain(at, "Not a valid integer.");
    if (*ret < 0)
        *ret = 0;
    return true;
}

bool page_read(const char *skip, const char *count, struct page *ret, struct job_report *report)
{
    const struct job_at at_skip = {report, NULL, "skip"}, at_count = {report, NULL, "count"};
    struct page page;
    bool good = read_number(skip, 0, &page.skip, &at_skip);

    if (good && page.skip > PAGE_SKIP_MAX)
        good = job_complain(&at_skip, "Must be at most %d.", PAGE_SKIP_MAX);
    good &= read_number(count, PAGE_COUNT_DEFAULT, &page.count, &at_count);
    if (!good)
        return false;
    if (page.count > PAGE_COUNT_MAX)
        page.count = PAGE_COUNT_MAX;
    *ret = page;
    return true;
}

static void put_link(struct buf *buf, const char *rel, const char *path, const char *query, int64_t skip,
                     int64_t count)
{
    char next = '?';

    buf_printf(buf, ",\"%s\":\"%s", rel, path);
    if (skip > 0) {
        buf_printf(buf, "?skip=%" PRId64, skip);
        next = '&';
    }
    if (count != PAGE_COUNT_DEFAULT) {
        buf_printf(buf, "%ccount=%" PRId64, next, count);
        next = '&';
    }
    if (query[0] != '\0')
        buf_printf(buf, "%c%s", next, query);
    buf_putc(buf, '"');
}

void page_put_links(struct buf *buf, const char *path, const char *query, const struct page *page,
                    int64_t shown, bool more)
{
    if (page->count == 0)
        return;
    if (page->skip > 0)
        put_link(buf, "prev", path, query, page->skip > page->count ? page->skip - page->count : 0,
                 page->count);
    if (more)
        put_link(buf, "next", path, query, page->skip + shown, page->count);
}
