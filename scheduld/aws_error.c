/* See aws_error.h. */
#include "aws_error.h"

#include "buf.h"
#include "json.h"
#include "mem.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { RETRY_AFTER_MAX_MS = 3600 * 1000, MS_PER_S = 1000, ERROR_TEXT_MAX = 2 * AWS_MESSAGE_SIZE };

/* What a name means. A text, where there is one, has to be in the message for the row to count. */
static const struct rule {
    const char *code;
    enum aws_error_kind kind;
    const char *text;
} rules[] = {
    {"BandwidthLimitExceeded", AWS_THROTTLED, NULL},
    {"EC2ThrottledException", AWS_THROTTLED, NULL},
    {"LimitExceededException", AWS_THROTTLED, NULL},
    {"PriorRequestNotComplete", AWS_THROTTLED, NULL},
    {"ProvisionedThroughputExceededException", AWS_THROTTLED, NULL},
    {"RequestLimitExceeded", AWS_THROTTLED, NULL},
    {"RequestThrottled", AWS_THROTTLED, NULL},
    {"RequestThrottledException", AWS_THROTTLED, NULL},
    {"SlowDown", AWS_THROTTLED, NULL},
    {"ThrottledException", AWS_THROTTLED, NULL},
    {"Throttling", AWS_THROTTLED, NULL},
    {"ThrottlingException", AWS_THROTTLED, NULL},
    {"TooManyRequestsException", AWS_THROTTLED, NULL},
    {"TransactionInProgressException", AWS_THROTTLED, NULL},
    /* A call of ECS's own to EC2 was throttled. */
    {"InvalidParameterException", AWS_THROTTLED, "Request limit exceeded"},
    {"InvalidParameterException", AWS_THROTTLED, "RequestLimitExceeded"},

    {"IDPCommunicationError", AWS_RETRYABLE, NULL},
    {"InternalError", AWS_RETRYABLE, NULL},
    {"InternalFailure", AWS_RETRYABLE, NULL},
    {"InternalServerError", AWS_RETRYABLE, NULL},
    {"RequestTimeout", AWS_RETRYABLE, NULL},
    {"RequestTimeoutException", AWS_RETRYABLE, NULL},
    {"ServerException", AWS_RETRYABLE, NULL},
    {"ServiceUnavailable", AWS_RETRYABLE, NULL},
    {"ServiceUnavailableException", AWS_RETRYABLE, NULL},
    /* The cluster is empty now; and the limit on tasks that wait for its managed scaling. Their words say
     * that nothing was started: see may_have_acted(). */
    {"InvalidParameterException", AWS_RETRYABLE, "No Container Instances were found in your cluster"},
    {"ClientException", AWS_RETRYABLE, "PROVISIONING"},

    {"ConflictException", AWS_CONFLICT, NULL},

    {"AuthFailure", AWS_AUTH, NULL},
    {"ExpiredToken", AWS_AUTH, NULL},
    {"ExpiredTokenException", AWS_AUTH, NULL},
    {"IncompleteSignature", AWS_AUTH, NULL},
    {"IncompleteSignatureException", AWS_AUTH, NULL},
    {"InvalidClientTokenId", AWS_AUTH, NULL},
    {"InvalidSignatureException", AWS_AUTH, NULL},
    {"MissingAuthenticationToken", AWS_AUTH, NULL},
    {"MissingAuthenticationTokenException", AWS_AUTH, NULL},
    {"RequestExpired", AWS_AUTH, NULL},
    {"RequestInTheFuture", AWS_AUTH, NULL},
    {"RequestTimeTooSkewed", AWS_AUTH, NULL},
    {"SignatureDoesNotMatch", AWS_AUTH, NULL},
    {"UnrecognizedClientException", AWS_AUTH, NULL},
};

/* Newer keys may be taken. */
static const char *const expired_codes[] = {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId",
                                            "UnrecognizedClientException", NULL};
/* Another time may be. */
static const char *const skew_codes[] = {"AuthFailure",
                                         "InvalidSignatureException",
                                         "RequestExpired",
                                         "RequestInTheFuture",
                                         "RequestTimeTooSkewed",
                                         "SignatureDoesNotMatch",
                                         NULL};

static bool is_among(const char *code, const char *const *codes)
{
    for (; *codes != NULL; codes++)
        if (strcmp(code, *codes) == 0)
            return true;
    return false;
}

/* NULL: none fits. */
static const struct rule *rule_of(const struct aws_error *error)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (strcmp(rules[i].code, error->code) == 0 &&
            (rules[i].text == NULL || strcasestr(error->message, rules[i].text) != NULL))
            return &rules[i];
    return NULL;
}

/* AWS names what it refuses. An answer without a name is of somebody between us, a proxy that wants a
 * password, say, or sends us elsewhere: it may let us pass in a minute. */
static enum aws_error_kind kind_of(const struct aws_error *error, const struct rule *rule, bool named)
{
    if (error->status < 300) /* a success that no call of ours has: somebody between us and AWS answers */
        return AWS_UNKNOWN;
    if (rule != NULL)
        return rule->kind;
    if (error->status == 429)
        return AWS_THROTTLED;
    return !named || error->status >= 500 || error->status == 408 ? AWS_RETRYABLE : AWS_REFUSED;
}

/* A name alone ("RequestTimeout", "InternalError") or a 408 does not say that nothing was done, whatever the
 * status; words that name what is missing do. Who sends us elsewhere, or is a proxy that wants a password,
 * has passed nothing on. */
static bool may_have_acted(const struct aws_error *error, const struct rule *rule)
{
    switch (error->kind) {
    case AWS_CONFLICT:
    case AWS_UNKNOWN:
        return true;
    case AWS_RETRYABLE:
        if (error->status < 400 || error->status == 407)
            return false;
        return error->status >= 500 || rule == NULL || rule->text == NULL;
    case AWS_OK:
    case AWS_THROTTLED:
    case AWS_REFUSED:
    case AWS_AUTH:
    case AWS_CANCELLED:
        break;
    }
    return error->status >= 500;
}

/* Copies what can be shown and stored: UTF-8, one line, cut at a character. */
static void put_clean(char *out, size_t size, const char *text, size_t len)
{
    size_t used = 0, n;

    for (size_t i = 0; i < len; i += n) {
        const char *piece = text + i;
        size_t wide = json_utf8_len(piece, len - i); /* 0: no UTF-8 */

        n = wide == 0 ? 1 : wide;
        if (wide == 0)
            piece = "?";
        else if ((unsigned char)*piece < ' ' || *piece == 0x7F)
            piece = " ";
        if (used + n >= size)
            break;
        memcpy(out + used, piece, n);
        used += n;
    }
    while (used > 0 && out[used - 1] == ' ')
        used--;
    out[used] = '\0';
}

/* A wrong signature is answered with all that should have been signed, the session token included. */
static void drop_secrets(char *message)
{
    static const char *const marks[] = {"The Canonical String", "x-amz-security-token"};

    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        char *at = strcasestr(message, marks[i]);

        if (at != NULL)
            *at = '\0';
    }
    for (size_t len = strlen(message); len > 0 && message[len - 1] == ' '; len--)
        message[len - 1] = '\0';
}

/* "com.amazonaws.sqs#QueueDoesNotExist", "ThrottlingException:http://..." */
static void set_code(struct aws_error *error, const char *type)
{
    size_t len = strcspn(type, ":");
    const char *hash = memrchr(type, '#', len);

    if (hash != NULL) {
        len -= (size_t)(hash + 1 - type);
        type = hash + 1;
    }
    put_clean(error->code, sizeof error->code, type, len);
}

static void read_resource_ids(const struct json_object *body, struct aws_error *error)
{
    struct json_object *list = NULL;
    size_t count;

    if (!json_get_array_opt(body, "resourceIds", &list, NULL) || list == NULL)
        return;
    count = json_object_array_length(list);
    count = count < AWS_RESOURCE_IDS_MAX ? count : AWS_RESOURCE_IDS_MAX;
    error->resource_ids = mem_array(count, sizeof *error->resource_ids);
    for (size_t i = 0; i < count; i++) {
        struct json_object *item = json_object_array_get_idx(list, i);

        if (json_object_is_type(item, json_type_string))
            error->resource_ids[error->resource_id_count++] = mem_strdup(json_object_get_string(item));
    }
}

/* False: the body is not JSON as AWS writes it. */
static bool read_body(const struct aws_answer *answer, struct aws_error *error)
{
    AUTO_JSON struct json_object *body = NULL;
    const char *type = NULL, *message = NULL;

    if (!json_parse(answer->body, answer->body_len, &body, NULL) ||
        !json_object_is_type(body, json_type_object))
        return false;
    if (json_get_string_opt(body, "__type", &type, NULL) && type != NULL)
        set_code(error, type);
    if (!json_get_string_opt(body, "message", &message, NULL) || message == NULL)
        json_get_string_opt(body, "Message", &message, NULL);
    if (message != NULL)
        put_clean(error->message, sizeof error->message, message, strlen(message));
    if (strcmp(error->code, "ConflictException") == 0)
        read_resource_ids(body, error);
    return true;
}

/* A number of units of so many milliseconds. */
static int64_t read_wait(const char *value, int64_t unit_ms)
{
    char *end;
    long long n;

    if (value == NULL)
        return 0;
    errno = 0;
    n = strtoll(value, &end, 10);
    if (end == value || *end != '\0' || errno != 0 || n < 0)
        return 0; /* a date, or nonsense */
    return n < RETRY_AFTER_MAX_MS / unit_ms ? n * unit_ms : RETRY_AFTER_MAX_MS;
}

static int64_t read_retry_after(const struct aws_answer *answer)
{
    int64_t ms = read_wait(answer->retry_after_ms, 1), other_ms = read_wait(answer->retry_after, MS_PER_S);

    return ms > other_ms ? ms : other_ms;
}

void aws_error_read(const struct aws_answer *answer, struct aws_error *ret)
{
    const struct rule *rule;
    bool json, named;

    *ret = (struct aws_error){.status = answer->status, .retry_after_ms = read_retry_after(answer)};
    if (answer->request_id != NULL)
        put_clean(ret->request_id, sizeof ret->request_id, answer->request_id, strlen(answer->request_id));
    json = answer->message == NULL && read_body(answer, ret);
    if (ret->code[0] == '\0' && answer->error_type != NULL)
        set_code(ret, answer->error_type);
    if (ret->code[0] == '\0' && answer->query_error != NULL)
        put_clean(ret->code, sizeof ret->code, answer->query_error, strcspn(answer->query_error, ";"));
    named = ret->code[0] != '\0';
    if (!named)
        snprintf(ret->code, sizeof ret->code, "HTTP %d", answer->status);
    if (strcmp(ret->code, "AWS.SimpleQueueService.NonExistentQueue") ==
        0) /* its name in the older protocol */
        snprintf(ret->code, sizeof ret->code, "QueueDoesNotExist");
    if (answer->message != NULL)
        put_clean(ret->message, sizeof ret->message, answer->message, strlen(answer->message));
    else if (!json)
        put_clean(ret->message, AWS_MESSAGE_SIZE / 4, answer->body, answer->body_len);
    drop_secrets(ret->message);
    rule = rule_of(ret);
    ret->kind = kind_of(ret, rule, named);
    ret->expired = ret->kind == AWS_AUTH && is_among(ret->code, expired_codes);
    ret->skewed = ret->kind == AWS_AUTH && is_among(ret->code, skew_codes);
    ret->may_have_acted = may_have_acted(ret, rule);
}

void aws_error_set(struct aws_error *ret, enum aws_error_kind kind, const char *code, const char *fmt, ...)
{
    char text[AWS_MESSAGE_SIZE];
    va_list ap;

    *ret = (struct aws_error){.kind = kind, .may_have_acted = kind == AWS_UNKNOWN};
    snprintf(ret->code, sizeof ret->code, "%s", code);
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    put_clean(ret->message, sizeof ret->message, text, strlen(text));
}

void aws_error_done(struct aws_error *error)
{
    for (size_t i = 0; i < error->resource_id_count; i++)
        free(error->resource_ids[i]);
    free(error->resource_ids);
    *error = (struct aws_error){0};
}

void aws_error_copy(struct aws_error *to, const struct aws_error *from)
{
    *to = *from;
    to->resource_ids = mem_array(from->resource_id_count, sizeof *to->resource_ids);
    for (size_t i = 0; i < from->resource_id_count; i++)
        to->resource_ids[i] = mem_strdup(from->resource_ids[i]);
}

const char *aws_error_text(const struct aws_error *error, char *out, size_t size)
{
    AUTO_BUF struct buf buf;

    buf_init(&buf, ERROR_TEXT_MAX);
    if (error->operation[0] != '\0')
        buf_printf(&buf, "%s: ", error->operation);
    buf_puts(&buf, error->code);
    if (error->message[0] != '\0')
        buf_printf(&buf, ": %s", error->message);
    if (error->status != 0 || error->attempts > 1) {
        const char *comma = "";

        buf_puts(&buf, " (");
        if (error->status != 0) {
            buf_printf(&buf, "HTTP %d", error->status);
            comma = ", ";
        }
        if (error->attempts > 1) {
            buf_printf(&buf, "%s%d attempts", comma, error->attempts);
            comma = ", ";
        }
        if (error->request_id[0] != '\0')
            buf_printf(&buf, "%srequest %s", comma, error->request_id);
        buf_putc(&buf, ')');
    }
    put_clean(out, size, buf.data, buf.len);
    return out;
}

const char *aws_error_kind_name(enum aws_error_kind kind)
{
    switch (kind) {
    case AWS_OK:
        return "ok";
    case AWS_RETRYABLE:
        return "retryable";
    case AWS_THROTTLED:
        return "throttled";
    case AWS_REFUSED:
        return "refused";
    case AWS_CONFLICT:
        return "conflict";
    case AWS_AUTH:
        return "auth";
    case AWS_UNKNOWN:
        return "unknown";
    case AWS_CANCELLED:
        return "cancelled";
    }
    return "?";
}

static enum err_kind err_kind_of(const struct aws_error *error)
{
    switch (error->kind) {
    case AWS_OK:
        return ERR_NONE;
    case AWS_RETRYABLE:
    case AWS_THROTTLED:
    case AWS_UNKNOWN:
    case AWS_CANCELLED:
        return ERR_UNAVAILABLE;
    case AWS_REFUSED:
        return strncmp(error->code, "AccessDenied", 12) == 0 ? ERR_DENIED : ERR_INVALID;
    case AWS_CONFLICT:
        return ERR_CONFLICT;
    case AWS_AUTH:
        return ERR_DENIED;
    }
    return ERR_INTERNAL;
}

bool aws_error_to_err(const struct aws_error *error, struct err *err)
{
    char text[ERR_TEXT_SIZE];

    return err_set(err, err_kind_of(error), "%s", aws_error_text(error, text, sizeof text));
}
