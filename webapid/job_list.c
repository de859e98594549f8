/* See job_list.h. */
#include "job_list.h"

#include <inttypes.h>
#include <string.h>

#include "job.h"
#include "job_value.h"

enum { FILTERS_MAX = 1024 };

static bool read_flag(const char *text, const char **ret, const struct job_at *at)
{
    if (text == NULL)
        return true;
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return job_complain(at, "Must be true or false.");
    *ret = text[0] == 't' ? "t" : "f";
    return true;
}

static bool read_name(const char *text, const char **ret, const struct job_at *at)
{
    struct err err;

    if (text != NULL && !job_name_check(text, JOB_ID_MAX, &err))
        return job_complain(at, "%s", err.text);
    *ret = text;
    return true;
}

static bool read_place(const struct job_list_query *query, struct job_list *list, const struct job_at *at)
{
    const char *after = query->after;

    list->after_id = "";
    if (after == NULL)
        return true;
    list->by_place = true;
    if (query->skip != NULL)
        return job_complain(at, "Cannot be combined with skip.");
    if (list->prefix != NULL && (after[0] == '\0' || job_name_valid(after, JOB_ID_MAX)))
        list->after_id = after;
    else if (list->prefix != NULL || (after[0] != '\0' && (strspn(after, "0123456789") != strlen(after) ||
                                                           !job_value_integer_text(after, &list->after))))
        return job_complain(
            at, "Not a place in this list: take it from next, or leave it empty for the first page.");
    return true;
}

bool job_list_read(const struct job_list_query *query, struct job_list *ret, struct job_report *report)
{
    const struct job_at at_after = {report, NULL, "after"}, at_suspended = {report, NULL, "suspended"};
    const struct job_at at_prefix = {report, NULL, "prefix"}, at_total = {report, NULL, "total"};
    const struct job_at at_task_definition = {report, NULL, "taskDefinition"};
    struct job_list list = {0};
    const char *total = "f";
    bool good = page_read(query->skip, query->count, &list.page, report);

    good &= read_name(query->task_definition, &list.task_definition, &at_task_definition);
    good &= read_flag(query->suspended, &list.suspended, &at_suspended);
    good &= read_name(query->prefix, &list.prefix, &at_prefix);
    good &= read_place(query, &list, &at_after);
    good &= read_flag(query->total, &total, &at_total);
    list.total = total[0] == 't';
    if (good)
        *ret = list;
    return good;
}

/* Only names and flags, which a URI takes as they are. */
static void put_filter(struct buf *buf, const char *name, const char *value)
{
    if (value != NULL)
        buf_printf(buf, "%s%s=%s", buf->len > 0 ? "&" : "", name, value);
}

void job_list_put_links(struct buf *buf, const struct job_list *list, const struct job_list_last *last)
{
    AUTO_BUF struct buf filters = {0};

    buf_init(&filters, FILTERS_MAX);
    put_filter(&filters, "taskDefinition", list->task_definition);
    put_filter(&filters, "suspended",
               list->suspended == NULL     ? NULL
               : list->suspended[0] == 't' ? "true"
                                           : "false");
    put_filter(&filters, "prefix", list->prefix);
    if (!list->by_place) {
        page_put_links(buf, "/jobs", filters.data, &list->page, last->shown, last->more);
        return;
    }
    if (!last->more || list->page.count == 0)
        return;
    if (list->prefix != NULL)
        buf_printf(buf, ",\"next\":\"/jobs?after=%s", last->id);
    else
        buf_printf(buf, ",\"next\":\"/jobs?after=%" PRId64, last->ordinal);
    if (list->page.count != PAGE_COUNT_DEFAULT)
        buf_printf(buf, "&count=%" PRId64, list->page.count);
    buf_printf(buf, "%s%s\"", filters.len > 0 ? "&" : "", filters.data);
}

void job_list_put_total(struct buf *buf, int64_t counted)
{
    if (counted > JOB_LIST_TOTAL_MAX)
        buf_printf(buf, ",\"total\":%d,\"totalIsMore\":true", JOB_LIST_TOTAL_MAX);
    else
        buf_printf(buf, ",\"total\":%" PRId64, counted);
}
