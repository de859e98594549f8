/* One zone's file: whether it is another than before, and what it says. For zone.c. */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <sys/stat.h>

struct tz;

/* What tells one state of a file from another. Zeroed: no file. */
struct zone_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

bool zone_stamp_equal(const struct zone_stamp *a, const struct zone_stamp *b);

/* Of the file that the path leads to, links followed, if that is a regular file below the folder; else
 * ERR_NOT_FOUND, or ERR_INTERNAL if that cannot be told. */
bool zone_file_stamp(const char *folder, const char *name, struct zone_stamp *ret, struct err *err);

/* ERR_NOT_FOUND: there is no such zone (no file, or not below the folder, or no TZif at all); ERR_INTERNAL:
 * it cannot be read or is corrupt. The tz is the caller's. *stamp is set also when the file is corrupt. */
bool zone_file_read(const char *folder, const char *name, struct tz **ret, struct zone_stamp *stamp,
                    struct err *err);
