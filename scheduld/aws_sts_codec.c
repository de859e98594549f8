/* See aws_sts_codec.h. */
#include "aws_sts_codec.h"

#include "mem.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";

void aws_form_put(struct buf *form, const char *name, const char *value)
{
    buf_printf(form, "%s%s=", form->len > 0 ? "&" : "", name);
    for (; *value != '\0'; value++) {
        if (strchr(unreserved, *value) != NULL)
            buf_putc(form, *value);
        else
            buf_printf(form, "%%%02X", (unsigned char)*value);
    }
}

static const struct {
    const char *text;
    char means;
} entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};

/* Appends one character, or what an entity at p stands for; returns what comes after it. */
static const char *put_character(struct buf *buf, const char *p)
{
    for (size_t i = 0; i < ARRAY_LEN(entities); i++) {
        size_t len = strlen(entities[i].text);

        if (strncmp(p, entities[i].text, len) == 0) {
            buf_putc(buf, entities[i].means);
            return p + len;
        }
    }
    buf_putc(buf, *p);
    return p + 1;
}

char *aws_xml_text(const char *xml, size_t len, const char *name)
{
    AUTO_FREE char *open = mem_printf("<%s>", name);
    AUTO_FREE char *close = mem_printf("</%s>", name);
    AUTO_BUF struct buf buf = {0};
    const char *from = memmem(xml, len, open, strlen(open)), *end;

    if (from == NULL)
        return NULL;
    from += strlen(open);
    end = memchr(from, '<', (size_t)(xml + len - from));
    if (end == NULL || (size_t)(xml + len - end) < strlen(close) || memcmp(end, close, strlen(close)) != 0)
        return NULL;
    buf_init(&buf, len);
    while (from < end)
        from = put_character(&buf, from);
    return buf_steal(&buf);
}

/* What was read, to be wiped. */
struct fields {
    char *id, *secret, *token, *expiration;
};

static void fields_done(struct fields *fields)
{
    if (fields->secret != NULL)
        OPENSSL_cleanse(fields->secret, strlen(fields->secret));
    if (fields->token != NULL)
        OPENSSL_cleanse(fields->token, strlen(fields->token));
    free(fields->id);
    free(fields->secret);
    free(fields->token);
    free(fields->expiration);
}

bool aws_sts_read(const char *xml, size_t len, int64_t now_s, struct aws_keys *ret, struct err *err)
{
    CLEANUP(fields_done)
    struct fields fields = {aws_xml_text(xml, len, "AccessKeyId"), aws_xml_text(xml, len, "SecretAccessKey"),
                            aws_xml_text(xml, len, "SessionToken"), aws_xml_text(xml, len, "Expiration")};
    AUTO_AWS_KEYS struct aws_keys keys = {0};

    if (fields.id == NULL || fields.secret == NULL || fields.token == NULL || fields.expiration == NULL)
        return err_set(err, ERR_INVALID, "the answer has no %s",
                       fields.id == NULL       ? "AccessKeyId"
                       : fields.secret == NULL ? "SecretAccessKey"
                       : fields.token == NULL  ? "SessionToken"
                                               : "Expiration");
    if (aws_keys_take("AccessKeyId", fields.id, "SecretAccessKey", fields.secret, fields.token, &keys, err) !=
            AWS_FOUND ||
        !aws_keys_time(fields.expiration, &keys.expires_s, err))
        return false;
    if (keys.expires_s <= now_s)
        return err_set(err, ERR_UNAVAILABLE, "the keys in the answer expired at %s", fields.expiration);
    *ret = keys;
    keys = (struct aws_keys){0};
    return true;
}

void aws_sts_error(int status, const char *xml, size_t len, struct aws_error *ret)
{
    AUTO_FREE char *code = aws_xml_text(xml, len, "Code");
    AUTO_FREE char *message = aws_xml_text(xml, len, "Message");
    AUTO_FREE char *request_id = aws_xml_text(xml, len, "RequestId");

    aws_error_read(&(struct aws_answer){.status = status,
                                        .error_type = code,
                                        .message = message,
                                        .request_id = request_id,
                                        .body = xml,
                                        .body_len = len},
                   ret);
}

static const char session_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=,.@-";

bool aws_sts_is_session_name(const char *name)
{
    size_t len = strlen(name);

    return len >= STS_SESSION_NAME_MIN && len <= STS_SESSION_NAME_MAX && strspn(name, session_chars) == len;
}

void aws_sts_session_name(const char *host, char ret[static STS_SESSION_NAME_MAX + 1])
{
    snprintf(ret, STS_SESSION_NAME_MAX + 1, "ecs-scheduler-%s", host);
    for (char *p = ret; *p != '\0'; p++)
        if (strchr(session_chars, *p) == NULL)
            *p = '-';
}
