/* See plan.h. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "ecs_codec.h"
#include "job.h"
#include "job_ecs.h"
#include "json.h"
#include "mem.h"

enum { REQUEST_MAX = 1 << 20 }; /* bytes; a job's limits keep it far below */
enum { EARLY_S = 300 };         /* so far clocks may be from each other: beyond it AWS refuses our requests */

void plan_job_free(struct plan_job *job)
{
    if (job == NULL)
        return;
    free(job->task_definition);
    job_overrides_done(&job->overrides);
    json_release(job->ecs);
    free(job);
}

static bool read_options(struct plan_job *job, const struct plan_texts *texts,
                         const struct json_object *defaults, struct err *err)
{
    AUTO_JSON struct json_object *own = NULL;
    AUTO_JOB_REPORT struct job_report report = {0};
    const struct job_at at = {&report, NULL, job_field_name(JOB_OVERRIDES)};

    return job_ecs_parse(texts->ecs, &own, err) && job_ecs_overlay(defaults, own, &job->ecs, err) &&
           (job_overrides_fit(&job->overrides, job->ecs, texts->id, &at) || job_report_to_err(&report, err));
}

/* Who reads runs.error reads the text alone. */
static bool refuse(struct err *err)
{
    return err->field[0] != '\0' ? err_wrap(err, "the job's %s", err->field) : err_wrap(err, "the job");
}

bool plan_job_read(struct plan_job *job, const struct plan_texts *texts, const struct json_object *defaults,
                   struct err *err)
{
    if (!job_trigger_parse(texts->trigger, &job->trigger, err) ||
        !job_overrides_parse(texts->overrides, &job->overrides, err) ||
        !read_options(job, texts, defaults, err))
        return refuse(err);
    return true;
}

bool plan_asks_tags(const struct plan_job *job)
{
    return job->overrides.count > 0;
}

/* It may have been told to stop since it was listed. */
static bool goes_on(const struct ecs_task *task)
{
    return task->desired_status == NULL || strcmp(task->desired_status, "STOPPED") != 0;
}

int plan_count_own(const struct ecs_tasks *tasks, const char *job_id)
{
    int own = 0;

    for (size_t i = 0; i < tasks->count; i++)
        own += goes_on(&tasks->items[i]) && tasks->items[i].override_tag != NULL &&
               strcmp(tasks->items[i].override_tag, job_id) == 0;
    return own;
}

void plan_make(struct run *run, const struct plan_job *job, const struct run_identity *identity,
               const struct plan_target *target, int running, const struct job_trigger_answer *answer,
               int64_t now_s)
{
    AUTO_BUF struct buf request = {0};

    run->running = running;
    run->wanted = job_trigger_wanted(&job->trigger, answer, job->task_count, job->max_count);
    run->needed = run->wanted > running ? run->wanted - running : 0;
    if (run->needed == 0)
        return;
    buf_init(&request, REQUEST_MAX);
    ecs_put_plan(&request, &(struct ecs_plan){.cluster = target->cluster,
                                              .task_definition = job->task_definition,
                                              .started_by = target->started_by,
                                              .job_id = identity->job_id,
                                              .overrides = &job->overrides,
                                              .ecs = job->ecs});
    run->request = buf_steal(&request);
    run_divide(run, identity, now_s);
}

void plan_mark_done(struct plan_mark *mark)
{
    free(mark->started_by);
    free(mark->override_tag);
    *mark = (struct plan_mark){0};
}

static bool read_object(const char *request, struct json_object **ret, struct err *err)
{
    if (!json_parse(request, strlen(request), ret, err))
        return err_wrap(err, "request");
    if (!json_object_is_type(*ret, json_type_object))
        return err_set(err, ERR_INVALID, "request is not an object");
    return true;
}

bool plan_read_mark(const char *request, struct plan_mark *ret, struct err *err)
{
    AUTO_JSON struct json_object *obj = NULL;
    struct plan_mark mark = {0};

    if (!read_object(request, &obj, err))
        return false;
    if (!ecs_read_mark(obj, &mark.started_by, &mark.override_tag, err)) {
        plan_mark_done(&mark);
        return err_wrap(err, "request");
    }
    *ret = mark;
    return true;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool plan_marked(const struct plan_mark *mark, const struct ecs_task *task, int64_t since_s)
{
    return (task->created_s == 0 || task->created_s >= since_s - EARLY_S) &&
           same_text(mark->started_by, task->started_by) && same_text(mark->override_tag, task->override_tag);
}

bool plan_read_request(const char *request, char **cluster, char **family, struct err *err)
{
    AUTO_JSON struct json_object *obj = NULL;
    const char *where, *what;

    if (!read_object(request, &obj, err))
        return false;
    if (!json_get_string(obj, "cluster", &where, err) || !json_get_string(obj, "taskDefinition", &what, err))
        return err_wrap(err, "request");
    *cluster = mem_strdup(where);
    *family = mem_strndup(what, strcspn(what, ":")); /* without the revision */
    return true;
}
