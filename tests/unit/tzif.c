/* See tzif.h. */
#include "tzif.h"

#include <string.h>

static unsigned char *put(unsigned char *out, uint64_t value, size_t size)
{
    while (size-- > 0)
        *out++ = (unsigned char)(value >> 8 * size);
    return out;
}

static unsigned char *put_block(unsigned char *out, const struct tzif *tzif, size_t time_size)
{
    memcpy(out, "TZif", 4);
    out[4] = (unsigned char)tzif->version;
    memset(out + 5, 0, 15);
    out = put(out + 20, 0, 4);
    out = put(out, 0, 4);
    out = put(out, tzif->leaps_count, 4);
    out = put(out, tzif->transitions_count, 4);
    out = put(out, tzif->types_count, 4);
    out = put(out, 4, 4);
    for (uint32_t i = 0; i < tzif->transitions_count; i++)
        out = put(out, (uint64_t)tzif->transitions[i].at, time_size);
    for (uint32_t i = 0; i < tzif->transitions_count; i++)
        *out++ = tzif->transitions[i].type;
    for (uint32_t i = 0; i < tzif->types_count; i++) {
        out = put(out, (uint32_t)tzif->types[i].offset, 4);
        *out++ = tzif->types[i].is_dst;
        *out++ = 0;
    }
    out = put(out, 0x41424300, 4); /* "ABC" */
    for (uint32_t i = 0; i < tzif->leaps_count; i++)
        out = put(put(out, i, time_size), i, 4);
    return out;
}

size_t tzif_write(const struct tzif *tzif, unsigned char out[static TZIF_MAX])
{
    static const struct tzif_type nothing = {0, 0};
    const struct tzif empty = {.version = tzif->version, .types = &nothing, .types_count = 1};
    unsigned char *at;

    if (tzif->version == 0)
        return (size_t)(put_block(out, tzif, 4) - out);
    at = put_block(put_block(out, &empty, 4), tzif, 8);
    *at++ = '\n';
    memcpy(at, tzif->rule, strlen(tzif->rule));
    at += strlen(tzif->rule);
    *at++ = '\n';
    return (size_t)(at - out);
}
