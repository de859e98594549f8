/*
 * The schema's versions. sql/NNNN_what.sql are embedded when the program is built; `webapid --migrate`
 * applies what is missing, each in a transaction with its row in schema_migrations. Forward only. Two at once
 * are safe: the second waits for the first and finds nothing to do.
 *
 * A migration waits for no lock longer than a moment, and is then tried again from its beginning: one that
 * takes long takes its locks first.
 *
 * The daemons check at start, and again whenever their connection is made anew, that the schema is the one
 * they were built for, or a later one that says that it works with them: so a database can be migrated under
 * the daemons of the release before, and these be replaced one by one.
 */
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct db;

struct migration {
    int version;      /* 1, 2, 3... without gaps */
    int works_with;   /* programs that know up to this version or later work with the schema after it */
    const char *name; /* "init" of 0001_init.sql */
    const char *sql;
};

/* What this program knows, in order. */
extern const struct migration migrations[];
extern const size_t migration_count;

enum migrate_state {
    MIGRATE_CURRENT,     /* the schema is what this program knows, or a later one that works with it */
    MIGRATE_EMPTY,       /* there is no schema */
    MIGRATE_OLDER,       /* run webapid --migrate */
    MIGRATE_NEWER,       /* run a newer program */
    MIGRATE_UNREADABLE,  /* the server answers with an error, as permission denied: say so, and try again */
    MIGRATE_UNREACHABLE, /* nobody could be asked: try again */
};

struct migrate_schema {
    int version;    /* 0: there is none */
    int works_with; /* the greatest of all migrations that were applied */
};

/* What follows from a database's schema for a program that knows up to newest; err has the words unless it is
 * MIGRATE_CURRENT. */
enum migrate_state migrate_judge(const struct migrate_schema *schema, int newest, struct err *err);

enum { MIGRATE_PATIENCE_MS = 5 * 60 * 1000 };

/* Blocking. Brings the schema of a database that is UTF8 up to date, unless it is a later one that works with
 * this program, and says on out, line by line, what it did, and whom it waits for. Waits for another one that
 * does the same; for tables that others have in use so long for each migration, and then gives up
 * (ERR_UNAVAILABLE). */
bool migrate_apply(const char *url, int patience_ms, FILE *out, struct err *err);

/* Blocking, at most about 5 s a host; true if current. Otherwise *ret says what is wrong and err says it in
 * words, with what to do. For a main() before its loop: exit on EMPTY and NEWER, retry on others.
 */
bool migrate_check(const char *url, enum migrate_state *ret, struct err *err);

/* The same by a connection that is there, for on_up. done comes once; err is NULL if current. */
typedef void migrate_fn(void *arg, enum migrate_state state, const struct err *err);
void migrate_check_db(struct db *db, migrate_fn *done, void *arg);
