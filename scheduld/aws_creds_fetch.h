/*
 * A request to those who hand out keys: STS and the metadata services. Repeats what may help a few times, and
 * notes how far the other side's clock is from ours.
 */
#pragma once

#include "aws_provider.h"
#include "http.h"

#include <stdbool.h>
#include <stdint.h>

struct aws_fetch;

struct aws_fetch_spec {
    const char *method; /* "GET" */
    const char *url;
    const struct http_header *headers; /* names are literals */
    size_t header_count;
    const char *body; /* NULL: none */
    bool direct;      /* no proxy: a metadata service */
    bool local;       /* its clock may be ours: if both agree that says nothing of AWS's */
    int64_t timeout_ms;
    int attempts;
    int64_t pause_ms; /* between them at most, at random */
    /* Whether an answer is worth another attempt. NULL: 429 and 5xx are. No answer always is. */
    bool (*again)(const struct http_answer *answer);
};

/* All of the spec is copied. done comes once, from the loop, with the last answer. */
struct aws_fetch *aws_fetch_start(struct aws_means *means, const struct aws_fetch_spec *spec, http_fn *done,
                                  void *arg);
void aws_fetch_cancel(struct aws_fetch *fetch); /* `done` does not come. NULL is fine */

/* What went wrong, if no answer came: "does not answer: Connection refused". */
const char *aws_fetch_failure(const struct http_answer *answer, char *out, size_t size);

/* The length of a URL's "http://host:port": for messages, as the path of a container's endpoint is not to be
 * seen. */
size_t aws_fetch_host_len(const char *url);
