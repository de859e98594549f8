/* See settings.h. */
#include "settings.h"

#include <string.h>

#include "db.h"
#include "limits.h"
#include "server.h"
#include "tls.h"

enum { HEAD_BESIDE_URI_MIN = 512 }; /* for a Host and a token */

static bool check_address(const char *value, struct err *err)
{
    return server_check_address(value, err);
}

/* As a browser sends it: scheme and host, in lower case, nothing behind. */
static bool check_origin(const char *value, struct err *err)
{
    const char *host = strstr(value, "://");

    if (strcmp(value, "*") == 0)
        return true;
    if (host == NULL || host == value || host[3] == '\0' || strpbrk(host + 3, "/?# ") != NULL ||
        strpbrk(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL)
        return err_set(err, ERR_INVALID,
                       "must be * or an origin in lower case without a path, as https://example.com");
    return true;
}

/* By enum server_tokens. */
static const char *const token_names[] = {"never", "public", "always", NULL};
static const char *const level_names[] = {"debug", "info", "warning", "error", "critical", NULL};
static const char *const format_names[] = {"text", "json", NULL};

static const struct setting table[] = {
    {"ECSS_DATABASE_URL", SETTING_URL, offsetof(struct settings, database_url), .def = "",
     .check = db_check_url,
     .help = "libpq URI or conninfo; without it libpq's own variables and defaults count"},
    {"ECSS_LISTEN", SETTING_LIST, offsetof(struct settings, listen), .def = "127.0.0.1:8080", .min = 1,
     .max = 16, .check = check_address,
     .help = "addresses to listen on: host:port, [v6]:port or unix:/path, with commas between"},
    {"ECSS_WORKERS", SETTING_INT, offsetof(struct settings, workers), .def = "2", .min = 1,
     .max = SERVER_WORKERS_MAX,
     .help = "threads, each with two connections to the database, and a third one while it imports"},
    {"ECSS_MAX_CONNECTIONS", SETTING_INT, offsetof(struct settings, max_connections), .def = "1000", .min = 1,
     .max = 100000, .help = "clients at the same time; more are answered 503"},
    {"ECSS_MAX_CONNECTIONS_PER_ADDRESS", SETTING_INT, offsetof(struct settings, max_per_address),
     .def = "256", .min = 1, .max = 100000,
     .help = "of these from one IPv4 address or IPv6 /64; behind a proxy, all are from one"},
    {"ECSS_MAX_URI_BYTES", SETTING_INT, offsetof(struct settings, max_uri), .def = "4096", .min = 512,
     .max = HTTP_URI_MAX, .help = "a longer path with its query is answered 414"},
    {"ECSS_MAX_HEADERS", SETTING_INT, offsetof(struct settings, max_headers), .def = "64", .min = 8,
     .max = HTTP_HEADERS_MAX, .help = "more in a request are answered 431"},
    {"ECSS_MAX_HEADER_BYTES", SETTING_INT, offsetof(struct settings, max_head), .def = "16384", .min = 1024,
     .max = HTTP_HEADER_BLOCK_MAX, .help = "of the request line and all headers; more are answered 431"},
    {"ECSS_MAX_BODY_BYTES", SETTING_INT, offsetof(struct settings, max_body), .def = "1048576", .min = 1024,
     .max = HTTP_BODY_MAX,
     .help = "of a request's body, or a line of an import; a larger body is answered 413"},
    {"ECSS_MAX_IMPORT_BYTES", SETTING_INT, offsetof(struct settings, max_import), .def = "67108864",
     .min = 1024, .max = HTTP_IMPORT_MAX,
     .help = "of the body of an import, of which each worker receives one at a time; likewise"},
    {"ECSS_MAX_JSON_DEPTH", SETTING_INT, offsetof(struct settings, max_json_depth), .def = "16", .min = 8,
     .max = HTTP_JSON_DEPTH_MAX, .help = "levels of objects and lists in a body; more are answered 400"},
    {"ECSS_REQUEST_TIMEOUT_SECONDS", SETTING_INT, offsetof(struct settings, request_timeout_s), .def = "30",
     .min = 1, .max = 3600, .help = "time for a request to arrive as a whole"},
    {"ECSS_IDLE_TIMEOUT_SECONDS", SETTING_INT, offsetof(struct settings, idle_timeout_s), .def = "75",
     .min = 1, .max = 3600, .help = "time between two requests on a connection"},
    {"ECSS_TOKENS", SETTING_ENUM, offsetof(struct settings, tokens), .def = "public", .names = token_names,
     .help =
         "where requests need a token (--create-token): public is at addresses that other hosts can reach"},
    {"ECSS_TOKENS_MAX_AGE_SECONDS", SETTING_INT, offsetof(struct settings, tokens_max_age_s), .def = "60",
     .min = 4, .max = 86400,
     .help =
         "how long tokens count as they were read last when the database does not answer; then it is 503"},
    {"ECSS_TLS_CERT", SETTING_STRING, offsetof(struct settings, tls_certificate),
     .help = "file with the certificate (PEM, with the chain): all addresses but unix sockets speak TLS"},
    {"ECSS_TLS_KEY", SETTING_STRING, offsetof(struct settings, tls_key), .help = "file with its key (PEM)"},
    {"ECSS_TLS_CLIENT_CA", SETTING_STRING, offsetof(struct settings, tls_client_ca),
     .help = "file with CAs (PEM): clients need a certificate of one of these"},
    {"ECSS_INSECURE", SETTING_BOOL, offsetof(struct settings, insecure), .def = "0",
     .help = "1 allows addresses that other hosts can reach without TLS, or without tokens"},
    {"ECSS_CORS_ORIGINS", SETTING_LIST, offsetof(struct settings, origins), .check = check_origin,
     .help = "origins whose pages may use the API, with commas between; * is all; without it none may"},
    {"ECSS_LOG_LEVEL", SETTING_ENUM, offsetof(struct settings, log_level), .def = "info",
     .names = level_names, .help = "the least important lines to log"},
    {"ECSS_LOG_FORMAT", SETTING_ENUM, offsetof(struct settings, log_format), .def = "text",
     .names = format_names, .help = "form of the log's lines"},
};

const struct config settings_config = {table, ARRAY_LEN(table)};

static void check_tls(const struct settings *settings, struct buf *mistakes)
{
    const struct tls_files files = {settings->tls_certificate, settings->tls_key, settings->tls_client_ca};
    struct ssl_ctx_st *tls = NULL;
    struct err err = {0};

    if ((files.certificate == NULL) != (files.key == NULL))
        buf_puts(mistakes, "ECSS_TLS_CERT and ECSS_TLS_KEY are only good together\n");
    else if (files.certificate == NULL && files.client_ca != NULL)
        buf_puts(mistakes, "ECSS_TLS_CLIENT_CA needs ECSS_TLS_CERT and ECSS_TLS_KEY\n");
    else if (files.certificate != NULL && !tls_load(&files, &tls, &err))
        buf_printf(mistakes, "ECSS_TLS_*: %s\n", err.text);
    tls_free(tls);
}

/* Nobody serves a network unprotected without having said so. */
static void check_exposure(const struct settings *settings, struct buf *mistakes)
{
    bool closed = settings->tls_certificate != NULL && settings->tokens != SERVER_TOKENS_NEVER;

    for (size_t i = 0;
         !settings->insecure && !closed && settings->listen != NULL && settings->listen[i] != NULL; i++)
        if (server_address_is_public(settings->listen[i]))
            buf_printf(mistakes,
                       "ECSS_LISTEN: other hosts can reach %s, so it needs%s%s%s; or say ECSS_INSECURE=1\n",
                       settings->listen[i],
                       settings->tls_certificate == NULL ? " ECSS_TLS_CERT and ECSS_TLS_KEY" : "",
                       settings->tls_certificate == NULL && settings->tokens == SERVER_TOKENS_NEVER ? ", and"
                                                                                                    : "",
                       settings->tokens == SERVER_TOKENS_NEVER ? " ECSS_TOKENS other than never" : "");
}

/* Else a URI that is fine would be answered 431. */
static void check_head(const struct settings *settings, struct buf *mistakes)
{
    if (settings->max_head < settings->max_uri + HEAD_BESIDE_URI_MIN)
        buf_printf(
            mistakes,
            "ECSS_MAX_HEADER_BYTES must be at least %d more than ECSS_MAX_URI_BYTES, which count, too\n",
            HEAD_BESIDE_URI_MIN);
}

struct http_limits settings_limits(const struct settings *settings)
{
    return (struct http_limits){
        .uri = (size_t)settings->max_uri,
        .head = (size_t)settings->max_head,
        .headers = (size_t)settings->max_headers,
        .body = (size_t)settings->max_body,
        .import = (size_t)settings->max_import,
        .unread = http_limits_default.unread,
        .json = {.depth = (int)settings->max_json_depth, .values = HTTP_JSON_VALUES_MAX},
    };
}

void settings_check(const void *settings, struct buf *mistakes)
{
    check_tls(settings, mistakes);
    check_exposure(settings, mistakes);
    check_head(settings, mistakes);
}

const char *const settings_of_scheduld[] = {
    "ECSS_ECS_CLUSTER",
    "ECSS_ECS_DEFAULTS",
    "ECSS_NAME",
    "ECSS_MISFIRE_GRACE_SECONDS",
    "ECSS_ADMIN_LISTEN",
    "ECSS_RUN_RETENTION_DAYS",
    "ECSS_ECS_LAUNCH_RATE",
    "ECSS_ECS_LAUNCH_BURST",
    "ECSS_ECS_READ_RATE",
    "ECSS_ECS_READ_BURST",
    "ECSS_SQS_RATE",
    "ECSS_MAX_CLOCK_OFFSET_SECONDS",
    NULL,
};
