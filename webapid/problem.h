/*
 * The body of every answer that is an error, one shape for all: `message`, a sentence, or `messages`, what is
 * wrong by field; and `requestId`, by which the log is searched.
 */
#pragma once

#include "buf.h"

struct json_object;

void problem_put(struct buf *body, const char *request_id, const char *message);
void problem_put_fields(struct buf *body, const char *request_id, const struct json_object *messages);
