/*
 * An answer that is too long for memory: 200, piece by piece, as fast as the client takes it.
 *
 * It begins with reply_stream() and ends the handler's hold on the request by reply_stream_end(), instead of
 * one call of reply.h. Each piece is answered by one call of on_room, from the loop: when it has been
 * written, or when nobody waits for more (request_is_awaited() says so), so that the handler can end.
 */
#pragma once

#include "buf.h"
#include "request.h"

#include <stdbool.h>

typedef void reply_room_fn(struct request *rq);

/* False: the request was a HEAD, has its answer, and is gone. */
bool reply_stream(struct request *rq, const char *media_type, reply_room_fn *on_room);

/* Copied. */
void reply_stream_put(struct request *rq, const struct buf *piece);

/* Not whole: something went wrong, and the connection is cut, as there is no other way to say so any more. */
void reply_stream_end(struct request *rq, bool whole);
