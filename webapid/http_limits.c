/* See http_limits.h. */
#include "http_limits.h"

#include "limits.h"

const struct http_limits http_limits_default = {
    .uri = 4096,
    .head = 16384,
    .headers = 64,
    .body = 1048576,
    .import = 67108864,
    .json = {.depth = 16, .values = HTTP_JSON_VALUES_MAX},
    .unread = 134217728,
};
