/* Reading results, and what PostgreSQL's errors mean for us. See db.h. */
#include "db_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char unsure_state[] = "08007"; /* transaction_resolution_unknown */

/* By the longest prefix that fits; what fits none is ours to mend. */
static const struct {
    const char *prefix;
    enum err_kind kind;
} kinds[] = {
    {"08", ERR_UNAVAILABLE},    /* connection exceptions */
    {"22", ERR_INVALID},        /* data exceptions */
    {"23505", ERR_CONFLICT},    /* unique_violation */
    {"23P01", ERR_CONFLICT},    /* exclusion_violation */
    {"23", ERR_INVALID},        /* other constraints */
    {"25006", ERR_UNAVAILABLE}, /* read_only_sql_transaction: not the primary any more */
    {"25P", ERR_UNAVAILABLE},   /* a transaction that was idle or open for too long */
    {"28", ERR_UNAVAILABLE},    /* may not log in (now) */
    {"40", ERR_UNAVAILABLE},    /* deadlock, serialization */
    {"42501", ERR_DENIED},      /* insufficient_privilege */
    {"53", ERR_UNAVAILABLE},    /* out of memory, disk, connections */
    {"55P03", ERR_UNAVAILABLE}, /* lock_not_available: lock_timeout */
    {"57", ERR_UNAVAILABLE},    /* cancelled, shut down, starting up */
    {"58", ERR_UNAVAILABLE},    /* the system below the server */
    {"F0", ERR_UNAVAILABLE},    {"XX", ERR_INTERNAL},
};

static enum err_kind kind_of(const char *state)
{
    enum err_kind kind = ERR_INTERNAL;
    size_t best = 0;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        size_t len = strlen(kinds[i].prefix);

        if (len > best && strncmp(state, kinds[i].prefix, len) == 0) {
            best = len;
            kind = kinds[i].kind;
        }
    }
    return kind;
}

bool sqlstate_is(const PGresult *result, const char *state)
{
    const char *has = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    return has != NULL && strcmp(has, state) == 0;
}

/* Lines and tabs become "; ", so that a text fits into a log line and an answer. */
void one_line(char *text)
{
    char *out = text;

    for (const char *in = text; *in != '\0'; in++) {
        if (*in != '\n' && *in != '\t' && *in != '\r')
            *out++ = *in;
        else if (out > text && out[-1] != ' ')
            *out++ = ' ';
    }
    while (out > text && out[-1] == ' ')
        out--;
    *out = '\0';
}

/* The detail is left out: it has the row, and with it what the client meant to be secret. */
bool err_from_result(struct err *err, const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);

    if (state == NULL) { /* libpq's own: the connection broke */
        err_set(err, ERR_UNAVAILABLE, "the database connection was lost: %s", PQresultErrorMessage(result));
    } else {
        err_set(err, kind_of(state), "the database says: %s%s%s (SQLSTATE %s)",
                message == NULL ? "?" : message, hint == NULL ? "" : "; ", hint == NULL ? "" : hint, state);
    }
    if (err == NULL)
        return false;
    one_line(err->text);
    snprintf(err->sqlstate, sizeof err->sqlstate, "%s", state == NULL ? unsure_state : state);
    return false;
}

void set_unsure(struct err *err, const char *why)
{
    err_set(err, ERR_UNAVAILABLE, "%s; whether the statement was done is not known", why);
    snprintf(err->sqlstate, sizeof err->sqlstate, "%s", unsure_state);
}

bool db_err_is_unsure(const struct err *err)
{
    return strcmp(err->sqlstate, unsure_state) == 0;
}

bool db_err_is_lock(const struct err *err)
{
    return strcmp(err->sqlstate, "55P03") == 0;
}

bool db_err_is_clash(const struct err *err)
{
    return strcmp(err->sqlstate, "40P01") == 0 || strcmp(err->sqlstate, "40001") == 0;
}

/* libpq's messages name hosts, users and files, and no passwords. */
bool err_from_conn(struct err *err, const PGconn *pg, const char *what)
{
    const char *message = PQerrorMessage(pg);

    err_set(err, ERR_UNAVAILABLE, "%s: %s", what, message[0] == '\0' ? "the connection was closed" : message);
    if (err != NULL)
        one_line(err->text);
    return false;
}

static void check(const struct db_result *result, int row, int column)
{
    assert(row >= 0 && row < PQntuples(result->pg));
    assert(column >= 0 && column < PQnfields(result->pg));
}

int db_rows(const struct db_result *result)
{
    return PQntuples(result->pg);
}

int db_columns(const struct db_result *result)
{
    return PQnfields(result->pg);
}

int64_t db_affected(const struct db_result *result)
{
    return strtoll(PQcmdTuples(result->pg), NULL, 10);
}

int db_find_column(const struct db_result *result, const char *name)
{
    for (int i = 0; i < PQnfields(result->pg); i++) /* PQfnumber() would fold the case */
        if (strcmp(PQfname(result->pg, i), name) == 0)
            return i;
    return -1;
}

bool db_is_null(const struct db_result *result, int row, int column)
{
    check(result, row, column);
    return PQgetisnull(result->pg, row, column) != 0;
}

const char *db_text(const struct db_result *result, int row, int column)
{
    return db_is_null(result, row, column) ? NULL : PQgetvalue(result->pg, row, column);
}

size_t db_length(const struct db_result *result, int row, int column)
{
    check(result, row, column);
    return (size_t)PQgetlength(result->pg, row, column);
}

int64_t db_int64(const struct db_result *result, int row, int column)
{
    const char *text = db_text(result, row, column);

    return text == NULL ? 0 : strtoll(text, NULL, 10);
}

double db_double(const struct db_result *result, int row, int column)
{
    const char *text = db_text(result, row, column);

    return text == NULL ? 0 : strtod(text, NULL);
}

bool db_bool(const struct db_result *result, int row, int column)
{
    const char *text = db_text(result, row, column);

    return text != NULL && text[0] == 't';
}
