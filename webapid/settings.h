/* The settings of webapid: one table, from which --help, --check-config and the documents follow. */
#pragma once

#include "config.h"
#include "http_limits.h"

#include <stdint.h>

struct settings {
    char *database_url;
    char **listen;
    int64_t workers;
    int tokens; /* enum server_tokens */
    int64_t tokens_max_age_s;
    char *tls_certificate, *tls_key, *tls_client_ca;
    bool insecure;
    char **origins;
    int64_t max_connections, max_per_address;
    int64_t max_uri, max_head, max_headers, max_body, max_import, max_json_depth;
    int64_t request_timeout_s, idle_timeout_s;
    int log_level, log_format; /* enum log_level, enum log_format */
};

extern const struct config settings_config;
/* What a request may be at most. */
struct http_limits settings_limits(const struct settings *settings);
/* For daemon_spec.check: what the settings say together. */
void settings_check(const void *settings, struct buf *mistakes);
/* ECSS_ names that are scheduld's; NULL at the end. */
extern const char *const settings_of_scheduld[];
