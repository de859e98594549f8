/*
 * RunTask's client tokens, pure: the same text for the same attempt of the same chunk of the same run,
 * whichever process makes it, so that a repeat after a crash is a repeat for ECS, too.
 */
#pragma once

#include <stdint.h>

enum { RUN_TOKEN_LEN = 40, RUN_TOKEN_SIZE };

/* Which run: unique among all installations. */
struct run_identity {
    const char *installation; /* lent: scheduler.installation */
    const char *job_id;       /* lent */
    int64_t fire_s;
};

/* chunk counts from 0, attempt from 1. 40 hexadecimal digits of a SHA-256. */
void run_token(const struct run_identity *identity, int chunk, int attempt, char ret[static RUN_TOKEN_SIZE]);
