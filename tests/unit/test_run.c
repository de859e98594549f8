/* A run in memory: tokens, chunks and tasks as text, and what RunTask's answers mean. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "aws_error.h"
#include "ecs_codec.h"
#include "run.h"

static const struct run_identity identity = {"7d444840-9dc0-11d1-b245-5ffdce74fad2", "nightly", 1700000000};

static struct run *run_of(int needed)
{
    struct run *run = run_new();

    run->needed = needed;
    run_divide(run, &identity, 1700000001);
    return run;
}

/* Tokens. */

static void a_token_is_the_same_for_ever(void **state UNUSED)
{
    char token[RUN_TOKEN_SIZE];

    /* printf '%s\n%s\n%s\n%s\n%s' INSTALLATION nightly 1700000000 0 1 | sha256sum | cut -c1-40 */
    run_token(&identity, 0, 1, token);
    assert_string_equal(token, "b453a7466a5c4a11eb518ad3f9c18201888d07a6");
}

static void tokens_differ(void **state UNUSED)
{
    struct run_identity other[] = {identity, identity, identity};
    char tokens[6][RUN_TOKEN_SIZE];

    other[0].installation = "another";
    other[1].job_id = "nightly2";
    other[2].fire_s++;
    run_token(&identity, 0, 1, tokens[0]);
    run_token(&identity, 1, 1, tokens[1]);
    run_token(&identity, 0, 2, tokens[2]);
    for (int i = 0; i < 3; i++)
        run_token(&other[i], 0, 1, tokens[3 + i]);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(strlen(tokens[i]), RUN_TOKEN_LEN);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(tokens[i], tokens[k]);
    }
}

/* Chunks. */

struct divide_case {
    const char *name;
    int needed;
    const char *counts;
};

static struct divide_case divisions[] = {
    {"1", 1, "1"}, {"10", 10, "10"}, {"11", 11, "10 1"}, {"25", 25, "10 10 5"}, {"50", 50, "10 10 10 10 10"},
};

static void check_division(void **state)
{
    const struct divide_case *c = *state;
    AUTO_RUN struct run *run = run_of(c->needed);
    AUTO_BUF struct buf counts = {0};

    buf_init(&counts, 100);
    for (size_t i = 0; i < run->chunk_count; i++)
        buf_printf(&counts, "%s%d", i == 0 ? "" : " ", run->chunks[i].count);
    assert_string_equal(counts.data, c->counts);
    assert_int_equal(run_next_chunk(run, 0), 0);
    assert_int_equal(run_next_chunk(run, run->chunk_count), -1);
    assert_false(run_all_started(run));
}

static void text_brings_back_the_run(void **state UNUSED)
{
    AUTO_RUN struct run *run = run_of(12), *again = run_new();
    AUTO_BUF struct buf chunks = {0}, tasks = {0}, twice = {0};
    struct err err;

    run->chunks[0].outcome = RUN_CHUNK_STARTED;
    run->chunks[0].started = 10;
    run->chunks[1].started = 1;
    run->chunks[1].attempt = 3;
    run_add_task(run, "arn:1", "host \"1\"");
    run_add_task(run, "arn:2", NULL);
    buf_init(&chunks, RUN_TEXT_MAX);
    buf_init(&tasks, RUN_TEXT_MAX);
    buf_init(&twice, RUN_TEXT_MAX);
    run_put_chunks(&chunks, run);
    run_put_tasks(&tasks, run);
    assert_string_equal(tasks.data,
                        "[{\"taskId\":\"arn:1\",\"hostId\":\"host \\\"1\\\"\"},{\"taskId\":\"arn:2\"}]");
    assert_true(run_read_chunks(again, chunks.data, &err));
    assert_true(run_read_tasks(again, tasks.data, &err));
    assert_int_equal(again->chunk_count, 2);
    assert_int_equal(again->chunks[1].attempt, 3);
    assert_int_equal(run_chunk_ask(&again->chunks[1]), 1);
    assert_int_equal(run_next_chunk(again, 0), 1);
    run_put_chunks(&twice, again);
    assert_string_equal(twice.data, chunks.data);
    buf_clear(&twice);
    run_put_tasks(&twice, again);
    assert_string_equal(twice.data, tasks.data);
}

#define TOKEN "0123456789abcdef0123456789abcdef01234567"

static void what_makes_no_sense_is_refused(void **state UNUSED)
{
    static const char *const texts[] = {
        "",
        "{}",
        "[1]",
        "[{}]",
        "[{\"count\":11,\"started\":0,\"attempt\":1,\"token\":\"" TOKEN
        "\",\"outcome\":\"pending\",\"since\":1}]",
        "[{\"count\":1,\"started\":2,\"attempt\":1,\"token\":\"" TOKEN
        "\",\"outcome\":\"started\",\"since\":1}]",
        "[{\"count\":1,\"started\":1,\"attempt\":1,\"token\":\"" TOKEN
        "\",\"outcome\":\"pending\",\"since\":1}]",
        "[{\"count\":1,\"started\":0,\"attempt\":0,\"token\":\"" TOKEN
        "\",\"outcome\":\"pending\",\"since\":1}]",
        "[{\"count\":1,\"started\":0,\"attempt\":1,\"token\":\"\",\"outcome\":\"pending\",\"since\":1}]",
        "[{\"count\":1,\"started\":0,\"attempt\":1,\"token\":\"" TOKEN
        "\",\"outcome\":\"lost\",\"since\":1}]",
        "[{\"count\":1,\"started\":0,\"attempt\":1,\"token\":\"" TOKEN
        "\",\"outcome\":\"pending\",\"since\":-1}]",
    };
    AUTO_RUN struct run *run = run_of(1);
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_false(run_read_chunks(run, texts[i], &err));
        assert_int_equal(err.kind, ERR_INVALID);
    }
    assert_false(run_read_chunks(run, "[0,0,0,0,0,0]", &err));
    assert_int_equal(run->chunk_count, 1);
    assert_false(run_read_tasks(run, "{}", &err));
    assert_false(run_read_tasks(run, "[1]", &err));
    assert_false(run_read_tasks(run, "[{\"hostId\":\"h\"}]", &err));
}

static void a_task_counts_once(void **state UNUSED)
{
    AUTO_RUN struct run *run = run_of(1);
    char arn[20];

    run_add_task(run, "arn:1", NULL);
    run_add_task(run, "arn:1", NULL);
    assert_int_equal(run->task_count, 1);
    for (int i = 0; i < 1000; i++) {
        snprintf(arn, sizeof arn, "arn:%d", i);
        run_add_task(run, arn, NULL);
    }
    assert_int_equal(run->task_count, RUN_TASKS_MAX);
}

static void a_token_grows_old(void **state UNUSED)
{
    AUTO_RUN struct run *run = run_of(11);

    assert_false(run_token_expired(run, 1700000001 + RUN_TOKEN_LIFE_S));
    assert_true(run_token_expired(run, 1700000002 + RUN_TOKEN_LIFE_S));
    run->chunks[0].outcome = run->chunks[1].outcome = RUN_CHUNK_STARTED;
    assert_false(run_token_expired(run, 1700000002 + RUN_TOKEN_LIFE_S));
}

static void an_error_is_cut_at_a_character(void **state UNUSED)
{
    AUTO_RUN struct run *run = run_of(1);
    char text[2 * RUN_ERROR_MAX + 1];

    memset(text, 'x', sizeof text);
    memcpy(text + RUN_ERROR_MAX - 1, "\xc3\xa4", 2);
    text[sizeof text - 1] = '\0';
    run_set_error(run, "%s", text);
    assert_int_equal(strlen(run->error), RUN_ERROR_MAX - 1);
}

/* Answers. */

static struct ecs_task three[] = {
    {.arn = (char[]){"a:1"}, .host_arn = (char[]){"h"}}, {.arn = (char[]){"a:2"}}, {.arn = (char[]){"a:3"}}};
static struct ecs_failure memory = {.reason = (char[]){"RESOURCE:MEMORY"}, .retryable = true};
static struct ecs_failure attribute = {.reason = (char[]){"ATTRIBUTE"}};
static struct ecs_failure both[] = {{.reason = (char[]){"RESOURCE:MEMORY"}, .retryable = true},
                                    {.reason = (char[]){"ATTRIBUTE"}}};
static char *two_ids[] = {(char[]){"a:8"}, (char[]){"a:9"}};

struct answer_case {
    const char *name;
    size_t tasks; /* of three */
    struct ecs_failure *failures;
    size_t failure_count;
    struct aws_error error; /* kind AWS_OK: none */
    bool unsure;            /* before */
    enum run_verdict verdict;
    int started;
    enum run_chunk_outcome outcome;
    int attempt;
    bool still_unsure;
    const char *words; /* in the error; NULL: none */
};

static struct answer_case answers[] = {
    {"all three started", 3, NULL, 0, {0}, true, RUN_GOES_ON, 3, RUN_CHUNK_STARTED, 1, false, NULL},
    {"some started, the rest may later",
     2,
     &memory,
     1,
     {0},
     false,
     RUN_GOES_ON,
     2,
     RUN_CHUNK_PENDING,
     2,
     false,
     "RunTask started 2 of 3 tasks: RESOURCE:MEMORY"},
    {"none started, later may do",
     0,
     &memory,
     1,
     {0},
     true,
     RUN_GOES_ON,
     0,
     RUN_CHUNK_PENDING,
     2,
     false,
     "RunTask started 0 of 3 tasks: RESOURCE:MEMORY"},
    {"one instance will never do, another may",
     0,
     both,
     2,
     {0},
     false,
     RUN_GOES_ON,
     0,
     RUN_CHUNK_PENDING,
     2,
     false,
     "1 of RESOURCE:MEMORY, 1 of ATTRIBUTE"},
    {"none will ever do",
     1,
     &attribute,
     1,
     {0},
     false,
     RUN_GIVES_UP,
     1,
     RUN_CHUNK_FAILED,
     1,
     false,
     "ATTRIBUTE"},
    {"fewer without a reason",
     1,
     NULL,
     0,
     {0},
     false,
     RUN_GOES_ON,
     1,
     RUN_CHUNK_PENDING,
     2,
     false,
     "ECS gives no reason"},
    {"throttled: the same token",
     0,
     NULL,
     0,
     {.kind = AWS_THROTTLED, .status = 400, .code = "ThrottlingException"},
     false,
     RUN_PAUSES,
     0,
     RUN_CHUNK_PENDING,
     1,
     false,
     "ThrottlingException"},
    {"no answer: the same token",
     0,
     NULL,
     0,
     {.kind = AWS_UNKNOWN, .may_have_acted = true, .code = "timeout"},
     false,
     RUN_PAUSES,
     0,
     RUN_CHUNK_PENDING,
     1,
     true,
     "tasks may have been started all the same"},
    {"a server's error: the same token",
     0,
     NULL,
     0,
     {.kind = AWS_RETRYABLE, .may_have_acted = true, .status = 500, .code = "ServerException"},
     false,
     RUN_PAUSES,
     0,
     RUN_CHUNK_PENDING,
     1,
     true,
     "ServerException"},
    {"a timeout that is said with a 408: the same token",
     0,
     NULL,
     0,
     {.kind = AWS_RETRYABLE, .may_have_acted = true, .status = 408, .code = "HTTP 408"},
     false,
     RUN_PAUSES,
     0,
     RUN_CHUNK_PENDING,
     1,
     true,
     "HTTP 408"},
    {"no connection: the same token",
     0,
     NULL,
     0,
     {.kind = AWS_RETRYABLE, .code = "connect"},
     false,
     RUN_PAUSES,
     0,
     RUN_CHUNK_PENDING,
     1,
     false,
     "connect"},
    {"turned down for now: another token",
     0,
     NULL,
     0,
     {.kind = AWS_RETRYABLE, .status = 400, .code = "InvalidParameterException"},
     false,
     RUN_PAUSES,
     0,
     RUN_CHUNK_PENDING,
     2,
     false,
     "InvalidParameterException"},
    {"turned down after an answer was lost: the same token",
     0,
     NULL,
     0,
     {.kind = AWS_RETRYABLE, .status = 400, .code = "InvalidParameterException"},
     true,
     RUN_PAUSES,
     0,
     RUN_CHUNK_PENDING,
     1,
     true,
     "tasks may have been started"},
    {"bad credentials may be mended",
     0,
     NULL,
     0,
     {.kind = AWS_AUTH, .status = 400, .code = "ExpiredToken"},
     false,
     RUN_PAUSES,
     0,
     RUN_CHUNK_PENDING,
     1,
     false,
     "ExpiredToken"},
    {"refused",
     0,
     NULL,
     0,
     {.kind = AWS_REFUSED, .status = 400, .code = "ClientException"},
     false,
     RUN_GIVES_UP,
     0,
     RUN_CHUNK_FAILED,
     1,
     false,
     "ClientException"},
    {"refused after an answer was lost",
     0,
     NULL,
     0,
     {.kind = AWS_REFUSED, .status = 400, .may_have_acted = true, .code = "AccessDeniedException"},
     false,
     RUN_GIVES_UP,
     0,
     RUN_CHUNK_FAILED,
     1,
     true,
     "tasks may have been started"},
    {"a conflict on our own token: its tasks are ours",
     0,
     NULL,
     0,
     {.kind = AWS_CONFLICT,
      .status = 400,
      .code = "ConflictException",
      .resource_ids = two_ids,
      .resource_id_count = 2},
     true,
     RUN_GOES_ON,
     2,
     RUN_CHUNK_PENDING,
     2,
     false,
     "ConflictException"},
    {"a conflict that started nothing",
     0,
     NULL,
     0,
     {.kind = AWS_CONFLICT, .status = 400, .code = "ConflictException"},
     true,
     RUN_GIVES_UP,
     0,
     RUN_CHUNK_FAILED,
     1,
     false,
     "ConflictException"},
};

static void check_answer(void **state)
{
    const struct answer_case *c = *state;
    AUTO_RUN struct run *run = run_of(3);
    struct ecs_tasks tasks = {
        .items = three, .count = c->tasks, .failures = c->failures, .failure_count = c->failure_count};
    bool failed = c->error.kind != AWS_OK;
    char token[RUN_TOKEN_SIZE];

    run->chunks[0].unsure = c->unsure;
    assert_int_equal(
        run_take_answer(run, 0, &identity, 1700000100, failed ? NULL : &tasks, failed ? &c->error : NULL),
        c->verdict);
    assert_int_equal(run->chunks[0].started, c->started);
    assert_int_equal(run->chunks[0].outcome, c->outcome);
    assert_int_equal(run->chunks[0].attempt, c->attempt);
    assert_int_equal(run->chunks[0].since_s, c->attempt == 1 ? 1700000001 : 1700000100);
    run_token(&identity, 0, c->attempt, token);
    assert_string_equal(run->chunks[0].token, token);
    assert_int_equal(run_is_unsure(run), c->still_unsure);
    assert_int_equal(run->task_count, c->started);
    assert_int_equal(run_all_started(run), c->outcome == RUN_CHUNK_STARTED);
    if (c->words == NULL)
        assert_string_equal(run->error, "");
    else if (strstr(run->error, c->words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", c->words, run->error);
}

static void who_takes_over_is_unsure_of_what_is_open(void **state UNUSED)
{
    AUTO_RUN struct run *run = run_of(11);

    run->chunks[0].outcome = RUN_CHUNK_STARTED;
    run_mark_unsure(run);
    assert_false(run->chunks[0].unsure);
    assert_true(run->chunks[1].unsure);
    assert_true(run_is_unsure(run));
    assert_false(run_has_failed(run));
    run->chunks[1].outcome = RUN_CHUNK_FAILED;
    assert_true(run_has_failed(run));
    assert_int_equal(run_next_unsure(run, 0), -1);
}

/* Of 25 tasks ten are known, and of the others twelve are found. */
static void what_is_found_fills_what_is_unsure(void **state UNUSED)
{
    AUTO_RUN struct run *run = run_of(25);
    char arn[32];

    run->chunks[0].outcome = RUN_CHUNK_STARTED;
    run->chunks[2].since_s = run->chunks[1].since_s - 7;
    run_mark_unsure(run);
    assert_int_equal(run_unsure_tasks(run), 15);
    assert_int_equal(run_unsure_since_s(run), run->chunks[2].since_s);
    for (int i = 0; i < 12; i++) {
        snprintf(arn, sizeof arn, "arn:%d", i);
        run_take_found(run, arn, NULL);
    }
    assert_int_equal(run->chunks[1].outcome, RUN_CHUNK_STARTED);
    assert_int_equal(run->chunks[2].outcome, RUN_CHUNK_PENDING);
    assert_int_equal(run->chunks[2].started, 2);
    assert_int_equal(run_unsure_tasks(run), 3);
    assert_true(run_is_unsure(run));
    assert_int_equal(run->task_count, 12);
    assert_false(run_all_started(run));
}

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test(a_token_is_the_same_for_ever),
        cmocka_unit_test(tokens_differ),
        cmocka_unit_test(text_brings_back_the_run),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(a_task_counts_once),
        cmocka_unit_test(a_token_grows_old),
        cmocka_unit_test(an_error_is_cut_at_a_character),
        cmocka_unit_test(who_takes_over_is_unsure_of_what_is_open),
        cmocka_unit_test(what_is_found_fills_what_is_unsure),
    };
    struct CMUnitTest tests[ARRAY_LEN(others) + ARRAY_LEN(divisions) + ARRAY_LEN(answers)];
    size_t n = ARRAY_LEN(others);

    memcpy(tests, others, sizeof others);
    for (size_t i = 0; i < ARRAY_LEN(divisions); i++)
        tests[n++] = (struct CMUnitTest){divisions[i].name, check_division, NULL, NULL, &divisions[i]};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        tests[n++] = (struct CMUnitTest){answers[i].name, check_answer, NULL, NULL, &answers[i]};
    return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
