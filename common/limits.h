/*
 * Every bound on what comes from outside, in one place, so that no row, request or answer is unbounded. The
 * API's messages, the OpenAPI document and the CHECK constraints in sql/ repeat these numbers; a test
 * compares. What AWS itself limits of RunTask's options is in job_ecs_shape.c.
 */
#ifdef _GCC_NEXT_LIMITS_H
/* Not meant for us: gcc's <limits.h>, on its way to the C library's, looks into the folders of "..." first.
 */
#pragma GCC system_header
#include_next <limits.h>
#elif !defined(ECSS_LIMITS_H)
#define ECSS_LIMITS_H

enum {
    JOB_ID_MAX = 255,              /* characters, [0-9A-Za-z_-] */
    JOB_TASK_DEFINITION_MAX = 255, /* characters, [0-9A-Za-z_-] */
    JOB_SCHEDULE_MAX = 1024,       /* bytes of the schedule's text */
    JOB_TIMEZONE_MAX = 255,        /* bytes of a zone's name */
    JOB_TIMESTAMP_MAX = 64,        /* bytes of scheduleStart and scheduleEnd */
    JOB_TASK_COUNT_MAX = 50,       /* tasks a fire: taskCount, maxCount and the cap on a trigger's wish */
    JOB_OVERRIDES_MAX = 10,        /* containers with overrides */
    JOB_CONTAINER_NAME_MAX = 255,  /* characters, [0-9A-Za-z_-] */
    JOB_ENV_MAX = 100,             /* environment variables a container */
    JOB_ENV_NAME_MAX = 255,        /* bytes */
    JOB_ENV_VALUE_MAX = 4096,      /* bytes */
    JOB_OVERRIDES_TEXT_MAX = 8192, /* characters of all overrides as RunTask counts them */
    JOB_QUEUE_NAME_MAX = 80,       /* characters, as SQS has it */
    JOB_QUEUE_URL_MAX = 512,
    JOB_MESSAGES_PER_TASK_MAX = 1000000000,

    MISFIRE_GRACE_MAX_S = 86400, /* the longest grace; within an ECS client token's life */
    RUN_ERROR_MAX = 1024,        /* bytes of a run's error text */

    RUN_TASK_COUNT_MAX = 10,    /* tasks a RunTask call may start */
    DESCRIBE_TASKS_MAX = 100,   /* tasks a DescribeTasks call may name */
    AWS_RESPONSE_MAX = 8388608, /* bytes of an AWS answer */
    CLIENT_TOKEN_MAX = 64,      /* characters of a RunTask client token */

    /* How far the settings of webapid for these go (http_limits.h). */
    HTTP_URI_MAX = 8000,           /* bytes; libevhtp's parser takes no path above 8190 */
    HTTP_HEADER_BLOCK_MAX = 65536, /* bytes of request line and headers */
    HTTP_HEADERS_MAX = 256,
    HTTP_BODY_MAX = 8388608,
    HTTP_IMPORT_MAX = 536870912,
    HTTP_JSON_DEPTH_MAX = 32,

    HTTP_JSON_VALUES_MAX = 20000, /* of a body: one of two or three bytes takes up to 800 of memory */

    /* Of any text; what a client sent is nested deeper in what is made of it. */
    JSON_DEPTH_MAX = 64,
    JSON_VALUES_MAX = 1000000,

    PAGE_COUNT_MAX = 1000, /* jobs a page */
    PAGE_COUNT_DEFAULT = 10,
    FIRE_TIMES_MAX = 1000, /* of a schedule that one answer shows */
    FIRE_TIMES_DEFAULT = 10,
};

#endif
