/* webapid/job_store: every statement, as the role that runs it, and what is to be expected of it as an
 * answer. */
#include "pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job_import_store.h"
#include "job_store.h"
#include "mem.h"

/* What came of a call. */
struct came {
    int times;
    bool failed;
    char error[ERR_TEXT_SIZE];
    int rows;
    struct job_write write;
    struct job_row row; /* of the last one; its texts in the buffers below */
    char ids[256];      /* of all rows, each with a space behind it */
    char text[JOB_FIELDS][256];
};

static void remember(struct came *came, const struct err *err)
{
    came->times++;
    came->failed = err != NULL;
    snprintf(came->error, sizeof came->error, "%s", err != NULL ? err->text : "");
}

static void on_written(void *arg, const struct db_result *result, const struct err *err)
{
    struct came *came = arg;

    remember(came, err);
    if (err == NULL)
        came->write = job_store_written(result);
}

static void on_rows(void *arg, const struct db_result *result, const struct err *err)
{
    struct came *came = arg;

    remember(came, err);
    came->rows = err != NULL ? -1 : db_rows(result);
    came->ids[0] = '\0';
    for (int i = 0; i < came->rows; i++) {
        size_t len = strlen(came->ids);

        came->row = job_store_row(result, i);
        snprintf(came->ids + len, sizeof came->ids - len, "%s ", came->row.text[JOB_ID]);
    }
    for (size_t f = 0; came->rows > 0 && f < JOB_FIELDS; f++)
        snprintf(came->text[f], sizeof came->text[f], "%s",
                 came->row.text[f] == NULL ? "NULL" : came->row.text[f]);
}

static void wait_for(struct pg *pg, struct came *came)
{
    pg_wait(pg, &came->times, 1);
    if (came->failed)
        fail_msg("%s", came->error);
}

static struct job_draft draft_of(const char *id, const char *schedule)
{
    struct job_draft draft = {0};

    job_draft_give(&draft, JOB_ID, mem_strdup(id));
    job_draft_give(&draft, JOB_TASK_DEFINITION, mem_strdup("task"));
    job_draft_give(&draft, JOB_SCHEDULE, mem_strdup(schedule));
    job_draft_give(&draft, JOB_TASK_COUNT, mem_strdup("1"));
    return draft;
}

static struct job_write insert(struct pg *pg, const char *id)
{
    AUTO_JOB_DRAFT struct job_draft draft = draft_of(id, "0");
    struct came came = {0};

    job_store_insert(pg->db, &draft, on_written, &came);
    wait_for(pg, &came);
    return came.write;
}

static struct job_write update(struct pg *pg, const char *id, enum job_field field, const char *text,
                               const char *revisions)
{
    AUTO_JOB_DRAFT struct job_draft draft = {0};
    struct came came = {0};

    job_draft_give(&draft, field, mem_strdup_or_null(text));
    job_store_update(pg->db, id, &draft, revisions, on_written, &came);
    wait_for(pg, &came);
    return came.write;
}

static struct came get(struct pg *pg, const char *id)
{
    struct came came = {0};

    job_store_get(pg->db, id, on_rows, &came);
    wait_for(pg, &came);
    return came;
}

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

    return pg_open(&(struct db_options){.url = url});
}

/* The store works as webapid does. */
static int fresh(void **state)
{
    struct pg *owner = pg_open(NULL);

    pg_value(owner, "TRUNCATE jobs, job_state, job_tombstones, runs");
    pg_close(owner);
    *state = open_as("ecs_scheduler_webapid");
    return 0;
}

static int ends(void **state)
{
    pg_close(*state);
    return 0;
}

static void every_statement_prepares(void **state)
{
    size_t count;
    const struct db_stmt *const *all = job_store_statements(&count);
    AUTO_FREE char *import = mem_printf("PREPARE y AS %s", job_import_statement.sql);

    for (size_t i = 0; i < count; i++) {
        AUTO_FREE char *sql = mem_printf("PREPARE x AS %s", all[i]->sql);
        const char *count_parameters =
            "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'x'";

        pg_value(*state, sql);
        assert_int_equal(atoi(pg_value(*state, count_parameters)), all[i]->params);
        pg_value(*state, "DEALLOCATE x");
    }
    pg_value(*state, import);
}

static void scheduld_may_not_write_jobs(void **state)
{
    struct pg *pg = open_as("ecs_scheduler_scheduld");
    AUTO_JOB_DRAFT struct job_draft draft = draft_of("a", "0");
    struct came came[3] = {0};

    (void)state;
    job_store_insert(pg->db, &draft, on_written, &came[0]);
    job_store_update(pg->db, "a", &draft, NULL, on_written, &came[1]);
    job_store_delete(pg->db, "a", NULL, on_written, &came[2]);
    for (size_t i = 0; i < ARRAY_LEN(came); i++) {
        pg_wait(pg, &came[i].times, 1);
        assert_true(came[i].failed);
        assert_non_null(strstr(came[i].error, "permission denied"));
    }
    pg_close(pg);
}

static void an_id_that_is_taken_is_an_answer(void **state)
{
    struct pg *pg = *state;
    AUTO_JOB_DRAFT struct job_draft draft = draft_of("a", "0"), other = draft_of("b", "0");
    struct came came[4] = {0};
    const char *transactions = "SELECT count(DISTINCT changed_xid) FROM jobs";

    /* All in one group: nobody's neighbour is disturbed. */
    for (size_t i = 0; i < 3; i++)
        job_store_insert(pg->db, &draft, on_written, &came[i]);
    job_store_insert(pg->db, &other, on_written, &came[3]);
    for (size_t i = 0; i < ARRAY_LEN(came); i++)
        wait_for(pg, &came[i]);
    assert_int_equal(came[0].write.outcome, JOB_WRITTEN);
    assert_int_equal(came[1].write.outcome, JOB_EXISTS);
    assert_int_equal(came[2].write.outcome, JOB_EXISTS);
    assert_int_equal(came[3].write.outcome, JOB_WRITTEN);
    assert_true(came[3].write.revision > came[0].write.revision);
    assert_string_equal(pg_value(pg, transactions), "1");
}

static void a_job_comes_back_as_it_went_in(void **state)
{
    static const char *const texts[JOB_FIELDS] = {
        "all",
        "task",
        "0 \t\"'\\ ä",
        "2099-01-01T00:00:00",
        "2100-01-01T00:00Z",
        "Europe/Berlin",
        "7",
        "9",
        "f",
        "{\"type\": \"noop\"}",
        "[]",
        "60",
        "{\"group\": \"g\"}",
    };
    AUTO_JOB_DRAFT struct job_draft draft = {0};
    struct came came = {0}, got;

    for (size_t f = 0; f < JOB_FIELDS; f++)
        job_draft_give(&draft, (enum job_field)f, mem_strdup(texts[f]));
    job_store_insert(((struct pg *)*state)->db, &draft, on_written, &came);
    wait_for(*state, &came);
    got = get(*state, "all");
    assert_int_equal(got.rows, 1);
    for (size_t f = 0; f < JOB_FIELDS; f++)
        assert_string_equal(got.text[f], texts[f]);
    assert_int_equal(got.row.revision, came.write.revision);
    assert_false(got.row.has_next_run);
    assert_false(got.row.has_last_run);
}

struct change_case {
    enum job_field field;
    const char *text;
};

static void an_update_writes_the_given_field_and_no_other(void **state)
{
    static const struct change_case cases[] = {
        {JOB_TASK_DEFINITION, "other"},
        {JOB_SCHEDULE, "5"},
        {JOB_SCHEDULE_START, "2099-01-01T00:00:00Z"},
        {JOB_SCHEDULE_END, "2100-01-01T00:00:00Z"},
        {JOB_TIMEZONE, "Asia/Tokyo"},
        {JOB_TASK_COUNT, "3"},
        {JOB_MAX_COUNT, "8"},
        {JOB_SUSPENDED, "t"},
        {JOB_TRIGGER, "{\"type\": \"noop\"}"},
        {JOB_OVERRIDES, "[]"},
        {JOB_MISFIRE_GRACE, "0"},
        {JOB_ECS, "{\"revision\": 3}"},
        {JOB_SCHEDULE_START, NULL},
        {JOB_SCHEDULE_END, NULL},
        {JOB_TIMEZONE, NULL},
        {JOB_MAX_COUNT, NULL},
        {JOB_SUSPENDED, NULL},
        {JOB_TRIGGER, NULL},
        {JOB_OVERRIDES, NULL},
        {JOB_MISFIRE_GRACE, NULL},
        {JOB_ECS, NULL},
    };

    insert(*state, "a");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct came before = get(*state, "a"), after;
        struct job_write write = update(*state, "a", cases[i].field, cases[i].text, NULL);

        assert_int_equal(write.outcome, JOB_WRITTEN);
        after = get(*state, "a");
        assert_int_equal(after.row.revision, write.revision);
        assert_true(write.revision > before.row.revision);
        for (size_t f = 0; f < JOB_FIELDS; f++)
            assert_string_equal(after.text[f], f != cases[i].field     ? before.text[f]
                                               : cases[i].text == NULL ? "NULL"
                                                                       : cases[i].text);
    }
    assert_int_equal(update(*state, "a", JOB_MAX_COUNT, "9", NULL).max_count, 9);
    assert_int_equal(update(*state, "a", JOB_MAX_COUNT, NULL, NULL).max_count, 0);
    assert_int_equal(update(*state, "a", JOB_SUSPENDED, "f", NULL).task_count, 3);
}

static void a_write_can_ask_for_revisions(void **state)
{
    struct job_write first = insert(*state, "a"), second;
    AUTO_FREE char *old = mem_printf("{%jd}", (intmax_t)first.revision);
    AUTO_FREE char *both = NULL;
    struct came came[3] = {0};
    struct pg *pg = *state;

    second = update(pg, "a", JOB_SCHEDULE, "1", old);
    assert_int_equal(second.outcome, JOB_WRITTEN);
    assert_int_equal(update(pg, "a", JOB_SCHEDULE, "2", old).outcome, JOB_MOVED);
    assert_int_equal(update(pg, "a", JOB_SCHEDULE, "2", "{}").outcome, JOB_MOVED);
    assert_int_equal(update(pg, "none", JOB_SCHEDULE, "2", old).outcome, JOB_MISSING);
    assert_int_equal(update(pg, "none", JOB_SCHEDULE, "2", NULL).outcome, JOB_MISSING);
    assert_string_equal(get(pg, "a").text[JOB_SCHEDULE], "1");
    job_store_delete(pg->db, "a", old, on_written, &came[0]);
    wait_for(pg, &came[0]);
    assert_int_equal(came[0].write.outcome, JOB_MOVED);
    both = mem_printf("{%jd,%jd}", (intmax_t)first.revision, (intmax_t)second.revision);
    job_store_delete(pg->db, "a", both, on_written, &came[1]);
    wait_for(pg, &came[1]);
    assert_int_equal(came[1].write.outcome, JOB_WRITTEN);
    assert_int_equal(came[1].write.revision, second.revision);
    job_store_delete(pg->db, "a", NULL, on_written, &came[2]);
    wait_for(pg, &came[2]);
    assert_int_equal(came[2].write.outcome, JOB_MISSING);
}

static void what_the_scheduler_says_is_of_this_revision(void **state)
{
    struct pg *owner = pg_open(NULL);
    struct came got;

    insert(*state, "a");
    pg_value(owner,
             "INSERT INTO job_state (job_id, next_run, last_run, last_run_tasks, problem, armed_revision)"
             " SELECT id, 'epoch', '2001-09-09T01:46:40Z', '[{\"taskId\": \"t\"}]', 'p', revision FROM jobs");
    got = get(*state, "a");
    assert_true(got.row.has_next_run && got.row.has_last_run);
    assert_int_equal(got.row.next_run_s, 0);
    assert_int_equal(got.row.last_run_s, 1000000000);
    assert_non_null(got.row.problem);
    assert_non_null(got.row.last_run_tasks);
    update(*state, "a", JOB_TASK_COUNT, "2", NULL);
    got = get(*state, "a");
    assert_true(!got.row.has_next_run && got.row.has_last_run);
    assert_null(got.row.problem);
    update(*state, "a", JOB_SUSPENDED, "t", NULL);
    pg_value(owner, "UPDATE job_state SET armed_revision = (SELECT revision FROM jobs)");
    got = get(*state, "a");
    assert_false(got.row.has_next_run);
    pg_close(owner);
}

static struct came list_of(struct pg *pg, const struct job_list *asked)
{
    struct came came = {0};

    job_store_list(pg->db, asked, on_rows, &came);
    wait_for(pg, &came);
    return came;
}

static struct came list(struct pg *pg, int64_t skip, int64_t count)
{
    return list_of(pg, &(struct job_list){.page = {skip, count}});
}

static void pages_are_in_the_order_of_creation(void **state)
{
    struct came first;

    insert(*state, "c");
    insert(*state, "a");
    insert(*state, "b");
    update(*state, "c", JOB_TASK_COUNT, "2", NULL);
    assert_string_equal(list(*state, 0, 10).ids, "c a b ");
    assert_string_equal(list(*state, 0, 1).ids, "c a "); /* one more than asked for */
    assert_string_equal(list(*state, 1, 2).ids, "a b ");
    assert_string_equal(list(*state, 3, 10).ids, "");
    assert_string_equal(list(*state, 0, 0).ids, "");
    assert_string_equal(list(*state, PAGE_SKIP_MAX, PAGE_COUNT_MAX).ids, "");
    first = get(*state, "a");
    assert_string_equal(list_of(*state, &(struct job_list){.page = {0, 9}, .after = first.row.ordinal}).ids,
                        "b ");
}

static void on_count(void *arg, const struct db_result *result, const struct err *err)
{
    struct came *came = arg;

    remember(came, err);
    came->rows = err != NULL ? -1 : (int)job_store_number(result);
}

struct filter_case {
    const char *ids;
    struct job_list list;
};

static void filters_choose_jobs(void **state)
{
    static const struct filter_case cases[] = {
        {"b-2 A b-1 B ", {.task_definition = NULL}},
        {"b-2 A b-1 B ", {.task_definition = "task"}},
        {"", {.task_definition = "tas"}},
        {"A ", {.suspended = "t"}},
        {"b-2 b-1 B ", {.suspended = "f"}}, /* also if it was never said */
        {"b-1 b-2 ", {.prefix = "b", .after_id = ""}},
        {"b-2 ", {.prefix = "b", .after_id = "b-1"}},
        {"B ", {.prefix = "B", .after_id = ""}},
        {"b-2 ", {.prefix = "b-2", .after_id = ""}},
        {"", {.prefix = "b-2-", .after_id = ""}},
        {"b-1 ", {.prefix = "b-1", .after_id = "", .suspended = "f", .task_definition = "task"}},
        {"", {.prefix = "b", .after_id = "", .suspended = "t"}},
    };

    insert(*state, "b-2");
    insert(*state, "A");
    insert(*state, "b-1");
    insert(*state, "B");
    update(*state, "A", JOB_SUSPENDED, "t", NULL);
    update(*state, "b-1", JOB_SUSPENDED, "f", NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct job_list asked = cases[i].list;
        struct came came = {0};

        asked.page.count = 10;
        assert_string_equal(list_of(*state, &asked).ids, cases[i].ids);
        job_store_count(((struct pg *)*state)->db, &asked, on_count, &came);
        wait_for(*state, &came);
        asked.after_id = ""; /* all of them, not those behind a place */
        assert_int_equal(came.rows, list_of(*state, &asked).rows);
    }
}

static void ids_are_data(void **state)
{
    static const char *const ids[] = {"", "'; DROP TABLE jobs; --", "a\\b", "%", "ä"};

    insert(*state, "a");
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        assert_int_equal(get(*state, ids[i]).rows, 0);
        assert_int_equal(update(*state, ids[i], JOB_TASK_COUNT, "2", NULL).outcome, JOB_MISSING);
    }
    assert_int_equal(get(*state, "a").rows, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, ends)
    const struct CMUnitTest tests[] = {
        TEST(every_statement_prepares),
        TEST(scheduld_may_not_write_jobs),
        TEST(an_id_that_is_taken_is_an_answer),
        TEST(a_job_comes_back_as_it_went_in),
        TEST(an_update_writes_the_given_field_and_no_other),
        TEST(a_write_can_ask_for_revisions),
        TEST(what_the_scheduler_says_is_of_this_revision),
        TEST(pages_are_in_the_order_of_creation),
        TEST(filters_choose_jobs),
        TEST(ids_are_data),
    };

    pg_filter();
    return cmocka_run_group_tests_name("job_store", tests, migrated, NULL);
}
