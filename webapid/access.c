/* See access.h. What is answered tells nothing about the token but that it is no good; the log tells why. */
#include "access.h"

#include <stddef.h>
#include <string.h>

#include <netinet/in.h>

#include "clock.h"
#include "guard.h"
#include "listen.h"
#include "log.h"
#include "reply.h"
#include "request_internal.h"
#include "token_cache.h"

/* What is answered to who may not go on. */
struct denial {
    int status; /* 0: may go on */
    const char *challenge, *message;
};

static struct denial deny(const struct guard *guard, enum token_verdict verdict, const struct token *token,
                          struct denial denial)
{
    log_info("http.denied", "why=%s token=%s remote=%s request=%s",
             denial.status == 403 ? "scope" : token_verdict_name(verdict), token == NULL ? "-" : token->name,
             guard_remote(guard), guard_request_id(guard));
    return denial;
}

/* *who: the token, if it may go on; NULL: none is asked for. */
static struct denial judge(const struct request_env *env, const struct guard *guard,
                           const char *authorization, enum token_scope scope, const struct token **who)
{
    const struct token_set *tokens;
    const struct token *token = NULL;
    enum token_verdict verdict;

    *who = NULL;
    if (!guard_asks_for_token(guard))
        return (struct denial){0};
    tokens = env->tokens == NULL ? NULL : token_cache_tokens(env->tokens);
    if (tokens == NULL)
        return (struct denial){503, NULL, "The database cannot be reached; try again later."};
    verdict = token_set_check(tokens, token_of_header(authorization), clock_wall_s(&clock_system), &token);
    if (verdict == TOKEN_MISSING)
        return deny(guard, verdict, token,
                    (struct denial){401, "Bearer realm=\"ecs-scheduler\"",
                                    "A token is required: Authorization: Bearer ecss_..."});
    if (verdict != TOKEN_GOOD)
        return deny(guard, verdict, token,
                    (struct denial){401, "Bearer realm=\"ecs-scheduler\", error=\"invalid_token\"",
                                    "The token is not known, expired or revoked."});
    if (scope == TOKEN_WRITE && token->scope != TOKEN_WRITE)
        return deny(guard, verdict, token,
                    (struct denial){
                        403, "Bearer realm=\"ecs-scheduler\", error=\"insufficient_scope\", scope=\"write\"",
                        "This takes a token with the scope write; this one has the scope read."});
    *who = token;
    return (struct denial){0};
}

bool access_check(const struct request_env *env, const struct guard *guard, struct framing *framing,
                  enum token_scope scope, const char **challenge)
{
    size_t next = 0;
    const char *authorization = framing_header(framing, "Authorization", 0, &next);
    const struct token *who;
    struct denial denial;

    if (authorization != NULL && framing_header(framing, "Authorization", next, NULL) != NULL)
        authorization = "Bearer "; /* two are as good as a wrong one */
    denial = judge(env, guard, authorization, scope, &who);
    if (denial.status == 0)
        return true;
    *challenge = denial.challenge;
    framing_refuse(framing, denial.status, denial.message);
    return false;
}

bool access_admit(struct request *rq, enum token_scope scope)
{
    const struct token *who;
    struct denial denial = judge(rq->env, rq->guard, request_header(rq, "Authorization"), scope, &who);

    if (who != NULL)
        request_set_by(rq, who->name);
    if (denial.status == 0)
        return true;
    if (denial.challenge != NULL)
        reply_header(rq, "WWW-Authenticate", denial.challenge);
    reply_message(rq, denial.status, "%s", denial.message);
    return false;
}

bool access_host_is_local(const char *host)
{
    const bool bracketed = host[0] == '[';
    const size_t len = bracketed ? strcspn(host, "]") - 1 : strcspn(host, ":");
    char name[INET6_ADDRSTRLEN] = "";

    if (len >= sizeof name)
        return false;
    memcpy(name, host + bracketed, len);
    return listen_host_is_loopback(name);
}
