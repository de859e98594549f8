/* See settings.h. */
#include "settings.h"

#include <string.h>

#include "admin.h"
#include "aws_config.h"
#include "db.h"
#include "ecs_defaults.h"
#include "job_ecs_form.h"
#include "limits.h"

enum { RATE_MAX = 100000, CLOCK_OFFSET_MAX_S = 86400 };
enum { NAME_MAX_CHARS = 36, CLUSTER_NAME_MAX = 255, CLUSTER_ARN_MAX = 2048 };

static const char name_chars[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

static bool is_name(const char *value, size_t max)
{
    size_t len = strspn(value, name_chars);

    return len >= 1 && len <= max && value[len] == '\0';
}

/* What every version of ECS takes for startedBy. */
static bool check_name(const char *value, struct err *err)
{
    if (!is_name(value, NAME_MAX_CHARS))
        return err_set(err, ERR_INVALID, "must be 1 to %d of 0-9 A-Z a-z - _", NAME_MAX_CHARS);
    return true;
}

static bool check_cluster(const char *value, struct err *err)
{
    if (strlen(value) > CLUSTER_ARN_MAX || !job_form_cluster(value))
        return err_set(err, ERR_INVALID,
                       "must be a cluster's name, 1 to %d of 0-9 A-Z a-z - _, or its ARN, "
                       "arn:aws:ecs:REGION:ACCOUNT:cluster/NAME",
                       CLUSTER_NAME_MAX);
    return true;
}

static const char *const level_names[] = {"debug", "info", "warning", "error", "critical", NULL};
static const char *const format_names[] = {"text", "json", NULL};

static const struct setting table[] = {
    {"ECSS_DATABASE_URL", SETTING_URL, offsetof(struct settings, database_url), .def = "",
     .check = db_check_url,
     .help = "libpq URI or conninfo; without it libpq's own variables and defaults count"},
    {"ECSS_ECS_CLUSTER", SETTING_STRING, offsetof(struct settings, ecs_cluster), .required = true,
     .check = check_cluster, .help = "name or ARN of the ECS cluster that tasks are started on"},
    {"ECSS_NAME", SETTING_STRING, offsetof(struct settings, name), .def = "ecs-scheduler",
     .check = check_name,
     .help = "what tasks are marked with when they are started (RunTask's startedBy): one for each "
             "installation on a cluster"},
    {"ECSS_ECS_DEFAULTS", SETTING_STRING, offsetof(struct settings, ecs_defaults), .verbatim = true,
     .check = ecs_defaults_check,
     .help = "options for RunTask that hold for all jobs, below a job's own (its field ecs): a JSON object, "
             "or @FILE for a file that has one"},
    {"ECSS_MISFIRE_GRACE_SECONDS", SETTING_INT, offsetof(struct settings, misfire_grace_s), .def = "3600",
     .min = 0, .max = MISFIRE_GRACE_MAX_S,
     .help = "how late a run may still be started when nobody could act in time; later it is on record as "
             "missed. A job's misfireGraceSeconds goes before it"},
    {"ECSS_RUN_RETENTION_DAYS", SETTING_INT, offsetof(struct settings, run_retention_days), .def = "30",
     .min = 1, .max = 36500, .help = "how long runs are kept on record"},
    {"ECSS_ECS_LAUNCH_RATE", SETTING_INT, offsetof(struct settings, launch_rate), .def = "15", .min = 1,
     .max = RATE_MAX, .help = "RunTasks a second at most; AWS's own quota is 20 on Fargate and 40 on EC2"},
    {"ECSS_ECS_LAUNCH_BURST", SETTING_INT, offsetof(struct settings, launch_burst), .def = "15", .min = 1,
     .max = RATE_MAX,
     .help = "RunTasks at once after a pause; AWS's own quota is 20 on Fargate and 100 on EC2"},
    {"ECSS_ECS_READ_RATE", SETTING_INT, offsetof(struct settings, read_rate), .def = "15", .min = 1,
     .max = RATE_MAX, .help = "ListTasks and DescribeTasks a second at most; AWS's own quota is 20"},
    {"ECSS_ECS_READ_BURST", SETTING_INT, offsetof(struct settings, read_burst), .def = "75", .min = 1,
     .max = RATE_MAX, .help = "ListTasks and DescribeTasks at once after a pause; AWS's own quota is 100"},
    {"ECSS_SQS_RATE", SETTING_INT, offsetof(struct settings, sqs_rate), .def = "100", .min = 1,
     .max = RATE_MAX, .help = "requests to SQS a second at most, and at once after a pause"},
    {"ECSS_MAX_CLOCK_OFFSET_SECONDS", SETTING_INT, offsetof(struct settings, max_clock_offset_s),
     .def = "300", .min = 0, .max = CLOCK_OFFSET_MAX_S,
     .help =
         "how far the clock may be from the database's: beyond it nothing is planned until one of them is "
         "set right; 0: any way"},
    {"ECSS_ADMIN_LISTEN", SETTING_STRING, offsetof(struct settings, admin_listen),
     .check = admin_check_address,
     .help = "where health and metrics are told: host:port on loopback or unix:/path; without it nowhere"},
    {"ECSS_LOG_LEVEL", SETTING_ENUM, offsetof(struct settings, log_level), .def = "info",
     .names = level_names, .help = "the least important lines to log"},
    {"ECSS_LOG_FORMAT", SETTING_ENUM, offsetof(struct settings, log_format), .def = "text",
     .names = format_names, .help = "form of the log's lines"},
};

const struct config settings_config = {table, ARRAY_LEN(table)};

const char *const settings_of_webapid[] = {
    "ECSS_LISTEN",
    "ECSS_WORKERS",
    "ECSS_MAX_CONNECTIONS",
    "ECSS_MAX_CONNECTIONS_PER_ADDRESS",
    "ECSS_MAX_URI_BYTES",
    "ECSS_MAX_HEADERS",
    "ECSS_MAX_HEADER_BYTES",
    "ECSS_MAX_BODY_BYTES",
    "ECSS_MAX_IMPORT_BYTES",
    "ECSS_MAX_JSON_DEPTH",
    "ECSS_REQUEST_TIMEOUT_SECONDS",
    "ECSS_IDLE_TIMEOUT_SECONDS",
    "ECSS_TOKENS",
    "ECSS_TOKENS_MAX_AGE_SECONDS",
    "ECSS_TLS_CERT",
    "ECSS_TLS_KEY",
    "ECSS_TLS_CLIENT_CA",
    "ECSS_INSECURE",
    "ECSS_CORS_ORIGINS",
    NULL,
};

void settings_check_aws(const void *settings UNUSED, struct buf *mistakes)
{
    struct aws_config *config = NULL;
    struct err err = {0};

    if (!aws_config_new(config_getenv, NULL, &config, &err))
        buf_printf(mistakes, "%s\n", err.text);
    aws_config_free(config);
}
