/*
 * The metadata service of EC2 instances, version 2 only: a token, the name of the instance's role, its keys,
 * and the region if nothing else has told it. (aws_provider.h)
 *
 *     TOKEN --> ROLE --> KEYS [--> REGION] --> found
 *                a token that is not taken any more: once more from TOKEN
 *
 * When the service is ill it may hand out keys that have expired; AWS takes such for a while. They are used,
 * with a warning, and asked for again soon.
 */
#include "aws_creds_fetch.h"
#include "aws_provider.h"
#include "json.h"
#include "log.h"
#include "mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    TIMEOUT_S = 2,
    ATTEMPTS = 3,
    PAUSE_MS = 500,
    TIMEOUT_MAX_S = 60,
    ATTEMPTS_MAX = 10,
    NAME_MAX_LEN = 256,
    EXTENDED_S = 15 * 60, /* so long keys are used that the service says have expired */
};

static const char roles_path[] = "latest/meta-data/iam/security-credentials/";

enum step { STEP_TOKEN, STEP_ROLE, STEP_KEYS, STEP_REGION };

struct instance {
    struct aws_lookup *lookup; /* lent */
    char *base;                /* owned, as all below: "http://169.254.169.254/" */
    char *token, *role;
    struct aws_keys keys;
    enum step step;
    bool again;              /* it is the second time */
    struct aws_fetch *fetch; /* NULL: it has been answered */
};

static void forget(struct aws_lookup *lookup)
{
    struct instance *instance = lookup->state;

    lookup->state = NULL;
    aws_fetch_cancel(instance->fetch);
    aws_keys_done(&instance->keys);
    free(instance->base);
    free(instance->token);
    free(instance->role);
    free(instance);
}

static const char *setting(const struct aws_lookup *lookup, const char *variable, const char *key)
{
    const char *value = aws_config_getenv(lookup->means->config, variable);

    return value != NULL ? value : aws_profiles_get(aws_config_profiles(lookup->means->config), NULL, key);
}

/* A number of the environment, or what it is otherwise. */
static int number(const struct aws_lookup *lookup, const char *variable, const char *key, int most,
                  int otherwise)
{
    const char *value = setting(lookup, variable, key);
    char *end;
    long n = value == NULL ? 0 : strtol(value, &end, 10);

    return value == NULL || *end != '\0' || n < 1 || n > most ? otherwise : (int)n;
}

static bool find_base(const struct aws_lookup *lookup, char **ret, struct err *err)
{
    const char *url = setting(lookup, "AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint");
    const char *mode =
        setting(lookup, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode");
    struct aws_endpoint endpoint = {0};

    if (url == NULL)
        url = mode != NULL && strcasecmp(mode, "ipv6") == 0 ? "http://[fd00:ec2::254]"
                                                            : "http://169.254.169.254";
    if (!aws_endpoint_parse(url, &endpoint, err))
        return err_wrap(err, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    *ret = mem_printf("%s%s", endpoint.url, endpoint.url[strlen(endpoint.url) - 1] == '/' ? "" : "/");
    aws_endpoint_done(&endpoint);
    return true;
}

static void ask(struct instance *instance, enum step step);

static void answer(struct instance *instance, enum aws_found found, const struct err *err)
{
    struct aws_lookup *lookup = instance->lookup;
    AUTO_AWS_KEYS struct aws_keys keys = instance->keys;

    instance->keys = (struct aws_keys){0};
    forget(lookup);
    lookup->answer(lookup, found, &keys, err);
}

static void fail(struct instance *instance, enum aws_found found, const struct err *err)
{
    struct err why = *err;

    err_wrap(&why, "%s", instance->base);
    answer(instance, found, &why);
}

/* A text of one line, such as a token or a name; *ret is owned. */
static bool read_word(const struct http_answer *answer, const char *what, char **ret, struct err *err)
{
    size_t len = strcspn(answer->body, "\r\n");

    if (len == 0 || answer->body[len + strspn(answer->body + len, "\r\n")] != '\0')
        return err_set(err, ERR_INVALID, "what it says is no %s", what);
    for (size_t i = 0; i < len; i++)
        if (!isgraph((unsigned char)answer->body[i]))
            return err_set(err, ERR_INVALID, "what it says is no %s", what);
    free(*ret);
    *ret = mem_strndup(answer->body, len);
    return true;
}

static bool read_role(struct instance *instance, const struct http_answer *answer, struct err *err)
{
    if (!read_word(answer, "role's name", &instance->role, err))
        return false;
    if (strlen(instance->role) > NAME_MAX_LEN || strpbrk(instance->role, "/?#%") != NULL)
        return err_set(err, ERR_INVALID, "what it says is no role's name");
    return true;
}

static void extend(struct instance *instance)
{
    int64_t now_s = aws_means_now_s(instance->lookup->means);

    if (instance->keys.expires_s > now_s)
        return;
    log_warning("aws.instance_keys_expired", "ago_s=%lld", (long long)(now_s - instance->keys.expires_s));
    instance->keys.expires_s = now_s + EXTENDED_S;
}

static bool read_keys(struct instance *instance, const struct http_answer *answer, struct err *err)
{
    AUTO_JSON struct json_object *obj = NULL;
    const char *code = "Success", *message = "";

    if (!aws_keys_parse_object(answer->body, answer->body_len, &obj, err))
        return false;
    json_get_string_opt(obj, "Code", &code, NULL);
    json_get_string_opt(obj, "Message", &message, NULL);
    if (strcmp(code, "Success") != 0)
        return err_set(err, ERR_DENIED, "it has no keys for role %s: %.80s %.200s", instance->role, code,
                       message);
    if (!aws_keys_from_object(obj, "Token", false, 0, &instance->keys, err))
        return false;
    extend(instance);
    return true;
}

/* What to do with an answer of 200; false: err. */
static bool take(struct instance *instance, const struct http_answer *reply, struct err *err)
{
    switch (instance->step) {
    case STEP_TOKEN:
        if (!read_word(reply, "token", &instance->token, err))
            return false;
        ask(instance, STEP_ROLE);
        return true;
    case STEP_ROLE:
        if (!read_role(instance, reply, err))
            return false;
        ask(instance, STEP_KEYS);
        return true;
    case STEP_KEYS:
        if (!read_keys(instance, reply, err))
            return false;
        if (aws_config_region(instance->lookup->means->config) == NULL)
            ask(instance, STEP_REGION);
        else
            answer(instance, AWS_FOUND, NULL);
        return true;
    case STEP_REGION:
        if (!read_word(reply, "region's name", &instance->keys.region, err) ||
            !aws_region_check(instance->keys.region, err))
            return false;
        answer(instance, AWS_FOUND, NULL);
        return true;
    }
    return false;
}

/* What an answer that is not 200 means: the service is not there, has nothing for us, or is ill. */
static enum aws_found judge(const struct instance *instance, const struct http_answer *answer,
                            struct err *err)
{
    char text[ERR_TEXT_SIZE];

    aws_fetch_failure(answer, text, sizeof text);
    if (instance->step == STEP_TOKEN && answer->outcome != HTTP_ANSWERED)
        err_set(err, ERR_UNAVAILABLE,
                "%s (on EC2 and in a container the instance's metadata hop limit has to be 2)", text);
    else if (instance->step == STEP_TOKEN)
        err_set(err, ERR_UNAVAILABLE, "%s to a request for a token of IMDSv2", text);
    else if (instance->step == STEP_ROLE && answer->status == 404)
        err_set(err, ERR_NOT_FOUND, "the instance has no role");
    else
        err_set(err, ERR_UNAVAILABLE, "it %s", text);
    return instance->step == STEP_TOKEN || answer->status == 404 ? AWS_ABSENT : AWS_FAILED;
}

static void on_answer(void *arg, const struct http_answer *reply)
{
    struct instance *instance = arg;
    struct err err = {0};
    enum aws_found found;

    instance->fetch = NULL;
    if (reply->outcome == HTTP_ANSWERED && reply->status == 200) {
        if (!take(instance, reply, &err))
            fail(instance, AWS_FAILED, &err);
    } else if (reply->status == 401 && instance->step != STEP_TOKEN && !instance->again) {
        instance->again = true;
        ask(instance, STEP_TOKEN);
    } else {
        found = judge(instance, reply, &err);
        fail(instance, found, &err);
    }
}

static void ask(struct instance *instance, enum step step)
{
    const struct aws_lookup *lookup = instance->lookup;
    struct http_header headers[] = {
        step == STEP_TOKEN ? (struct http_header){"X-aws-ec2-metadata-token-ttl-seconds", "21600"}
                           : (struct http_header){"X-aws-ec2-metadata-token", instance->token}};
    AUTO_FREE char *url = mem_printf("%s%s%s", instance->base,
                                     step == STEP_TOKEN    ? "latest/api/token"
                                     : step == STEP_REGION ? "latest/meta-data/placement/region"
                                                           : roles_path,
                                     step == STEP_KEYS ? instance->role : "");

    instance->step = step;
    instance->fetch = aws_fetch_start(
        lookup->means,
        &(struct aws_fetch_spec){.method = step == STEP_TOKEN ? "PUT" : "GET",
                                 .url = url,
                                 .headers = headers,
                                 .header_count = ARRAY_LEN(headers),
                                 .direct = true,
                                 .timeout_ms = (int64_t)1000 * number(lookup, "AWS_METADATA_SERVICE_TIMEOUT",
                                                                      "metadata_service_timeout",
                                                                      TIMEOUT_MAX_S, TIMEOUT_S),
                                 .attempts = number(lookup, "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
                                                    "metadata_service_num_attempts", ATTEMPTS_MAX, ATTEMPTS),
                                 .pause_ms = PAUSE_MS},
        on_answer, instance);
}

static enum aws_found find(struct aws_lookup *lookup, struct aws_keys *ret UNUSED, struct err *err)
{
    const char *disabled = aws_config_getenv(lookup->means->config, "AWS_EC2_METADATA_DISABLED");
    struct instance *instance;
    char *base;

    if (disabled != NULL && strcasecmp(disabled, "true") == 0) {
        err_set(err, ERR_NOT_FOUND, "AWS_EC2_METADATA_DISABLED is true");
        return AWS_ABSENT;
    }
    if (!find_base(lookup, &base, err))
        return AWS_FAILED;
    instance = lookup->state = mem_alloc(sizeof *instance);
    *instance = (struct instance){.lookup = lookup, .base = base};
    ask(instance, STEP_TOKEN);
    return AWS_PENDING;
}

const struct aws_provider aws_provider_instance = {
    .name = "instance metadata", .find = find, .cancel = forget};
