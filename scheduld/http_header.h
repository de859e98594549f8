/* One header of an HTTP message. */
#pragma once

struct http_header {
    const char *name, *value;
};
