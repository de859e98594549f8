/* Makes TZif files for tests. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct tzif_transition {
    int64_t at;
    uint8_t type;
};

struct tzif_type {
    int32_t offset;
    uint8_t is_dst;
};

struct tzif {
    char version; /* '2' to '4'; 0 is version 1: 32-bit times and no rule */
    const struct tzif_transition *transitions;
    uint32_t transitions_count;
    const struct tzif_type *types;
    uint32_t types_count;
    uint32_t leaps_count;
    const char *rule;
};

enum { TZIF_MAX = 4096 };

/* The number of bytes. */
size_t tzif_write(const struct tzif *tzif, unsigned char out[static TZIF_MAX]);
