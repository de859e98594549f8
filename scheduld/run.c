/* See run.h. What RunTask answers is judged in run_answer.c. */
#include "run.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "json.h"
#include "mem.h"

static const char *const outcome_names[] = {
    [RUN_CHUNK_PENDING] = "pending", [RUN_CHUNK_STARTED] = "started", [RUN_CHUNK_FAILED] = "failed"};

struct run *run_new(void)
{
    struct run *run = mem_alloc(sizeof *run);

    run->wanted = run->running = run->needed = -1;
    return run;
}

static void drop_tasks(struct run *run)
{
    for (size_t i = 0; i < run->task_count; i++) {
        free(run->tasks[i].arn);
        free(run->tasks[i].host);
    }
    free(run->tasks);
    run->tasks = NULL;
    run->task_count = 0;
}

void run_free(struct run *run)
{
    if (run == NULL)
        return;
    drop_tasks(run);
    free(run->request);
    free(run);
}

void run_free_scoped(struct run **run)
{
    run_free(*run);
}

void run_divide(struct run *run, const struct run_identity *identity, int64_t now_s)
{
    run->chunk_count = 0;
    for (int left = run->needed; left > 0; left -= RUN_TASK_COUNT_MAX) {
        struct run_chunk *chunk = &run->chunks[run->chunk_count];

        *chunk = (struct run_chunk){
            .count = left < RUN_TASK_COUNT_MAX ? left : RUN_TASK_COUNT_MAX, .attempt = 1, .since_s = now_s};
        run_token(identity, (int)run->chunk_count, 1, chunk->token);
        run->chunk_count++;
    }
}

int run_next_chunk(const struct run *run, size_t from)
{
    for (size_t i = from; i < run->chunk_count; i++)
        if (run->chunks[i].outcome == RUN_CHUNK_PENDING)
            return (int)i;
    return -1;
}

int run_next_unsure(const struct run *run, size_t from)
{
    for (size_t i = from; i < run->chunk_count; i++)
        if (run->chunks[i].outcome == RUN_CHUNK_PENDING && run->chunks[i].unsure)
            return (int)i;
    return -1;
}

bool run_has_failed(const struct run *run)
{
    for (size_t i = 0; i < run->chunk_count; i++)
        if (run->chunks[i].outcome == RUN_CHUNK_FAILED)
            return true;
    return false;
}

int run_chunk_ask(const struct run_chunk *chunk)
{
    return chunk->count - chunk->started;
}

bool run_all_started(const struct run *run)
{
    for (size_t i = 0; i < run->chunk_count; i++)
        if (run->chunks[i].outcome != RUN_CHUNK_STARTED)
            return false;
    return true;
}

bool run_token_expired(const struct run *run, int64_t now_s)
{
    for (size_t i = 0; i < run->chunk_count; i++)
        if (run->chunks[i].outcome == RUN_CHUNK_PENDING && now_s - run->chunks[i].since_s > RUN_TOKEN_LIFE_S)
            return true;
    return false;
}

void run_mark_unsure(struct run *run)
{
    for (size_t i = 0; i < run->chunk_count; i++)
        run->chunks[i].unsure = run->chunks[i].outcome == RUN_CHUNK_PENDING;
}

bool run_is_unsure(const struct run *run)
{
    for (size_t i = 0; i < run->chunk_count; i++)
        if (run->chunks[i].unsure)
            return true;
    return false;
}

static bool is_unsure(const struct run_chunk *chunk)
{
    return chunk->outcome == RUN_CHUNK_PENDING && chunk->unsure;
}

int run_unsure_tasks(const struct run *run)
{
    int tasks = 0;

    for (size_t i = 0; i < run->chunk_count; i++)
        tasks += is_unsure(&run->chunks[i]) ? run_chunk_ask(&run->chunks[i]) : 0;
    return tasks;
}

int64_t run_unsure_since_s(const struct run *run)
{
    int64_t since_s = INT64_MAX;

    for (size_t i = 0; i < run->chunk_count; i++)
        if (is_unsure(&run->chunks[i]) && run->chunks[i].since_s < since_s)
            since_s = run->chunks[i].since_s;
    return since_s;
}

void run_take_found(struct run *run, const char *arn, const char *host)
{
    int at = run_next_unsure(run, 0);
    struct run_chunk *chunk = &run->chunks[at];

    run_add_task(run, arn, host);
    if (++chunk->started < chunk->count)
        return;
    chunk->outcome = RUN_CHUNK_STARTED;
    chunk->unsure = false;
}

void run_add_task(struct run *run, const char *arn, const char *host)
{
    for (size_t i = 0; i < run->task_count; i++)
        if (strcmp(run->tasks[i].arn, arn) == 0)
            return; /* the answer to a repeat */
    if (run->task_count == RUN_TASKS_MAX)
        return;
    run->tasks = mem_grow(run->tasks, run->task_count + 1, sizeof *run->tasks);
    run->tasks[run->task_count++] =
        (struct run_task){.arn = mem_strdup(arn), .host = mem_strdup_or_null(host)};
}

void run_set_error(struct run *run, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(run->error, sizeof run->error, fmt, ap);
    va_end(ap);
    json_utf8_cut(run->error);
}

void run_put_chunks(struct buf *buf, const struct run *run)
{
    buf_putc(buf, '[');
    for (size_t i = 0; i < run->chunk_count; i++) {
        const struct run_chunk *chunk = &run->chunks[i];

        buf_printf(buf,
                   "%s{\"count\":%d,\"started\":%d,\"attempt\":%d,\"token\":\"%s\",\"outcome\":\"%s\","
                   "\"since\":%" PRId64 "}",
                   i == 0 ? "" : ",", chunk->count, chunk->started, chunk->attempt, chunk->token,
                   outcome_names[chunk->outcome], chunk->since_s);
    }
    buf_putc(buf, ']');
}

void run_put_tasks(struct buf *buf, const struct run *run)
{
    buf_putc(buf, '[');
    for (size_t i = 0; i < run->task_count; i++) {
        buf_puts(buf, i == 0 ? "{\"taskId\":" : ",{\"taskId\":");
        json_put_string(buf, run->tasks[i].arn);
        if (run->tasks[i].host != NULL) {
            buf_puts(buf, ",\"hostId\":");
            json_put_string(buf, run->tasks[i].host);
        }
        buf_putc(buf, '}');
    }
    buf_putc(buf, ']');
}

static bool read_list(const char *text, const char *what, struct json_object **ret, struct err *err)
{
    if (!json_parse(text, strlen(text), ret, err))
        return err_wrap(err, "%s", what);
    if (!json_object_is_type(*ret, json_type_array))
        return err_set(err, ERR_INVALID, "%s is not a list", what);
    return true;
}

static bool read_number(const struct json_object *obj, const char *key, int64_t min, int64_t max,
                        int64_t *ret, struct err *err)
{
    int64_t value;

    if (!json_get_int64(obj, key, &value, err))
        return false;
    if (value < min || value > max)
        return err_field(err, key, "must be %" PRId64 " to %" PRId64, min, max);
    *ret = value;
    return true;
}

static bool read_outcome(const struct json_object *obj, enum run_chunk_outcome *ret, struct err *err)
{
    const char *name;

    if (!json_get_string(obj, "outcome", &name, err))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(outcome_names); i++) {
        if (strcmp(name, outcome_names[i]) == 0) {
            *ret = (enum run_chunk_outcome)i;
            return true;
        }
    }
    return err_field(err, "outcome", "is not an outcome");
}

static bool read_chunk(const struct json_object *obj, struct run_chunk *ret, struct err *err)
{
    const char *token;
    int64_t count = 0, started = 0, attempt = 0, since = 0;

    if (!json_object_is_type(obj, json_type_object))
        return err_set(err, ERR_INVALID, "a chunk is not an object");
    if (!read_number(obj, "count", 1, RUN_TASK_COUNT_MAX, &count, err) ||
        !read_number(obj, "started", 0, count, &started, err) ||
        !read_number(obj, "attempt", 1, INT32_MAX, &attempt, err) ||
        !read_number(obj, "since", 0, INT64_MAX, &since, err) || !read_outcome(obj, &ret->outcome, err) ||
        !json_get_string(obj, "token", &token, err))
        return false;
    if (strlen(token) != RUN_TOKEN_LEN || strspn(token, "0123456789abcdef") != RUN_TOKEN_LEN)
        return err_field(err, "token", "is not %d hexadecimal digits", RUN_TOKEN_LEN);
    if (ret->outcome == RUN_CHUNK_PENDING && started == count)
        return err_field(err, "outcome", "is pending although all tasks were started");
    ret->count = (int)count;
    ret->started = (int)started;
    ret->attempt = (int)attempt;
    ret->since_s = since;
    memcpy(ret->token, token, RUN_TOKEN_SIZE);
    return true;
}

bool run_read_chunks(struct run *run, const char *text, struct err *err)
{
    AUTO_JSON struct json_object *list = NULL;
    struct run_chunk chunks[RUN_CHUNKS_MAX] = {0};
    size_t count;

    if (!read_list(text, "chunks", &list, err))
        return false;
    count = json_object_array_length(list);
    if (count > RUN_CHUNKS_MAX)
        return err_set(err, ERR_INVALID, "chunks has more than %d elements", RUN_CHUNKS_MAX);
    for (size_t i = 0; i < count; i++)
        if (!read_chunk(json_object_array_get_idx(list, i), &chunks[i], err))
            return err_wrap(err, "chunks[%zu]", i);
    memcpy(run->chunks, chunks, sizeof chunks);
    run->chunk_count = count;
    return true;
}

bool run_read_tasks(struct run *run, const char *text, struct err *err)
{
    AUTO_JSON struct json_object *list = NULL;
    AUTO_RUN struct run *read = run_new();

    if (!read_list(text, "tasks", &list, err))
        return false;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const struct json_object *obj = json_object_array_get_idx(list, i);
        const char *arn, *host = NULL;

        if (!json_object_is_type(obj, json_type_object))
            return err_set(err, ERR_INVALID, "tasks[%zu] is not an object", i);
        if (!json_get_string(obj, "taskId", &arn, err) || !json_get_string_opt(obj, "hostId", &host, err))
            return err_wrap(err, "tasks[%zu]", i);
        run_add_task(read, arn, host);
    }
    drop_tasks(run);
    run->tasks = read->tasks;
    run->task_count = read->task_count;
    read->tasks = NULL; /* the run's now */
    read->task_count = 0;
    return true;
}
