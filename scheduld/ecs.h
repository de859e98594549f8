/*
 * The part of ECS that a scheduler needs. Who starts tasks knows it by `struct ecs_ops`: the one set that
 * calls AWS is here, a test has another.
 *
 * Every callback comes exactly once, from the loop, never from inside the call; what it gets is lent for as
 * long as it runs. Either error is NULL, or it is set and the rest is NULL or 0. Repeats of what may help
 * have been made when an error is told (aws_client.h).
 */
#pragma once

#include "aws_error.h"
#include "ecs_codec.h"

#include <stddef.h>

struct aws_client;
struct ecs;

typedef void ecs_arns_fn(void *arg, const char *const *arns, size_t count, const struct aws_error *error);
typedef void ecs_tasks_fn(void *arg, const struct ecs_tasks *tasks, const struct aws_error *error);

struct ecs_ops {
    /* ARNs of the tasks of a family whose desired status is RUNNING: all pages. */
    void (*list_tasks)(void *ecs, const char *cluster, const char *family, ecs_arns_fn *done, void *arg);
    /* Likewise, whose desired status is STOPPED: ECS knows them for an hour or so. */
    void (*list_stopped)(void *ecs, const char *cluster, const char *family, ecs_arns_fn *done, void *arg);
    /* Any number of tasks, asked for DESCRIBE_TASKS_MAX at a time. Tasks that ECS does not know (any more)
     * are in failures as MISSING. No ARNs: an empty answer, and no call. */
    void (*describe_tasks)(void *ecs, const char *cluster, const char *const *arns, size_t count,
                           ecs_tasks_fn *done, void *arg);
    /* What was started is in tasks, also if failures say that some were not. After an error look at
     * may_have_acted before a new client token is used. */
    void (*run_task)(void *ecs, const struct ecs_run_task *request, ecs_tasks_fn *done, void *arg);

    /* How many calls would go out at once, within what AWS takes (aws_lane.h); beyond that they wait, one
     * after the other. So who wants to say who is next calls only while there is room. */
    size_t (*launch_room)(void *ecs); /* run_task */
    size_t (*read_room)(void *ecs);   /* the others: one for each page of tasks */
    /* on_room comes once, from the loop, after each time that one of them has said 0, when there is some. */
    void (*on_room)(void *ecs, void (*on_room)(void *arg), void *arg);
};

/* For a struct ecs as `void *ecs`. */
extern const struct ecs_ops ecs_ops_aws;

struct ecs *ecs_new(struct aws_client *client /* lent */);
/* After aws_client_free(), which answers what is pending. */
void ecs_free(struct ecs *ecs);
