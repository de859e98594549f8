/*
 * The tag of a job's representation: `"r<revision>-<hash of the body>"`. The hash makes If-None-Match see
 * every change, also of lastRun and estimatedNextRun, which move by themselves. The revision makes If-Match
 * ask for what a client means by it: that nobody changed the job in between.
 */
#pragma once

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ETAG_SIZE = 64 };

void etag_of_job(int64_t revision, const char *body, size_t len, char out[static ETAG_SIZE]);

/* The tag of anything else: of its bytes alone. */
void etag_of_body(const char *body, size_t len, char out[static ETAG_SIZE]);

/* Whether an If-None-Match has the tag (compared weakly, as HTTP has it), or is a star. */
bool etag_matches(const char *if_none_match, const char *tag);

/* The revisions that an If-Match header asks for, as a PostgreSQL array: `{3,4}`, `{}` if its tags are none
 * of ours. False if any job will do: the header is missing or has a `*`. */
bool etag_revisions(const char *if_match, struct buf *ret);

/* Whether that array has this revision. */
bool etag_has_revision(const char *revisions, int64_t revision);
