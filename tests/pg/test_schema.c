/* sql/: who may write what, what may be written, what the triggers keep and tell, and that all of it explains
 * itself. */
#include "pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "limits.h"
#include "mem.h"

#define JOB "INSERT INTO jobs (id, task_definition, schedule) VALUES "

static int migrated(void **state)
{
    (void)state;
    pg_migrate();
    return 0;
}

static struct pg *open_as(const char *role)
{
    AUTO_FREE char *parameter = mem_printf("options=-c%%20role%%3D%s", role);
    AUTO_FREE char *url = pg_url_with(parameter);
    struct db_options options = {.url = url};

    return pg_open(&options);
}

static int fresh(void **state)
{
    struct pg *pg = pg_open(NULL);

    pg_value(pg, "TRUNCATE jobs, job_state, job_tombstones, runs");
    *state = pg;
    return 0;
}

static int ends(void **state)
{
    pg_close(*state);
    return 0;
}

/* --- grants --- */

enum { W = 1, S = 2 }; /* webapid and scheduld */

static const struct {
    const char *sql;
    int who; /* may */
} grants[] = {
    {"SELECT * FROM jobs", W | S},
    {"SELECT * FROM job_state", W | S},
    {"SELECT * FROM runs", W | S},
    {"SELECT * FROM scheduler", W | S},
    {"SELECT * FROM job_tombstones", W | S},
    {"SELECT * FROM schema_migrations", W | S},
    {"SELECT * FROM job_status", W | S},
    {"SELECT * FROM upcoming_runs", W | S},
    {"SELECT * FROM recent_runs", W | S},
    {"SELECT * FROM failed_runs", W | S},
    {"SELECT * FROM running_tasks", W | S},
    {JOB "('g', 'g', '0')", W},
    {"UPDATE jobs SET schedule = '1'", W},
    {"DELETE FROM jobs", W},
    {"TRUNCATE jobs CASCADE", 0},
    {"INSERT INTO job_state (job_id) SELECT id FROM jobs", S},
    {"UPDATE job_state SET next_run = now()", S},
    {"DELETE FROM job_state", S},
    {"INSERT INTO runs (job_id, fire_at, state, epoch) VALUES ('g', now(), 'planned', 1)", S},
    {"UPDATE runs SET state = 'started'", S},
    {"DELETE FROM runs", S},
    {"TRUNCATE runs", 0},
    {"UPDATE scheduler SET epoch = epoch + 1, holder = 'h', since = now(), heartbeat = now()", S},
    {"UPDATE scheduler SET installation = gen_random_uuid()", 0},
    {"INSERT INTO scheduler DEFAULT VALUES", 0},
    {"DELETE FROM scheduler", 0},
    {"INSERT INTO job_tombstones (job_id, changed_xid) VALUES ('g', '1')", 0},
    {"UPDATE job_tombstones SET deleted_at = now()", 0},
    {"DELETE FROM job_tombstones", S},
    {"INSERT INTO schema_migrations VALUES (9, 'x', 9)", 0},
    {"UPDATE schema_migrations SET version = 9", 0},
    {"DELETE FROM schema_migrations", 0},
    {"SELECT * FROM idempotency_keys", W},
    {"INSERT INTO idempotency_keys VALUES ('api', 'g', 'r', 'g', 1, '{}')", W},
    {"UPDATE idempotency_keys SET revision = 2", W},
    {"DELETE FROM idempotency_keys", W},
    {"SELECT * FROM api_tokens", W},
    {"INSERT INTO api_tokens (name, scope, hash) VALUES ('t', 'read', sha256('t'))", 0},
    {"UPDATE api_tokens SET scope = 'write'", 0},
    {"DELETE FROM api_tokens", 0},
    {"ALTER TABLE jobs ADD x int", 0},
    {"CREATE TABLE x (y int)", 0},
    {"DROP VIEW job_status", 0},
};

static void each_role_may_do_what_it_has_to_and_no_more(void **state)
{
    static const char *const roles[] = {"ecs_scheduler_webapid", "ecs_scheduler_scheduld"};

    for (size_t r = 0; r < ARRAY_LEN(roles); r++) {
        struct pg *pg = open_as(roles[r]);

        pg_value(*state, JOB "('a', 'a', '0') ON CONFLICT DO NOTHING");
        assert_string_equal(pg_value(pg, "SELECT current_user"), roles[r]);
        for (size_t i = 0; i < ARRAY_LEN(grants); i++) {
            struct answer answer = pg_run(pg, grants[i].sql);
            bool may = (grants[i].who & (1 << r)) != 0;

            if (may && answer.kind != ERR_NONE)
                fail_msg("%s may not %s: %s", roles[r], grants[i].sql, answer.text);
            if (!may && (answer.kind != ERR_DENIED || strstr(answer.text, "42501") == NULL))
                fail_msg("%s: %s: %s \"%s\", not 42501", roles[r], grants[i].sql, err_kind_name(answer.kind),
                         answer.text);
        }
        pg_close(pg);
    }
}

/* --- what may be written --- */

struct value_case {
    const char *column, *value; /* SQL for a value of jobs */
    const char *constraint;     /* that refuses it; NULL: it is taken */
};

static const struct value_case values[] = {
    {"id", "'a-Z_09'", NULL},
    {"id", "'export'", "jobs_id_is_not_reserved"},
    {"id", "'import'", "jobs_id_is_not_reserved"},
    {"id", "''", "jobs_id_is_a_name"},
    {"id", "'a b'", "jobs_id_is_a_name"},
    {"id", "E'a\\n'", "jobs_id_is_a_name"},
    {"id", "'\xc3\xa9'", "jobs_id_is_a_name"},
    {"id", "E'\\u212A'", "jobs_id_is_a_name"}, /* the Kelvin sign, a K to some */
    {"task_definition", "'a.b'", "jobs_task_definition_is_a_name"},
    {"task_definition", "'family:3'", "jobs_task_definition_is_a_name"},
    {"schedule", "'0 0 4'", NULL},
    {"schedule", "' * '", NULL},
    {"schedule", "''", "jobs_schedule_has_1_to_1024_bytes"},
    {"schedule", "'  '", "jobs_schedule_is_not_blank"},
    {"schedule", "E'\\t\\n'", "jobs_schedule_is_not_blank"},
    {"schedule", "'?'", "jobs_schedule_has_no_open_wildcard"},
    {"schedule", "'0 ?'", "jobs_schedule_has_no_open_wildcard"},
    {"schedule", "' 0  0 ? *'", "jobs_schedule_has_no_open_wildcard"},
    {"schedule", "'0 0 0 * * * * * ?'", NULL}, /* a ninth field is nothing to us */
    {"timezone", "NULL", NULL},
    {"timezone", "''", NULL},
    {"timezone", "'America/Port-au-Prince'", NULL},
    {"timezone", "'Etc/GMT+5'", NULL},
    {"timezone", "'Europe Berlin'", "jobs_timezone_is_a_zone_name"},
    {"timezone", "E'UTC\\n'", "jobs_timezone_is_a_zone_name"},
    {"timezone", "'\xc3\xa9'", "jobs_timezone_is_a_zone_name"},
    {"timezone", "'../../etc/passwd'", "jobs_timezone_is_a_zone_name"},
    {"schedule_start", "'2026-11-24T10:30:00+01:00'", NULL},
    {"schedule_start", "'2026-11-24T10:30:00.123456'", NULL},
    {"schedule_start", "'2026-1-4 1:30Z'", NULL},
    {"schedule_start", "''", "jobs_schedule_start_is_a_time"},
    {"schedule_start", "'2026-13-24T10:30:00'", "jobs_schedule_start_is_a_time"},
    {"schedule_start", "'2026-11-24'", "jobs_schedule_start_is_a_time"},
    {"schedule_start", "'2026-11-24T24:30:00'", "jobs_schedule_start_is_a_time"},
    {"schedule_start", "'2026-02-29T10:30:00'", "jobs_schedule_start_is_a_time"},
    {"schedule_end", "'2026-11-24T10:30:00+24:00'", "jobs_schedule_end_is_a_time"},
    {"schedule_end", "'tomorrow'", "jobs_schedule_end_is_a_time"},
    {"task_count", "1", NULL},
    {"task_count", "0", "jobs_task_count_is_1_to_50"},
    {"max_count", "0", "jobs_max_count_is_1_to_50"},
    {"max_count", "NULL", NULL},
    {"misfire_grace_seconds", "NULL", NULL},
    {"misfire_grace_seconds", "0", NULL},
    {"misfire_grace_seconds", "-1", "jobs_misfire_grace_seconds_is_0_to_86400"},
    {"suspended", "NULL", NULL},
    {"trigger", "NULL", NULL},
    {"trigger", "'{\"type\": \"noop\"}'", NULL},
    {"trigger", "'{\"type\": \"noop\", \"queueName\": \"q\"}'", "jobs_trigger_is_a_trigger"},
    {"trigger", "'{\"type\": \"sqs\", \"queueName\": \"q\"}'", NULL},
    {"trigger", "'{\"type\": \"sqs\", \"queueName\": \"q-_9.fifo\", \"messagesPerTask\": 1}'", NULL},
    {"trigger", "'{\"type\": \"sqs\"}'", "jobs_trigger_is_a_trigger"},
    {"trigger", "'{\"type\": \"sqs\", \"queueName\": null}'", "jobs_trigger_is_a_trigger"},
    {"trigger", "'{\"type\": \"sqs\", \"queueName\": \"https://q\"}'", "jobs_trigger_is_a_trigger"},
    {"trigger", "'{\"type\": \"sqs\", \"queueName\": \"q.fifo.fifo\"}'", "jobs_trigger_is_a_trigger"},
    {"trigger",
     "jsonb_build_object('type', 'sqs', 'queueUrl', 'https://h/123456789012/' || repeat('q', 80) || '.fifo')",
     NULL},
    {"trigger", "'{\"type\": \"sqs\", \"queueUrl\": \"https://h/123456789012/q.fifo.fifo\"}'",
     "jobs_trigger_is_a_trigger"},
    {"trigger", "'{\"type\": \"sqs\", \"queueName\": \"q\", \"messagesPerTask\": 0}'",
     "jobs_trigger_is_a_trigger"},
    {"trigger", "'{\"type\": \"sqs\", \"queueName\": \"q\", \"messagesPerTask\": 1.5}'",
     "jobs_trigger_is_a_trigger"},
    {"trigger", "'{\"type\": \"sqs\", \"queueName\": \"q\", \"messagesPerTask\": \"1\"}'",
     "jobs_trigger_is_a_trigger"},
    {"trigger", "'{\"type\": \"sqs\", \"queueName\": \"q\", \"messagesPerTask\": null}'",
     "jobs_trigger_is_a_trigger"},
    {"trigger", "'{\"type\": \"sqs\", \"queueName\": \"q\", \"message\": 1}'", "jobs_trigger_is_a_trigger"},
    {"trigger", "'{\"type\": \"ftp\"}'", "jobs_trigger_is_a_trigger"},
    {"trigger", "'{}'", "jobs_trigger_is_a_trigger"},
    {"trigger", "'[]'", "jobs_trigger_is_a_trigger"},
    {"trigger", "'null'", "jobs_trigger_is_a_trigger"},
    {"overrides", "'[]'", NULL},
    {"overrides", "'[{\"containerName\": \"c\"}]'", NULL},
    {"overrides", "'[{\"containerName\": \"c\", \"environment\": {}}]'", NULL},
    {"overrides",
     "'[{\"containerName\": \"c\", \"environment\": {\"A\": \"\", \"B\": \"=\"}}, {\"containerName\": "
     "\"d\"}]'",
     NULL},
    {"overrides", "'{}'", "jobs_overrides_are_overrides"},
    {"overrides", "'null'", "jobs_overrides_are_overrides"},
    {"overrides", "'[null]'", "jobs_overrides_are_overrides"},
    {"overrides", "'[[]]'", "jobs_overrides_are_overrides"},
    {"overrides", "'[{\"environment\": {}}]'", "jobs_overrides_are_overrides"},
    {"overrides", "'[{\"containerName\": 1}]'", "jobs_overrides_are_overrides"},
    {"overrides", "'[{\"containerName\": \"c d\"}]'", "jobs_overrides_are_overrides"},
    {"overrides", "'[{\"containerName\": \"\"}]'", "jobs_overrides_are_overrides"},
    {"overrides", "'[{\"containerName\": \"c\\n\"}]'", "jobs_overrides_are_overrides"},
    {"overrides", "'[{\"containerName\": \"c\", \"environment\": null}]'", "jobs_overrides_are_overrides"},
    {"overrides", "'[{\"containerName\": \"c\", \"environment\": []}]'", "jobs_overrides_are_overrides"},
    {"overrides", "'[{\"containerName\": \"c\", \"environment\": {\"A\": 1}}]'",
     "jobs_overrides_are_overrides"},
    {"overrides", "'[{\"containerName\": \"c\", \"environment\": {\"A\": null}}]'",
     "jobs_overrides_are_overrides"},
    {"overrides", "'[{\"containerName\": \"c\", \"environment\": {\"\": \"1\"}}]'",
     "jobs_overrides_are_overrides"},
    {"overrides", "'[{\"containerName\": \"c\", \"environment\": {\"A=B\": \"1\"}}]'",
     "jobs_overrides_are_overrides"},
    {"overrides", "'[{\"containerName\": \"c\", \"enviroment\": {}}]'", "jobs_overrides_are_overrides"},
    {"overrides",
     "'[{\"containerName\": \"c\", \"command\": [\"x\"], \"cpu\": 1, \"memory\": 5, \"memoryReservation\": 4,"
     " \"environmentFiles\": [], \"resourceRequirements\": []}]'",
     NULL},
    {"overrides", "'[{\"containerName\": \"c\", \"command\": \"x\"}]'", "jobs_overrides_are_overrides"},
    {"overrides", "'[{\"containerName\": \"c\", \"memory\": \"5\"}]'", "jobs_overrides_are_overrides"},
    {"overrides", "'[{\"containerName\": \"c\", \"cpu\": null}]'", "jobs_overrides_are_overrides"},
    {"ecs", "NULL", NULL},
    {"ecs", "'{}'", NULL},
    {"ecs",
     "'{\"capacityProviderStrategy\": [], \"cluster\": \"c\", \"cpu\": \"1\", \"enableECSManagedTags\": true,"
     " \"enableExecuteCommand\": false, \"ephemeralStorage\": {}, \"executionRoleArn\": \"r\", \"group\": "
     "\"g\","
     " \"launchType\": \"EC2\", \"memory\": \"1\", \"networkConfiguration\": {}, \"placementConstraints\": "
     "[],"
     " \"placementStrategy\": [], \"platformVersion\": \"v\", \"propagateTags\": \"NONE\", \"revision\": 1,"
     " \"tags\": [], \"taskRoleArn\": \"r\", \"volumeConfigurations\": []}'",
     NULL},
    {"ecs", "'{\"networkConfiguration\": null, \"revision\": null}'", NULL},
    {"ecs", "'[]'", "jobs_ecs_has_options"},
    {"ecs", "'null'", "jobs_ecs_has_options"},
    {"ecs", "'{\"launchtype\": \"EC2\"}'", "jobs_ecs_has_options"},
    {"ecs", "'{\"overrides\": {}}'", "jobs_ecs_has_options"},
    {"ecs", "'{\"revision\": \"1\"}'", "jobs_ecs_has_options"},
    {"ecs", "'{\"tags\": {}}'", "jobs_ecs_has_options"},
    {"ecs", "'{\"cpu\": 1}'", "jobs_ecs_has_options"},
    {"ecs", "'{\"enableExecuteCommand\": \"true\"}'", "jobs_ecs_has_options"},
    /* Small as jsonb, not as a text. */
    {"ecs", "jsonb_build_object('tags', (SELECT jsonb_agg(1e131071) FROM generate_series(1, 8)))",
     "jobs_ecs_has_at_most_1_mib"},
    {"overrides",
     "jsonb_build_array(jsonb_build_object('containerName', 'c', 'command',"
     " (SELECT jsonb_agg(1e131071) FROM generate_series(1, 8))))",
     "jobs_overrides_have_at_most_1_mib"},
};

static void try_value(struct pg *pg, const char *column, const char *value, const char *constraint)
{
    AUTO_FREE char *sql = mem_printf("UPDATE jobs SET %s = %s", column, value);
    AUTO_FREE char *insert = mem_printf(JOB "(%s, 'x', '0')", value);
    const char *run = strcmp(column, "id") == 0 ? insert : sql;
    struct answer answer = pg_run(pg, run);

    if (constraint == NULL)
        pg_fail_unless(&answer, ERR_NONE, "", run);
    else
        pg_fail_unless(&answer, ERR_INVALID, constraint, run);
    if (constraint == NULL && run == sql)
        assert_int_equal(answer.affected, 1);
}

static void a_job_keeps_what_the_api_promises(void **state)
{
    pg_value(*state, JOB "('job', 'x', '0')");
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        pg_value(*state, "DELETE FROM jobs WHERE id <> 'job'");
        try_value(*state, values[i].column, values[i].value, values[i].constraint);
    }
}

enum { PART_TEXT_MAX = 1048576 }; /* of what is written by hand: the API takes less */

/* A value whose size is n, by a format with one %d. */
static const struct {
    const char *column, *format;
    int max;
    const char *constraint;
} limits[] = {
    {"id", "repeat('x', %d)", JOB_ID_MAX, "jobs_id_is_a_name"},
    {"task_definition", "repeat('x', %d)", JOB_TASK_DEFINITION_MAX, "jobs_task_definition_is_a_name"},
    {"schedule", "repeat('0', %d)", JOB_SCHEDULE_MAX, "jobs_schedule_has_1_to_1024_bytes"},
    {"timezone", "repeat('x', %d)", JOB_TIMEZONE_MAX, "jobs_timezone_is_a_zone_name"},
    {"task_count", "%d", JOB_TASK_COUNT_MAX, "jobs_task_count_is_1_to_50"},
    {"max_count", "%d", JOB_TASK_COUNT_MAX, "jobs_max_count_is_1_to_50"},
    {"misfire_grace_seconds", "%d", MISFIRE_GRACE_MAX_S, "jobs_misfire_grace_seconds_is_0_to_86400"},
    {"trigger", "jsonb_build_object('type', 'sqs', 'queueName', repeat('q', %d))", JOB_QUEUE_NAME_MAX,
     "jobs_trigger_is_a_trigger"},
    {"trigger", "jsonb_build_object('type', 'sqs', 'queueUrl', 'https://h/123456789012/' || repeat('q', %d))",
     JOB_QUEUE_NAME_MAX, "jobs_trigger_is_a_trigger"},
    {"trigger",
     "jsonb_build_object('type', 'sqs', 'queueUrl', rpad('https://', %d - 15, 'h') || '/123456789012/q')",
     JOB_QUEUE_URL_MAX, "jobs_trigger_is_a_trigger"},
    {"trigger", "jsonb_build_object('type', 'sqs', 'queueName', 'q', 'messagesPerTask', %d)",
     JOB_MESSAGES_PER_TASK_MAX, "jobs_trigger_is_a_trigger"},
    {"overrides", "(SELECT jsonb_agg('{\"containerName\": \"c\"}'::jsonb) FROM generate_series(1, %d))",
     JOB_OVERRIDES_MAX, "jobs_overrides_are_overrides"},
    {"overrides", "jsonb_build_array(jsonb_build_object('containerName', repeat('c', %d)))",
     JOB_CONTAINER_NAME_MAX, "jobs_overrides_are_overrides"},
    {"overrides",
     "jsonb_build_array(jsonb_build_object('containerName', 'c', 'environment',"
     " (SELECT jsonb_object_agg('V' || i, '') FROM generate_series(1, %d) AS i)))",
     JOB_ENV_MAX, "jobs_overrides_are_overrides"},
    {"overrides",
     "jsonb_build_array(jsonb_build_object('containerName', 'c', 'environment',"
     " jsonb_build_object(repeat('N', %d), '')))",
     JOB_ENV_NAME_MAX, "jobs_overrides_are_overrides"},
    {"overrides",
     "jsonb_build_array(jsonb_build_object('containerName', 'c', 'environment',"
     " jsonb_build_object('N', repeat('v', %d))))",
     JOB_ENV_VALUE_MAX, "jobs_overrides_are_overrides"},
    {"overrides",
     "jsonb_build_array(jsonb_build_object('containerName', 'c', 'command',"
     " jsonb_build_array(repeat('v', %d - 41))))",
     PART_TEXT_MAX, "jobs_overrides_have_at_most_1_mib"},
    {"ecs", "jsonb_build_object('tags', jsonb_build_array(repeat('v', %d - 14)))", PART_TEXT_MAX,
     "jobs_ecs_has_at_most_1_mib"},
};

static void limits_are_those_of_the_api(void **state)
{
    pg_value(*state, JOB "('job', 'x', '0')");
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        for (int over = 0; over < 2; over++) {
            AUTO_BUF struct buf value = {0};
            const char *number = strstr(limits[i].format, "%d");

            pg_value(*state, "DELETE FROM jobs WHERE id <> 'job'");
            buf_init(&value, 1000);
            buf_printf(&value, "%.*s%d%s", (int)(number - limits[i].format), limits[i].format,
                       limits[i].max + over, number + 2);
            try_value(*state, limits[i].column, value.data, over != 0 ? limits[i].constraint : NULL);
        }
    }
}

/* Whoever has functions of his own by the names of the server's, before them in his search_path. */
static void checks_mean_the_same_with_any_search_path(void **state)
{
    struct pg *pg = *state;
    struct answer answer;

    pg_value(pg, "CREATE SCHEMA false_friends");
    pg_value(pg, "CREATE FUNCTION false_friends.octet_length(text) RETURNS integer LANGUAGE sql RETURN 1");
    pg_value(pg,
             "CREATE FUNCTION false_friends.jsonb_typeof(jsonb) RETURNS text LANGUAGE sql RETURN 'object'");
    pg_value(pg, "SET search_path = false_friends, pg_catalog, public");
    answer = pg_run(pg, JOB "(repeat('x', 256), 'x', '0')");
    pg_fail_unless(&answer, ERR_INVALID, "jobs_id_is_a_name", "a long id");
    answer =
        pg_run(pg, "INSERT INTO jobs (id, task_definition, schedule, ecs) VALUES ('x', 'x', '0', 'null')");
    pg_fail_unless(&answer, ERR_INVALID, "jobs_ecs_has_options", "null for options");
    pg_value(pg, "RESET search_path");
    pg_value(pg, "DROP SCHEMA false_friends CASCADE");
}

static const struct {
    const char *set, *constraint;
} run_values[] = {
    {"state = 'started'", NULL},
    {"state = 'lost'", "runs_state_is_known"},
    {"wanted = 50, needed = 50, running = 1000, coalesced = 86400", NULL},
    {"wanted = 51", "runs_wanted_is_0_to_50"},
    {"needed = -1", "runs_needed_is_0_to_50"},
    {"running = -1", "runs_running_is_not_negative"},
    {"coalesced = -1", "runs_coalesced_is_not_negative"},
    {"request = '[]'", "runs_request_is_an_object"},
    {"chunks = '{}'", "runs_chunks_is_an_array"},
    {"tasks = '{}'", "runs_tasks_is_an_array"},
    {"error = repeat('x', 1024)", NULL},
    {"error = repeat('x', 1025)", "runs_error_has_1_to_1024_bytes"},
    {"error = ''", "runs_error_has_1_to_1024_bytes"},
    {"epoch = 0", "runs_epoch_is_positive"},
    {"requested_by = ''", "runs_requested_by_has_1_to_255_characters"},
    {"job_id = 'a b'", "runs_job_id_is_a_name"},
};

static void a_run_keeps_its_promises_too(void **state)
{
    struct answer answer;

    pg_value(
        *state,
        "INSERT INTO runs (job_id, fire_at, state, epoch) VALUES ('a', '2026-11-24 10:30Z', 'planned', 1)");
    for (size_t i = 0; i < ARRAY_LEN(run_values); i++) {
        AUTO_FREE char *sql = mem_printf("UPDATE runs SET %s", run_values[i].set);

        answer = pg_run(*state, sql);
        pg_fail_unless(&answer, run_values[i].constraint == NULL ? ERR_NONE : ERR_INVALID,
                       run_values[i].constraint == NULL ? "" : run_values[i].constraint, sql);
    }
    answer = pg_run(*state, "INSERT INTO runs (job_id, fire_at, state, epoch)"
                            " VALUES ('a', '2026-11-24 11:30+01', 'planned', 2)"); /* the same instant */
    pg_fail_unless(&answer, ERR_CONFLICT, "runs_job_id_fire_at_key", "a second run");
    assert_int_equal(RUN_ERROR_MAX, 1024);
}

static void there_is_one_scheduler(void **state)
{
    struct answer answer = pg_run(*state, "INSERT INTO scheduler (only_row) VALUES (false)");

    pg_fail_unless(&answer, ERR_INVALID, "scheduler_only_row_check", "a false row");
    answer = pg_run(*state, "INSERT INTO scheduler DEFAULT VALUES");
    pg_fail_unless(&answer, ERR_CONFLICT, "scheduler_pkey", "a second row");
    assert_string_equal(pg_value(*state, "SELECT count(*) FROM scheduler"), "1");
}

/* --- what the triggers keep --- */

static void a_change_leaves_its_marks(void **state)
{
    struct pg *pg = *state;
    struct answer answer;
    AUTO_FREE char *first = NULL;

    pg_value(pg,
             "INSERT INTO jobs (id, task_definition, schedule, revision, changed_xid, created_at, updated_at)"
             " VALUES ('a', 'a', '0', 999999999, '3', '2000-01-01', '2000-01-01')");
    assert_string_equal(pg_value(pg,
                                 "SELECT revision < 999999999 AND created_at > now() - interval '1 minute'"
                                 " AND updated_at = created_at AND changed_xid > '3' FROM jobs"),
                        "t");
    first = mem_strdup(pg_value(pg, "SELECT revision FROM jobs"));
    assert_string_equal(pg_value(pg, "UPDATE jobs SET schedule = '1', revision = 0, created_at = '2000-01-01'"
                                     " RETURNING changed_xid = pg_current_xact_id() AND updated_at = now()"
                                     " AND created_at BETWEEN now() - interval '1 minute' AND now()"),
                        "t");
    assert_true(atoll(pg_value(pg, "SELECT revision FROM jobs")) > atoll(first));
    answer = pg_run(pg, "UPDATE jobs SET id = 'b'");
    pg_fail_unless(&answer, ERR_INVALID, "the id of a job cannot change; Insert a job with the new id",
                   "new id");
    free(first);
    first = mem_strdup(pg_value(pg, "SELECT revision FROM jobs"));
    pg_value(pg, "DELETE FROM jobs");
    pg_value(pg, JOB "('a', 'a', '0')");
    assert_true(atoll(pg_value(pg, "SELECT revision FROM jobs")) >
                atoll(first)); /* the same again looks changed */
}

/* Whoever resumes a job or changes when it fires does not owe what it would have fired before. */
static const struct {
    const char *set;
    bool since; /* is now */
} reschedules[] = {
    {"schedule = '1'", true},
    {"schedule = '1'", false}, /* the same again */
    {"timezone = 'Europe/Berlin'", true},
    {"schedule_start = '2026-11-24T10:30:00'", true},
    {"schedule_end = '2126-11-24T10:30:00'", true},
    {"suspended = false", false}, /* it was not before */
    {"suspended = true", true},
    {"suspended = NULL", true},
    {"timezone = NULL", true},
    {"task_count = 2, max_count = 3, task_definition = 'b', trigger = '{\"type\": \"noop\"}'", false},
    {"misfire_grace_seconds = 60", false},
    {"scheduled_since = '2000-01-01'", false},
};

static void a_change_of_times_counts_from_now_on(void **state)
{
    struct pg *pg = *state;

    pg_value(pg, "INSERT INTO jobs (id, task_definition, schedule, scheduled_since) VALUES"
                 " ('a', 'a', '0', '2000-01-01')");
    assert_string_equal(pg_value(pg, "SELECT scheduled_since = created_at FROM jobs"), "t");
    for (size_t i = 0; i < ARRAY_LEN(reschedules); i++) {
        AUTO_FREE char *before = mem_strdup(pg_value(pg, "SELECT scheduled_since FROM jobs"));
        AUTO_FREE char *update =
            mem_printf("UPDATE jobs SET %s RETURNING scheduled_since = now()", reschedules[i].set);

        if (strcmp(pg_value(pg, update), reschedules[i].since ? "t" : "f") != 0)
            fail_msg("%s", reschedules[i].set);
        if (!reschedules[i].since)
            assert_string_equal(pg_value(pg, "SELECT scheduled_since FROM jobs"), before);
    }
}

static void a_deleted_job_leaves_a_tombstone_and_its_runs(void **state)
{
    struct pg *pg = *state;

    pg_value(pg, JOB "('a', 'a', '0'), ('b', 'b', '0')");
    pg_value(pg, "INSERT INTO job_state (job_id) VALUES ('a'), ('b')");
    pg_value(pg, "INSERT INTO runs (job_id, fire_at, state, epoch) VALUES ('a', now(), 'started', 1)");
    assert_string_equal(pg_value(pg, "DELETE FROM jobs WHERE id = 'a' RETURNING pg_current_xact_id()"),
                        pg_value(pg, "SELECT changed_xid FROM job_tombstones WHERE job_id = 'a'"));
    assert_string_equal(pg_value(pg, "SELECT string_agg(job_id, ',') FROM job_state"), "b");
    assert_string_equal(pg_value(pg, "SELECT string_agg(job_id, ',') FROM recent_runs"), "a");
    pg_value(pg, "DO $$BEGIN DELETE FROM jobs; " JOB "('b', 'b', '0'); DELETE FROM jobs; END$$");
    assert_string_equal(pg_value(pg, "SELECT count(*) FROM job_tombstones"), "2");
}

struct ear {
    int heard, ended;
    struct buf words; /* payloads, each with a space behind it; "." is the end of a part */
};

static void on_notify(void *arg, const char *channel, const char *payload)
{
    struct ear *ear = arg;

    if (strcmp(channel, "test_end") == 0) {
        ear->ended++;
        return;
    }
    ear->heard++;
    if (ear->heard < 100)
        buf_printf(&ear->words, "<%s>", payload);
}

/* What is heard of a statement; notifications arrive in the order of commits, so that an end mark comes last.
 */
static void expect_notified(struct pg *pg, struct ear *ear, const char *sql, const char *words)
{
    int ended = ear->ended;

    buf_clear(&ear->words);
    ear->heard = 0;
    pg_value(pg, sql);
    pg_value(pg, "NOTIFY test_end");
    pg_wait(pg, &ear->ended, ended + 1);
    if (strcmp(ear->words.data, words) != 0)
        fail_msg("%s: heard \"%s\", not \"%s\"", sql, ear->words.data, words);
}

static void the_scheduler_is_told_of_each_change(void **state)
{
    struct pg *pg = *state;
    struct ear ear = {0};

    buf_init(&ear.words, 10000);
    db_listen(pg->db, "ecss_jobs", on_notify, &ear);
    db_listen(pg->db, "test_end", on_notify, &ear);
    expect_notified(pg, &ear, JOB "('a', 'a', '0')", "<a>");
    expect_notified(pg, &ear, "UPDATE jobs SET suspended = true WHERE id = 'a'", "<a>");
    expect_notified(pg, &ear, "UPDATE jobs SET suspended = true WHERE id = 'nobody'", "");
    expect_notified(pg, &ear, "INSERT INTO job_state (job_id) VALUES ('a')", "");
    expect_notified(pg, &ear, JOB "('b', 'b', '0'), ('c', 'c', '0')", "<b><c>");
    expect_notified(pg, &ear, JOB "('b', 'b', '0') ON CONFLICT (id) DO UPDATE SET schedule = '1'", "<b>");
    expect_notified(pg, &ear, "DELETE FROM jobs WHERE id = 'b'", "<b>");
    expect_notified(pg, &ear, JOB "('a', 'a', '0') ON CONFLICT DO NOTHING", "");
    expect_notified(pg, &ear,
                    "INSERT INTO jobs (id, task_definition, schedule) SELECT 'n' || i, 'n', '0'"
                    " FROM generate_series(1, 1001) AS i",
                    "<>");
    expect_notified(pg, &ear, "UPDATE jobs SET schedule = '1'", "<>");
    expect_notified(pg, &ear, "DELETE FROM jobs", "<>");
    expect_notified(pg, &ear, "TRUNCATE jobs CASCADE", "<>");
    expect_notified(pg, &ear,
                    "INSERT INTO jobs (id, task_definition, schedule) SELECT 'n' || i, 'n', '0'"
                    " FROM generate_series(1, 50) AS i WHERE i IN (1, 50)",
                    "<n1><n50>");
    assert_string_equal(pg_value(pg, "SELECT count(*) FROM pg_listening_channels()"), "2");
    db_free(pg->db);
    pg->db = NULL;
    buf_done(&ear.words);
}

static void updates_of_the_state_stay_on_their_page(void **state)
{
    struct pg *pg = *state;

    pg_value(pg, "INSERT INTO jobs (id, task_definition, schedule) SELECT 'n' || i, 'n', '0'"
                 " FROM generate_series(1, 500) AS i");
    pg_value(pg, "INSERT INTO job_state (job_id, next_run) SELECT id, now() FROM jobs");
    pg_value(pg, "SELECT pg_stat_reset_single_table_counters('job_state'::regclass)");
    pg_value(pg, "UPDATE job_state SET next_run = now() + interval '1 s', cursor = now(), updated_at = now()"
                 " WHERE hashtext(job_id) % 2 = 0");
    pg_value(pg, "SELECT pg_stat_force_next_flush()");
    assert_string_equal(
        pg_value(pg, "SELECT n_tup_hot_upd = n_tup_upd AND n_tup_upd > 200 FROM pg_stat_user_tables"
                     " WHERE relname = 'job_state'"),
        "t");
}

/* --- what people see --- */

static void views_say_how_it_is(void **state)
{
    static const struct {
        const char *job, *state, *expected;
    } cases[] = {
        {"NULL, NULL", "now() + interval '1 h', NULL, j.revision", "armed"},
        {"NULL, false", "now() - interval '1 m', NULL, j.revision", "overdue"},
        {"NULL, true", "NULL, NULL, j.revision", "suspended"},
        {"NULL, NULL", "NULL, NULL, j.revision", "ended"},
        {"NULL, NULL", "NULL, 'no zone', j.revision", "problem"},
        {"NULL, NULL", "now(), NULL, j.revision - 1", "not seen by the scheduler yet"},
    };
    struct pg *pg = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *job =
            mem_printf("INSERT INTO jobs (id, task_definition, schedule, timezone, suspended)"
                       " VALUES ('v', 'v', '0', %s)",
                       cases[i].job);
        AUTO_FREE char *row = mem_printf("INSERT INTO job_state (job_id, next_run, problem, armed_revision)"
                                         " SELECT id, %s FROM jobs AS j",
                                         cases[i].state);

        pg_value(pg, "DELETE FROM jobs");
        pg_value(pg, job);
        pg_value(pg, row);
        assert_string_equal(pg_value(pg, "SELECT status FROM job_status"), cases[i].expected);
    }
}

static void views_show_utc_and_the_zone_of_the_job(void **state)
{
    struct pg *pg = *state;

    pg_value(
        pg,
        "INSERT INTO jobs (id, task_definition, schedule, timezone) VALUES"
        " ('berlin', 'v', '0', 'Europe/Berlin'), ('utc', 'v', '0', ''), ('mars', 'v', '0', 'Mars/Olympus')");
    pg_value(pg, "INSERT INTO job_state (job_id, next_run, armed_revision)"
                 " SELECT id, '2126-01-24 10:30Z', revision FROM jobs");
    assert_string_equal(
        pg_value(pg, "SELECT string_agg(job_id || ' ' || fire_utc || ' ' || coalesce(fire_local, '-'), ';'"
                     " ORDER BY job_id) FROM upcoming_runs"),
        "berlin 2126-01-24 10:30:00 2126-01-24 11:30:00 Europe/Berlin;"
        "mars 2126-01-24 10:30:00 -;"
        "utc 2126-01-24 10:30:00 2126-01-24 10:30:00 UTC");
    pg_value(pg, "INSERT INTO runs (job_id, fire_at, state, epoch, needed, launched_at, finished_at, tasks, "
                 "error) VALUES"
                 " ('berlin', '2026-01-24 10:30Z', 'started', 1, 2, '2026-01-24 10:30:00.025Z', NULL,"
                 "  '[{\"taskId\": \"t1\", \"hostId\": \"h1\"}, {\"taskId\": \"t2\"}]', NULL),"
                 " ('gone', '2026-01-24 10:31Z', 'launch_failed', 1, 1, '2026-01-24 10:31:01Z', '2026-01-24 "
                 "10:31:03Z',"
                 "  '[]', 'no room')");
    assert_string_equal(
        pg_value(pg, "SELECT string_agg(concat_ws(' ', job_id, fire_local, state, started, late_s, took_s,"
                     " error), ';' ORDER BY fire_utc) FROM recent_runs"),
        "berlin 2026-01-24 11:30:00 Europe/Berlin started 2 0.025;"
        "gone 2026-01-24 10:31:00 UTC launch_failed 0 1.000 2.000 no room");
    assert_string_equal(
        pg_value(pg, "SELECT string_agg(concat_ws(' ', job_id, error), ';') FROM failed_runs"),
        "gone no room");
    assert_string_equal(pg_value(pg,
                                 "SELECT string_agg(concat_ws(' ', job_id, task, host), ';' ORDER BY task)"
                                 " FROM running_tasks"),
                        "berlin t1 h1;berlin t2");
    assert_string_equal(pg_value(pg, "SELECT concat_ws(' ', last_fire_state, last_fire_utc) FROM job_status"
                                     " WHERE id = 'berlin'"),
                        "started 2026-01-24 10:30:00");
}

static void everything_has_a_comment(void **state)
{
    struct pg *pg = *state;

    assert_string_equal(
        pg_value(pg, "SELECT coalesce(string_agg(relname, ', '), 'none') FROM pg_class"
                     " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm', 'p')"
                     " AND obj_description(oid, 'pg_class') IS NULL"),
        "none");
    assert_string_equal(
        pg_value(pg, "SELECT coalesce(string_agg(relname || '.' || attname, ', '), 'none') FROM pg_class"
                     " JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped"
                     " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm', 'p')"
                     " AND col_description(pg_class.oid, attnum) IS NULL"),
        "none");
    assert_string_equal(pg_value(pg, "SELECT coalesce(string_agg(proname, ', '), 'none') FROM pg_proc"
                                     " WHERE pronamespace = 'public'::regnamespace"
                                     " AND obj_description(oid, 'pg_proc') IS NULL"),
                        "none");
}

/* A backup made by pg_dump must go into an empty database again: CHECKs and triggers depend on no
 * search_path. */
static void a_dump_can_be_restored(void **state)
{
    AUTO_FREE char *restore = NULL;
    struct pg *pg = *state;

    pg_value(pg, "INSERT INTO jobs (id, task_definition, schedule, trigger, overrides) VALUES"
                 " ('a', 'a', '0', '{\"type\": \"noop\"}', '[{\"containerName\": \"c\"}]')");
    pg_value(pg, "CREATE DATABASE restored");
    restore = mem_printf(
        "pg_dump '%s' | psql -qX -v ON_ERROR_STOP=1 -o /dev/null 'host=%s user=postgres dbname=restored'",
        pg_url(), getenv("PGHOST"));
    assert_int_equal(system(restore), 0);
    pg_value(pg, "DROP DATABASE restored");
}

#define FRESH(fn) cmocka_unit_test_setup_teardown(fn, fresh, ends)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(each_role_may_do_what_it_has_to_and_no_more),
        FRESH(a_job_keeps_what_the_api_promises),
        FRESH(limits_are_those_of_the_api),
        FRESH(checks_mean_the_same_with_any_search_path),
        FRESH(a_run_keeps_its_promises_too),
        FRESH(there_is_one_scheduler),
        FRESH(a_change_leaves_its_marks),
        FRESH(a_change_of_times_counts_from_now_on),
        FRESH(a_deleted_job_leaves_a_tombstone_and_its_runs),
        FRESH(the_scheduler_is_told_of_each_change),
        FRESH(updates_of_the_state_stay_on_their_page),
        FRESH(views_say_how_it_is),
        FRESH(views_show_utc_and_the_zone_of_the_job),
        FRESH(everything_has_a_comment),
        FRESH(a_dump_can_be_restored),
    };

    pg_filter();
    return cmocka_run_group_tests_name("schema", tests, migrated, NULL);
}
