/* See access.h. What is answered tells nothing about the token but that it is no good; the log tells why. */
#include "access.h"

#include <stddef.h>

#include "clock.h"
#include "guard.h"
#include "log.h"
#include "reply.h"
#include "request_internal.h"
#include "token_cache.h"

static bool refuse(struct request *rq, int status, const char *challenge, enum token_verdict verdict,
                   const struct token *token, const char *message)
{
    log_info("http.denied", "why=%s token=%s remote=%s request=%s",
             status == 403 ? "scope" : token_verdict_name(verdict), token == NULL ? "-" : token->name,
             guard_remote(rq->guard), rq->id);
    reply_header(rq, "WWW-Authenticate", challenge);
    reply_message(rq, status, "%s", message);
    return false;
}

bool access_admit(struct request *rq, enum token_scope scope)
{
    const struct token_set *tokens;
    const struct token *token = NULL;
    enum token_verdict verdict;

    if (!guard_asks_for_token(rq->guard))
        return true;
    tokens = token_cache_tokens(rq->env->tokens);
    if (tokens == NULL) {
        reply_message(rq, 503, "The database cannot be reached; try again later.");
        return false;
    }
    verdict = token_set_check(tokens, token_of_header(request_header(rq, "Authorization")),
                              clock_wall_s(&clock_system), &token);
    if (verdict == TOKEN_MISSING)
        return refuse(rq, 401, "Bearer realm=\"ecs-scheduler\"", verdict, token,
                      "A token is required: Authorization: Bearer ecss_...");
    if (verdict != TOKEN_GOOD)
        return refuse(rq, 401, "Bearer realm=\"ecs-scheduler\", error=\"invalid_token\"", verdict, token,
                      "The token is not known, expired or revoked.");
    if (scope == TOKEN_WRITE && token->scope != TOKEN_WRITE)
        return refuse(
            rq, 403, "Bearer realm=\"ecs-scheduler\", error=\"insufficient_scope\", scope=\"write\"", verdict,
            token, "This takes a token with the scope write; this one has the scope read.");
    request_set_by(rq, token->name);
    return true;
}
