/* The settings of scheduld: one table, from which --help, --check-config and the documents follow. */
#pragma once

#include "config.h"

#include <stdint.h>

struct settings {
    char *database_url;
    char *ecs_cluster;
    char *ecs_defaults; /* NULL: none; see ecs_defaults.h */
    char *name;
    int64_t misfire_grace_s;
    int64_t run_retention_days;
    int64_t max_clock_offset_s;                                         /* 0: it is not looked at */
    int64_t launch_rate, launch_burst, read_rate, read_burst, sqs_rate; /* requests to AWS, a second */
    char *admin_listen;                                                 /* NULL: none */
    int log_level, log_format;                                          /* enum log_level, enum log_format */
};

extern const struct config settings_config;
/* ECSS_ names that are webapid's; NULL at the end. */
extern const char *const settings_of_webapid[];

/* What the table cannot say: whether region, endpoints and files of AWS make sense. For daemon_spec.check. */
void settings_check_aws(const void *settings, struct buf *mistakes);
