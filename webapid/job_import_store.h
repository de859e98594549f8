/* The SQL of an import, on a connection of its own: see jobs_import_api.c for what is in one transaction. */
#pragma once

#include "db.h"
#include "job_import.h"

/* Creates the jobs of the batch, in the order of their lines. Answers with those of them that are there
 * already. by: who asks, as a job_draft has it. */
void job_import_store_batch(struct db *db, struct job_import *im, const char *by, db_fn *done, void *arg);
/* That answer's rows. */
struct job_import_taken job_import_store_taken(const struct db_result *result, int row);

/* One import at a time: until the connection ends. Else two with the same jobs in other orders would wait for
 * each other. */
void job_import_store_lock(struct db *db, db_fn *done, void *arg);
void job_import_store_begin(struct db *db, db_fn *done, void *arg);
void job_import_store_commit(struct db *db, db_fn *done, void *arg);
void job_import_store_rollback(struct db *db, db_fn *done, void *arg);

/* The statement of a batch, for a test to prepare. */
extern const struct db_stmt job_import_statement;
