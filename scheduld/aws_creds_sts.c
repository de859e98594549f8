/* See aws_creds_sts.h. */
#include "aws_creds_sts.h"

#include "aws_creds_fetch.h"
#include "aws_sts_codec.h"
#include "mem.h"
#include "sigv4.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TIMEOUT_MS = 10000,
    ATTEMPTS = 3,
    PAUSE_MS = 1000,
    HEADERS = 5,
    FORM_MAX = 65536,
    DURATION_MIN_S = 900,
    DURATION_MAX_S = 43200,
};

static const char content_type[] = "application/x-www-form-urlencoded; charset=utf-8";

struct aws_sts {
    struct aws_means *means; /* lent */
    char *form;              /* owned, as the two below */
    struct aws_keys with;    /* without a key id: the request is not signed */
    struct aws_endpoint endpoint;
    struct aws_fetch *fetch;
    bool again; /* it was signed for another time already */
    int64_t signed_skew_s;
    aws_sts_fn *done;
    void *arg;
};

static void sts_free(struct aws_sts *sts)
{
    OPENSSL_cleanse(sts->form, strlen(sts->form));
    free(sts->form);
    aws_keys_done(&sts->with);
    aws_endpoint_done(&sts->endpoint);
    free(sts);
}

void aws_sts_cancel(struct aws_sts *sts)
{
    aws_fetch_cancel(sts->fetch);
    sts_free(sts);
}

static bool wants_again(const struct http_answer *answer)
{
    AUTO_AWS_ERROR struct aws_error error = {0};

    if (answer->status == 200)
        return false;
    aws_sts_error(answer->status, answer->body, answer->body_len, &error);
    return error.kind == AWS_THROTTLED || error.kind == AWS_RETRYABLE || error.kind == AWS_UNKNOWN;
}

static void on_answer(void *arg, const struct http_answer *answer);

/* Adds what the signature needs; date and authorization have to live until the request has begun. */
static size_t sign(const struct aws_sts *sts, struct http_header *headers, size_t count,
                   char date[static SIGV4_DATE_SIZE], struct buf *authorization)
{
    struct sigv4 *signer = sigv4_new();
    struct sigv4_request request = {.method = "POST",
                                    .path = sts->endpoint.path,
                                    .headers = headers,
                                    .header_count = count,
                                    .body = sts->form,
                                    .body_len = strlen(sts->form)};
    struct sigv4_scope scope = {aws_means_now_s(sts->means), aws_config_region(sts->means->config), "sts"};
    struct sigv4_keys with = {sts->with.access_key_id, sts->with.secret, sts->with.token};

    sigv4_sign(signer, &request, &scope, &with, date, authorization);
    sigv4_free(signer);
    headers[count++] = (struct http_header){"X-Amz-Date", date};
    headers[count++] = (struct http_header){"Authorization", authorization->data};
    if (with.token != NULL)
        headers[count++] = (struct http_header){"X-Amz-Security-Token", with.token};
    return count;
}

static void send_request(struct aws_sts *sts)
{
    struct http_header headers[HEADERS] = {{"Host", sts->endpoint.host}, {"Content-Type", content_type}};
    struct aws_fetch_spec spec = {.method = "POST",
                                  .url = sts->endpoint.url,
                                  .headers = headers,
                                  .header_count = 2,
                                  .body = sts->form,
                                  .timeout_ms = TIMEOUT_MS,
                                  .attempts = ATTEMPTS,
                                  .pause_ms = PAUSE_MS,
                                  .again = wants_again};
    AUTO_BUF struct buf authorization;
    char date[SIGV4_DATE_SIZE];

    buf_init(&authorization, SIZE_MAX);
    sts->signed_skew_s = sts->means->skew_s;
    if (sts->with.access_key_id != NULL)
        spec.header_count = sign(sts, headers, spec.header_count, date, &authorization);
    sts->fetch = aws_fetch_start(sts->means, &spec, on_answer, sts);
}

static bool is_good(const struct aws_sts *sts, const struct http_answer *answer,
                    const struct aws_error *error, struct err *err)
{
    char text[ERR_TEXT_SIZE];

    if (answer->outcome != HTTP_ANSWERED)
        return err_set(err, ERR_UNAVAILABLE, "%s %s", sts->endpoint.url,
                       aws_fetch_failure(answer, text, sizeof text));
    if (answer->status != 200)
        return err_set(err, ERR_DENIED, "STS says %s", aws_error_text(error, text, sizeof text));
    return true;
}

static void on_answer(void *arg, const struct http_answer *answer)
{
    struct aws_sts *sts = arg;
    aws_sts_fn *done = sts->done;
    void *done_arg = sts->arg;
    AUTO_AWS_ERROR struct aws_error error = {0};
    struct err err = {0};
    bool good;

    if (answer->outcome == HTTP_ANSWERED && answer->status != 200)
        aws_sts_error(answer->status, answer->body, answer->body_len, &error);
    /* Our clock is wrong, and the answer has told by how much. */
    if (error.skewed && !sts->again && sts->signed_skew_s != sts->means->skew_s) {
        sts->again = true;
        send_request(sts);
        return;
    }
    good = is_good(sts, answer, &error, &err);
    sts_free(sts);
    done(done_arg, good ? answer->body : NULL, good ? answer->body_len : 0, &err);
}

enum aws_found aws_sts_take(const struct aws_means *means, const char *xml, size_t len, struct aws_keys *ret,
                            struct err *err)
{
    if (xml == NULL)
        return AWS_FAILED;
    if (aws_sts_read(xml, len, aws_means_now_s(means), ret, err))
        return AWS_FOUND;
    err_wrap(err, "STS");
    return AWS_FAILED;
}

struct aws_sts *aws_sts_start(struct aws_means *means, const char *form, const struct aws_keys *with,
                              aws_sts_fn *done, void *arg)
{
    struct aws_sts *sts = mem_alloc(sizeof *sts);

    *sts = (struct aws_sts){.means = means, .form = mem_strdup(form), .done = done, .arg = arg};
    if (with != NULL)
        sts->with = (struct aws_keys){.access_key_id = mem_strdup(with->access_key_id),
                                      .secret = mem_strdup(with->secret),
                                      .token = mem_strdup_or_null(with->token)};
    aws_config_endpoint(means->config, "sts", aws_config_region(means->config), &sts->endpoint);
    send_request(sts);
    return sts;
}

static bool check_duration(const char *duration, struct err *err)
{
    char *end;
    long seconds;

    errno = 0;
    seconds = strtol(duration, &end, 10);
    if (errno != 0 || end == duration || *end != '\0' || seconds < DURATION_MIN_S || seconds > DURATION_MAX_S)
        return err_set(err, ERR_INVALID, "duration_seconds is \"%s\", not %d to %d", duration, DURATION_MIN_S,
                       DURATION_MAX_S);
    return true;
}

bool aws_sts_begin_form(struct buf *form, const char *action, const char *role_arn, const char *session,
                        const char *duration, struct err *err)
{
    char host[HOST_NAME_MAX + 1] = "", own[STS_SESSION_NAME_MAX + 1];

    gethostname(host, sizeof host - 1);
    aws_sts_session_name(host, own);
    buf_init(form, FORM_MAX);
    if (session != NULL && !aws_sts_is_session_name(session))
        return err_set(err, ERR_INVALID,
                       "the role's session name \"%s\" is not %d to %d of A-Z a-z 0-9 _+=,.@-", session,
                       STS_SESSION_NAME_MIN, STS_SESSION_NAME_MAX);
    aws_form_put(form, "Action", action);
    aws_form_put(form, "Version", "2011-06-15");
    aws_form_put(form, "RoleArn", role_arn);
    aws_form_put(form, "RoleSessionName", session != NULL ? session : own);
    if (duration == NULL)
        return true;
    aws_form_put(form, "DurationSeconds", duration);
    return check_duration(duration, err);
}
