/*
 * What is asked before a run is planned, of ECS and SQS. In this order for each job: ListTasks, DescribeTasks
 * if only tasks with its tag count, and last the queue.
 *
 * A fire waits in the line `ask` until ECS takes another question. Then all that wait for the same family
 * share it, and those that come in the same second while it is on its way; an answer of a second before would
 * not tell what ran when they were due. A queue's depth is shared in the same way, also after it came.
 *
 * A fire that waits for an answer is in the list of its question (by work_link), and held.
 */
#include "runner_internal.h"

#include <stdlib.h>
#include <string.h>

#include "aws_error.h"
#include "clock.h"
#include "ecs.h"
#include "job_ecs.h"
#include "log.h"
#include "mem.h"
#include "plan.h"
#include "sqs.h"

/* Jobs of one family on one cluster: how many of its tasks run there. */
struct runner_family {
    LIST_ENTRY(runner_family) link;
    struct runner *runner;
    char *cluster, *name; /* owned */
    int64_t asked_s;
    bool listing;           /* ListTasks is on its way; then DescribeTasks may be */
    struct fire_list fires; /* that wait for the answer */
};

/* Jobs with one queue: how much is in it. */
struct runner_queue {
    LIST_ENTRY(runner_queue) link;
    struct runner *runner;
    char *name; /* owned; or its URL */
    int64_t asked_s;
    struct fire_list fires; /* that wait for the answer */
    bool answered;
    struct job_trigger_answer answer;
};

static int64_t now_s(const struct runner *runner)
{
    return clock_wall_s(runner->options.clock);
}

/* Takes a fire out of a question's hands. NULL: there is none. A dead one is let go. */
static struct fire *take_next(struct fire_list *list)
{
    struct fire *fire;

    while ((fire = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, fire, work_link);
        if (runner_release(fire))
            return fire;
    }
    return NULL;
}

static void hand_to(struct fire_list *list, struct fire *fire)
{
    fire->holds++;
    TAILQ_INSERT_TAIL(list, fire, work_link);
}

/* The ends of a check. */

static void forget_definition(struct fire *fire)
{
    plan_job_free(fire->job);
    fire->job = NULL;
}

static void end_well(struct runner *runner, struct fire *fire, const struct job_trigger_answer *answer)
{
    struct run_identity identity = runner_identity(runner, fire);

    if (runner_over_grace(runner, fire)) {
        forget_definition(fire);
        runner_end_late(runner, fire);
        return;
    }
    plan_make(fire->run, fire->job, &identity,
              &(struct plan_target){.cluster = runner->cluster, .started_by = runner->name},
              fire->run->running, answer, now_s(runner));
    forget_definition(fire);
    free(fire->why);
    fire->why = NULL;
    runner_apply(runner, fire, fire->run->needed > 0 ? RUN_EV_NEEDED : RUN_EV_NOT_NEEDED);
}

/* It is read and asked anew when it is tried again, so nothing is kept but why. */
static void end_failed(struct runner *runner, struct fire *fire, const struct aws_error *error)
{
    char text[RUN_ERROR_MAX / 2];

    forget_definition(fire);
    run_free(fire->run);
    fire->run = NULL;
    runner_say_why(fire, "%s", aws_error_text(error, text, sizeof text));
    if (error->kind == AWS_REFUSED) {
        runner_apply(runner, fire, RUN_EV_REFUSED);
    } else if (runner_over_grace(runner, fire)) {
        runner_end_late(runner, fire);
    } else {
        log_warning("run.check_failed", RUN_LOG " tries=%d error=%s", RUN_LOG_OF(fire), fire->tries + 1,
                    LOGQ(fire->why));
        runner_apply(runner, fire, RUN_EV_AGAIN);
    }
}

/* Queues. */

static void queue_free(struct runner_queue *queue)
{
    LIST_REMOVE(queue, link);
    free(queue->name);
    free(queue);
}

static void on_depth(void *arg, const struct sqs_depth *depth, const struct aws_error *error)
{
    struct runner_queue *queue = arg;
    struct runner *runner = queue->runner;
    struct fire_list fires = TAILQ_HEAD_INITIALIZER(fires);
    struct job_trigger_answer answer = {0};
    struct fire *fire;

    if (error == NULL)
        answer = (struct job_trigger_answer){.visible = depth->visible, .in_flight = depth->in_flight};
    TAILQ_CONCAT(&fires, &queue->fires, work_link);
    queue->answered = true;
    queue->answer = answer;
    if (error != NULL) /* who comes later asks for himself */
        queue_free(queue);
    while ((fire = take_next(&fires)) != NULL) {
        if (error != NULL)
            end_failed(runner, fire, error);
        else
            end_well(runner, fire, &answer);
    }
}

static const char *name_of(const struct job_trigger *trigger)
{
    return trigger->queue_url[0] != '\0' ? trigger->queue_url : trigger->queue_name;
}

/* NULL: nobody has asked since the fire was due. Forgets what is too old to be of use for anybody. */
static struct runner_queue *find_queue(struct runner *runner, const struct fire *fire)
{
    const char *name = name_of(&fire->job->trigger);
    struct runner_queue *found = NULL;

    for (struct runner_queue *queue = LIST_FIRST(&runner->queues), *next; queue != NULL; queue = next) {
        next = LIST_NEXT(queue, link);
        if (queue->answered && queue->asked_s != now_s(runner))
            queue_free(queue);
        else if (queue->asked_s >= fire->main.fire_s && strcmp(queue->name, name) == 0)
            found = queue;
    }
    return found;
}

static void ask_queue(struct runner *runner, struct fire *fire)
{
    const struct job_trigger *trigger = &fire->job->trigger;
    struct runner_queue *queue = find_queue(runner, fire);

    if (queue != NULL && queue->answered) {
        end_well(runner, fire, &queue->answer);
        return;
    }
    if (queue != NULL) {
        hand_to(&queue->fires, fire);
        return;
    }
    queue = mem_alloc(sizeof *queue);
    queue->runner = runner;
    queue->asked_s = now_s(runner);
    queue->name = mem_strdup(name_of(trigger));
    TAILQ_INIT(&queue->fires);
    LIST_INSERT_HEAD(&runner->queues, queue, link);
    hand_to(&queue->fires, fire);
    runner->options.sqs_ops->queue_depth(
        runner->options.sqs,
        &(struct sqs_queue){.name = trigger->queue_name,
                            .url = trigger->queue_url[0] != '\0' ? trigger->queue_url : NULL},
        on_depth, queue);
}

void runner_forget_queues(struct runner *runner)
{
    for (struct runner_queue *queue = LIST_FIRST(&runner->queues), *next; queue != NULL; queue = next) {
        next = LIST_NEXT(queue, link);
        queue_free(queue);
    }
}

/* Running tasks. */

static void family_free(struct runner_family *family)
{
    LIST_REMOVE(family, link);
    free(family->cluster);
    free(family->name);
    free(family);
}

static void know_running(struct runner *runner, struct fire *fire, int running)
{
    fire->run = run_new();
    fire->run->running = running;
    switch (job_trigger_asks(&fire->job->trigger)) {
    case JOB_TRIGGER_ASKS_NOTHING:
        end_well(runner, fire, &(struct job_trigger_answer){0});
        break;
    case JOB_TRIGGER_ASKS_QUEUE_DEPTH:
        ask_queue(runner, fire);
        break;
    }
}

static void fail_all(struct runner_family *family, const struct aws_error *error)
{
    struct fire *fire;

    while ((fire = take_next(&family->fires)) != NULL)
        end_failed(family->runner, fire, error);
}

static void on_described(void *arg, const struct ecs_tasks *tasks, const struct aws_error *error)
{
    struct runner_family *family = arg;
    struct fire *fire;

    if (error != NULL)
        fail_all(family, error);
    while ((fire = take_next(&family->fires)) != NULL)
        know_running(family->runner, fire, plan_count_own(tasks, fire->job_id));
    family_free(family);
}

static void on_listed(void *arg, const char *const *arns, size_t count, const struct aws_error *error)
{
    struct runner_family *family = arg;
    struct runner *runner = family->runner;
    struct fire_list all = TAILQ_HEAD_INITIALIZER(all);
    struct fire *fire;

    family->listing = false;
    if (error != NULL)
        fail_all(family, error);
    TAILQ_CONCAT(&all, &family->fires, work_link);
    while ((fire = take_next(&all)) != NULL) {
        if (plan_asks_tags(fire->job) && count > 0)
            hand_to(&family->fires, fire);
        else
            know_running(runner, fire, (int)count);
    }
    if (TAILQ_EMPTY(&family->fires))
        family_free(family);
    else
        runner->options.ecs_ops->describe_tasks(runner->options.ecs, family->cluster, arns, count,
                                                on_described, family);
}

static bool is_of(const struct fire *fire, const struct runner_family *family)
{
    return strcmp(fire->job->task_definition, family->name) == 0 &&
           strcmp(job_ecs_cluster(fire->job->ecs, family->runner->cluster), family->cluster) == 0;
}

/* Before a ListTasks is spent on who has to wait then. */
static bool may_ask(struct runner *runner, struct fire *fire)
{
    if (job_trigger_asks(&fire->job->trigger) == JOB_TRIGGER_ASKS_QUEUE_DEPTH)
        return runner_find_place(runner, fire);
    runner_leave_place(runner, fire); /* its definition was another when it came into the line for one */
    return true;
}

void runner_ask_for(struct runner *runner, struct fire *fire)
{
    struct runner_family *family;

    if (!may_ask(runner, fire)) {
        forget_definition(fire);
        runner_apply(runner, fire, RUN_EV_NO_PLACE);
        return;
    }
    LIST_FOREACH(family, &runner->families, link)
    if (family->listing && family->asked_s >= fire->main.fire_s && is_of(fire, family))
        break;
    if (family != NULL)
        hand_to(&family->fires, fire);
    else
        fire_line_add(&runner->ask, fire);
}

/* All that wait in line for the same answer. */
static void take_others(struct runner *runner, struct runner_family *family)
{
    size_t waiting = fire_line_count(&runner->ask), count = 0;
    AUTO_FREE struct fire **others = mem_array(waiting, sizeof(struct fire *));

    for (size_t i = 0; i < waiting; i++)
        if (is_of(fire_line_at(&runner->ask, i), family))
            others[count++] = fire_line_at(&runner->ask, i);
    for (size_t i = 0; i < count; i++) {
        fire_line_remove(&runner->ask, others[i]);
        hand_to(&family->fires, others[i]);
    }
}

static void ask_family(struct runner *runner, struct fire *fire)
{
    struct runner_family *family = mem_alloc(sizeof *family);

    family->runner = runner;
    family->cluster = mem_strdup(job_ecs_cluster(fire->job->ecs, runner->cluster));
    family->name = mem_strdup(fire->job->task_definition);
    family->asked_s = now_s(runner);
    family->listing = true;
    TAILQ_INIT(&family->fires);
    LIST_INSERT_HEAD(&runner->families, family, link);
    hand_to(&family->fires, fire);
    take_others(runner, family);
    runner->options.ecs_ops->list_tasks(runner->options.ecs, family->cluster, family->name, on_listed,
                                        family);
}

bool runner_ask_next(struct runner *runner)
{
    struct fire *fire = fire_line_take(&runner->ask);

    if (fire == NULL)
        return false;
    if (runner_over_grace(runner, fire)) {
        forget_definition(fire);
        runner_end_late(runner, fire);
    } else {
        ask_family(runner, fire);
    }
    return true;
}

void runner_drop_asking(struct runner *runner, struct fire *fire)
{
    forget_definition(fire);
    runner_main_over(runner, fire);
}
