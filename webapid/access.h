/*
 * Who may do what: tokens at the doors that ask for them (server_options.tokens).
 */
#pragma once

#include "token.h"

struct request;

/* Whether the request may go on; if not it has been answered: 401, 403, or 503 while the tokens are not
 * known. Also notes who asks (request_by()). */
bool access_admit(struct request *rq, enum token_scope scope);
