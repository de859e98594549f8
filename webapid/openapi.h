/* The OpenAPI document that /spec serves: webapid/openapi.json.in, embedded at build time. */
#pragma once

#include <stddef.h>

extern const char openapi[];     /* ends with a NUL */
extern const size_t openapi_len; /* without it */
