/*
 * Who may do what: tokens at the doors that ask for them (server_options.tokens).
 */
#pragma once

#include "token.h"

#include <stdbool.h>

struct framing;
struct guard;
struct request;
struct request_env;

/* Whether a request whose head has been read may go on, if it takes this scope; if not it has been refused
 * (framing.h): 401 or 403, with *challenge for WWW-Authenticate, or 503 while the tokens are not known. */
bool access_check(const struct request_env *env, const struct guard *guard, struct framing *framing,
                  enum token_scope scope, const char **challenge);

/* Whether a Host names this host's loopback: localhost or an address of it, with any port or none. No name
 * that somebody else's DNS answers for is one. */
bool access_host_is_local(const char *host);

/* Whether the request may go on; if not it has been answered: 401, 403, or 503 while the tokens are not
 * known. Also notes who asks (request_by()). */
bool access_admit(struct request *rq, enum token_scope scope);
