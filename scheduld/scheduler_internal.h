/* What scheduler.c, which acts, and scheduler_watch.c, which tells, share. */
#pragma once

#include "migrate_wait.h"
#include "scheduler.h"

struct event;
struct json_object;

struct scheduler {
    struct scheduler_options options;
    struct aws_client *aws;
    struct ecs *ecs;
    struct sqs *sqs;
    struct db *db; /* agenda's and runner's */
    struct metrics *metrics;
    struct agenda *agenda;
    struct runner *runner;
    struct pruner *pruner;
    struct json_object *ecs_defaults; /* owned; NULL: none */
    struct leader *leader;            /* NULL: the schema has not been seen yet */
    struct event *schema_again;       /* to ask for the schema once more */
    struct event *stopped;
    bool checking;            /* the schema is asked for */
    bool refused;             /* and is not ours */
    struct migrate_wait wait; /* what was said of it last */
    bool resigning;
    bool clock_off;          /* while it leads: too far from the database's */
    void (*done)(void *arg); /* NULL: not stopping */
    void *done_arg;
};
