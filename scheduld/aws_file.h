/* Small files that may be secret: AWS's shared files and tokens. */
#pragma once

#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>

/* All of an open file, or so much that it is more than max. False: errno. buf is initialised by the caller,
 * with room for more than max. */
bool aws_file_read_all(int fd, size_t max, struct buf *buf);

/* What a file holds, without the white space at its end; *ret is owned, to be wiped by the caller.
 * ERR_INVALID: it cannot be read, is empty, longer than max or has a NUL byte in it. */
bool aws_file_read(const char *path, size_t max, char **ret, struct err *err);
