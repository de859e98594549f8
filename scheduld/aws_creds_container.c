/*
 * The endpoint that ECS gives its tasks and EKS Pod Identity its pods. If either URI variable is set nothing
 * comes after it: a failure here is an error. (aws_provider.h)
 */
#include "aws_creds_fetch.h"
#include "aws_file.h"
#include "aws_provider.h"
#include "json.h"
#include "mem.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TIMEOUT_MS = 2000, ATTEMPTS = 3, PAUSE_MS = 1000, TOKEN_MAX = 65536 };

static const char ecs_host[] = "http://169.254.170.2";

struct question {
    char *url;               /* owned */
    struct aws_fetch *fetch; /* NULL: it has been answered */
};

static void forget(struct aws_lookup *lookup)
{
    struct question *question = lookup->state;

    lookup->state = NULL;
    aws_fetch_cancel(question->fetch);
    free(question->url);
    free(question);
}

/* The keys go over the wire as they are: without TLS only to where nobody else listens. */
static bool is_near(const char *url)
{
    static const char *const hosts[] = {"localhost", "[::1]", "169.254.170.2", "169.254.170.23",
                                        "[fd00:ec2::23]"};
    const char *host = url + strlen("http://");
    size_t len;

    if (strncasecmp(url, "https://", strlen("https://")) == 0)
        return true;
    len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        if (strlen(hosts[i]) == len && strncasecmp(host, hosts[i], len) == 0)
            return true;
    /* 127.0.0.0/8, and not 127.example.com. */
    return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == len;
}

/* Where to ask; *ret is owned, NULL: nowhere. */
static bool find_url(const struct aws_config *config, char **ret, struct err *err)
{
    const char *relative = aws_config_getenv(config, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = aws_config_getenv(config, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    const char *name =
        relative != NULL ? "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" : "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    struct aws_endpoint endpoint = {0};
    AUTO_FREE char *url = NULL;

    *ret = NULL;
    if (relative == NULL && full == NULL)
        return true;
    if (relative != NULL && *relative != '/')
        return err_set(err, ERR_INVALID, "%s does not begin with a slash", name);
    url = relative != NULL ? mem_printf("%s%s", ecs_host, relative) : mem_strdup(full);
    if (!aws_endpoint_parse(url, &endpoint, err))
        return err_wrap(err, "%s", name);
    aws_endpoint_done(&endpoint);
    if (!is_near(url))
        return err_set(err, ERR_INVALID,
                       "%s is neither https nor a loopback address nor the one of ECS or EKS", name);
    *ret = url;
    url = NULL;
    return true;
}

/* What to put into the Authorization header; *ret is owned, NULL: nothing. */
static bool find_token(const struct aws_config *config, char **ret, struct err *err)
{
    const char *path = aws_config_getenv(config, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *token = aws_config_getenv(config, "AWS_CONTAINER_AUTHORIZATION_TOKEN");

    *ret = NULL;
    if (path != NULL) {
        if (!aws_file_read(path, TOKEN_MAX, ret, err))
            return err_wrap(err, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    } else if (token != NULL) {
        *ret = mem_strdup(token);
    }
    if (*ret == NULL || strpbrk(*ret, "\r\n") == NULL)
        return true;
    OPENSSL_cleanse(*ret, strlen(*ret));
    free(*ret);
    *ret = NULL;
    return err_set(err, ERR_INVALID, "the authorization token of the container has a line break in it");
}

static bool read_answer(struct aws_lookup *lookup, const struct http_answer *answer, struct aws_keys *keys,
                        struct err *err)
{
    AUTO_JSON struct json_object *obj = NULL;
    const char *message = NULL;
    char text[ERR_TEXT_SIZE];
    bool object;

    if (answer->outcome != HTTP_ANSWERED)
        return err_set(err, ERR_UNAVAILABLE, "it %s", aws_fetch_failure(answer, text, sizeof text));
    object = aws_keys_parse_object(answer->body, answer->body_len, &obj, err);
    if (answer->status != 200) {
        if (object)
            json_get_string_opt(obj, "message", &message, NULL);
        return err_set(err, ERR_DENIED, "it %s%s%.200s", aws_fetch_failure(answer, text, sizeof text),
                       message != NULL ? ": " : "", message != NULL ? message : "");
    }
    return object && aws_keys_from_object(obj, "Token", false, aws_means_now_s(lookup->means), keys, err);
}

static void on_answer(void *arg, const struct http_answer *answer)
{
    struct aws_lookup *lookup = arg;
    struct question *question = lookup->state;
    AUTO_AWS_KEYS struct aws_keys keys = {0};
    struct err err = {0};
    bool good = read_answer(lookup, answer, &keys, &err);

    question->fetch = NULL;
    if (!good) /* its path is a secret of the task's, more or less */
        err_wrap(&err, "%.*s", (int)aws_fetch_host_len(question->url), question->url);
    forget(lookup);
    lookup->answer(lookup, good ? AWS_FOUND : AWS_FAILED, &keys, &err);
}

static void ask(struct aws_lookup *lookup, char *url, const char *token)
{
    struct http_header headers[] = {{"Accept", "application/json"}, {"Authorization", token}};
    struct question *question = lookup->state = mem_alloc(sizeof *question);

    question->url = url;
    question->fetch = aws_fetch_start(lookup->means,
                                      &(struct aws_fetch_spec){.method = "GET",
                                                               .url = url,
                                                               .headers = headers,
                                                               .header_count = token == NULL ? 1 : 2,
                                                               .direct = true,
                                                               .local = true,
                                                               .timeout_ms = TIMEOUT_MS,
                                                               .attempts = ATTEMPTS,
                                                               .pause_ms = PAUSE_MS},
                                      on_answer, lookup);
}

static enum aws_found find(struct aws_lookup *lookup, struct aws_keys *ret UNUSED, struct err *err)
{
    char *url, *token;

    if (!find_url(lookup->means->config, &url, err))
        return AWS_FAILED;
    if (url == NULL) {
        err_set(err, ERR_NOT_FOUND, "AWS_CONTAINER_CREDENTIALS_FULL_URI is not set");
        return AWS_ABSENT;
    }
    if (!find_token(lookup->means->config, &token, err)) {
        free(url);
        return AWS_FAILED;
    }
    ask(lookup, url, token);
    if (token != NULL)
        OPENSSL_cleanse(token, strlen(token));
    free(token);
    return AWS_PENDING;
}

const struct aws_provider aws_provider_container = {
    .name = "container endpoint", .find = find, .cancel = forget};
