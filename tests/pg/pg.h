/* What every program under tests/pg needs: an event base, connections to the test's PostgreSQL, and waiting
 * for what is to happen, with a deadline instead of a sleep. */
#pragma once

#include "../unit/test.h"
#include "db.h"

#include <stdbool.h>
#include <stdint.h>

enum { PG_DEADLINE_MS = 60000 }; /* generous: sanitizers, and a busy machine */

struct pg {
    struct event_base *base;
    struct db *db;
    int ups, downs;
    char down_text[ERR_TEXT_SIZE];
    void (*on_up)(void *arg); /* called after ups was counted */
    void *arg;
};

/* What came of a query. */
struct answer {
    int times; /* that it was answered: to be 1 */
    enum err_kind kind;
    char text[ERR_TEXT_SIZE];
    bool locked; /* by another session */
    int rows;
    int64_t affected;
    char value[256]; /* of the first column of the first row; "NULL" */
};

const char *pg_url(void);
/* As user of the test's database, or with any other change of libpq's parameters: "user=x&options=...". */
char *pg_url_with(const char *parameters);
/* Has the harness do something to the server: restart, kill, freeze... */
void pg_control(const char *word);

/* Makes the tables in the test's database, or fails. */
void pg_migrate(void);

/* A base and a connection with these options (NULL: the defaults); waits until it is up. */
struct pg *pg_open(const struct db_options *options);
/* The same without waiting. */
struct pg *pg_begin(const struct db_options *options);
void pg_close(struct pg *pg);

/* Turns the loop until *counter >= least, or fails. */
void pg_wait_(struct pg *pg, const int *counter, int least, const char *file, int line);
#define pg_wait(pg, counter, least) pg_wait_((pg), (counter), (least), __FILE__, __LINE__)
void pg_turn(struct pg *pg, int ms); /* turns the loop for so long */

/* Asks; the statement lives until the program ends. params: as many as $n in sql, ended by NULL_PARAMS for
 * none. */
void pg_ask(struct pg *pg, struct answer *answer, const char *sql, const char *const *params, int count);
/* Asks and waits for the answer. */
struct answer pg_run(struct pg *pg, const char *sql);
/* The same; fails unless it works. Returns the first value, good until the next call. */
const char *pg_value(struct pg *pg, const char *sql);
/* The condition, of a text t and a verdict, holds for each of them. */
void pg_holds_for_all(struct pg *pg, const char *condition, struct db_array *texts,
                      struct db_array *verdicts);
void pg_on_answer(void *arg, const struct db_result *result, const struct err *err);
void pg_fail_unless(const struct answer *answer, enum err_kind kind, const char *words, const char *sql);

/* For a main(): runs only the tests that $TEST_FILTER names, as in TEST_FILTER='a_stream*'. */
void pg_filter(void);
