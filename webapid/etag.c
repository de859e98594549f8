/* See etag.h. */
#include "etag.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a: there is nobody to defend against, a tag only tells apart what one job showed at different times.
 */
static uint64_t hash_of(const char *body, size_t len)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)body[i]) * 0x100000001b3;
    return hash;
}

void etag_of_job(int64_t revision, const char *body, size_t len, char out[static ETAG_SIZE])
{
    snprintf(out, ETAG_SIZE, "\"r%" PRId64 "-%016" PRIx64 "\"", revision, hash_of(body, len));
}

void etag_of_body(const char *body, size_t len, char out[static ETAG_SIZE])
{
    snprintf(out, ETAG_SIZE, "\"%016" PRIx64 "\"", hash_of(body, len));
}

bool etag_matches(const char *if_none_match, const char *tag)
{
    size_t len = strlen(tag);

    if (strcmp(if_none_match + strspn(if_none_match, " \t"), "*") == 0)
        return true;
    for (const char *at = if_none_match; (at = strchr(at, '"')) != NULL; at++) {
        const char *end = strchr(at + 1, '"');

        if (end == NULL)
            return false;
        if ((size_t)(end + 1 - at) == len && memcmp(at, tag, len) == 0)
            return true;
        at = end;
    }
    return false;
}

/* W/"..." never matches here. */
static bool is_weak(const char *header, const char *tag)
{
    return tag - header >= 2 && tag[-2] == 'W' && tag[-1] == '/';
}

bool etag_revisions(const char *if_match, struct buf *ret)
{
    const char *at = if_match;

    if (if_match == NULL)
        return false;
    buf_putc(ret, '{');
    while ((at = strchr(at, '"')) != NULL) {
        const char *end = strchr(at + 1, '"');
        char *digits_end;
        long long revision;

        if (end == NULL)
            break;
        if (at[1] == 'r' && isdigit((unsigned char)at[2]) && !is_weak(if_match, at)) {
            revision = strtoll(at + 2, &digits_end, 10);
            if (*digits_end == '-' && digits_end < end)
                buf_printf(ret, "%s%lld", ret->len > 1 ? "," : "", revision);
        }
        at = end + 1;
    }
    buf_putc(ret, '}');
    /* A lone star; inside quotes it would be a tag. */
    return strcmp(if_match + strspn(if_match, " \t"), "*") != 0;
}

bool etag_has_revision(const char *revisions, int64_t revision)
{
    char *end;

    for (const char *at = revisions + 1; isdigit((unsigned char)*at); at = *end == ',' ? end + 1 : end)
        if (strtoll(at, &end, 10) == revision)
            return true;
    return false;
}
