/* migrate beside others that have the tables in use: it lets them, and who comes after it, go first. */
#include "migrate.h"

#include "pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem.h"

/* These take the place of the library's. The second one locks the tables in the opposite order to who plans.
 */
const struct migration migrations[] = {
    {1, 1, "init",
     "CREATE TABLE schema_migrations (version int PRIMARY KEY, name text, works_with int);"
     "CREATE TABLE jobs (id int); CREATE TABLE runs (id int);"
     "INSERT INTO jobs VALUES (1); INSERT INTO runs VALUES (1)"},
    {2, 1, "next", "ALTER TABLE jobs ADD COLUMN next text; ALTER TABLE runs ADD COLUMN next text"},
};
const size_t migration_count = ARRAY_LEN(migrations);

/* A schema at version 1, somebody who has done something in a transaction that is not over, and --migrate in
 * a process of its own. */
struct scene {
    struct pg *holder, *other;
    FILE *out;
    pid_t pid;
};

static void begin(struct scene *scene, const char *held, int patience_ms)
{
    struct db_options options = {.application_name = "nightly dump"};
    struct err err = {0};

    scene->other = pg_open(NULL);
    pg_value(scene->other, "DROP TABLE IF EXISTS schema_migrations, jobs, runs");
    pg_migrate();
    pg_value(scene->other, "ALTER TABLE jobs DROP COLUMN next");
    pg_value(scene->other, "ALTER TABLE runs DROP COLUMN next");
    pg_value(scene->other, "DELETE FROM schema_migrations WHERE version = 2");
    scene->holder = pg_open(&options);
    pg_value(scene->holder, "BEGIN");
    /* The tests' cluster finds deadlocks sooner than --migrate gives way; others find them after a second. */
    pg_value(scene->holder, "SET LOCAL deadlock_timeout = '60s'");
    pg_value(scene->holder, held);
    scene->out = tmpfile();
    assert_non_null(scene->out);
    fflush(NULL);
    scene->pid = fork();
    if (scene->pid == 0) {
        bool good = migrate_apply(pg_url(), patience_ms, scene->out, &err);

        if (!good)
            fprintf(scene->out, "error: %s: %s\n", err_kind_name(err.kind), err.text);
        fflush(scene->out);
        _exit(good ? 0 : 1);
    }
}

static void wait_until_it_waits_for(struct scene *scene, const char *table)
{
    AUTO_FREE char *sql =
        mem_printf("SELECT count(*) FROM pg_locks WHERE relation = '%s'::regclass AND NOT granted", table);

    for (int i = 0; i < PG_DEADLINE_MS / 10; i++) {
        if (strcmp(pg_value(scene->other, sql), "1") == 0)
            return;
        pg_turn(scene->other, 10);
    }
    fail_msg("nobody waits for %s", table);
}

/* What --migrate has said; its status must be this one. */
static char *end(struct scene *scene, int expected)
{
    char text[4096];
    int status;

    assert_int_equal(waitpid(scene->pid, &status, 0), scene->pid);
    rewind(scene->out);
    text[fread(text, 1, sizeof text - 1, scene->out)] = '\0';
    fclose(scene->out);
    pg_close(scene->holder);
    pg_close(scene->other);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != expected)
        fail_msg("ended with %x: %s", (unsigned)status, text);
    return mem_strdup(text);
}

static void expect_words(const char *text, const char *words)
{
    if (strstr(text, words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, text);
}

static void who_reads_does_not_wait_for_who_reads_for_long(void **state)
{
    struct scene scene;
    AUTO_FREE char *text = NULL;

    (void)state;
    begin(&scene, "SELECT count(*) FROM jobs", MIGRATE_PATIENCE_MS);
    for (int i = 0; i < 2; i++) {
        wait_until_it_waits_for(&scene, "jobs");
        assert_string_equal(pg_value(scene.other, "SELECT count(*) FROM jobs"), "1");
        assert_int_equal(waitpid(scene.pid, NULL, WNOHANG), 0);
    }
    pg_value(scene.holder, "COMMIT");
    text = end(&scene, 0);
    expect_words(text, "0002_next waits for a lock, and lets others go first; the tables are in use by ");
    expect_words(text, "applied 0002_next\nthe schema is now at version 2\n");
}

static void who_locks_in_another_order_is_not_in_a_deadlock(void **state)
{
    struct scene scene;
    AUTO_FREE char *text = NULL;

    (void)state;
    begin(&scene, "UPDATE runs SET id = 2", MIGRATE_PATIENCE_MS);
    wait_until_it_waits_for(&scene, "runs");
    pg_value(scene.holder, "UPDATE jobs SET id = 2");
    pg_value(scene.holder, "COMMIT");
    text = end(&scene, 0);
    expect_words(text, "applied 0002_next\n");
}

static void it_gives_up_on_who_never_ends_and_names_him(void **state)
{
    struct scene scene;
    AUTO_FREE char *text = NULL;

    (void)state;
    begin(&scene, "SELECT count(*) FROM runs", 1000);
    text = end(&scene, 1);
    expect_words(text, "error: unavailable: migration 0002_next: gave up after 1 s of waiting for locks, and "
                       "changed nothing; the tables are in use by pid ");
    expect_words(text, " (nightly dump, postgres, for 00:00:0");
    expect_words(text, "run: webapid --migrate");
    assert_null(strstr(text, "applied"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_reads_does_not_wait_for_who_reads_for_long),
        cmocka_unit_test(who_locks_in_another_order_is_not_in_a_deadlock),
        cmocka_unit_test(it_gives_up_on_who_never_ends_and_names_him),
    };

    return cmocka_run_group_tests_name("migrate beside others", tests, NULL, NULL);
}
