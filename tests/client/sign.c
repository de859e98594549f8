/*
 * Signs requests by scheduld's signer, for test_sigv4_botocore.py: a request a line on standard input, as in
 * tests/data/sigv4-vectors.jsonl, X-Amz-Date and Authorization a line on standard output.
 */
#include "attr.h"
#include "buf.h"
#include "json.h"
#include "mem.h"
#include "sigv4.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADERS_MAX = 256 };

static const char *text(const struct json_object *obj, const char *key)
{
    const char *value = NULL;
    struct err err;

    if (!json_get_string_opt(obj, key, &value, &err)) {
        fprintf(stderr, "sign: %s\n", err.text);
        exit(2);
    }
    return value;
}

static size_t unhex(const char *hex, char *out)
{
    size_t n = strlen(hex) / 2;

    for (size_t i = 0; i < n; i++)
        out[i] = (char)strtol((char[]){hex[2 * i], hex[2 * i + 1], '\0'}, NULL, 16);
    return n;
}

static void sign_one(struct sigv4 *signer, const struct json_object *obj)
{
    struct http_header headers[HEADERS_MAX];
    AUTO_FREE char *body = mem_alloc(strlen(text(obj, "body")) / 2 + 1);
    AUTO_BUF struct buf authorization;
    char date[SIGV4_DATE_SIZE];
    struct json_object *list = json_object_object_get(obj, "headers");
    struct sigv4_request request = {.method = text(obj, "method"),
                                    .path = text(obj, "path"),
                                    .query = text(obj, "query"),
                                    .headers = headers,
                                    .header_count = json_object_array_length(list),
                                    .body = body,
                                    .body_len = unhex(text(obj, "body"), body)};
    struct sigv4_scope scope = {json_object_get_int64(json_object_object_get(obj, "at")), text(obj, "region"),
                                text(obj, "service")};
    struct sigv4_keys keys = {text(obj, "access_key_id"), text(obj, "secret"), text(obj, "token")};

    if (request.header_count > HEADERS_MAX)
        exit(2);
    for (size_t i = 0; i < request.header_count; i++) {
        struct json_object *pair = json_object_array_get_idx(list, i);

        headers[i].name = json_object_get_string(json_object_array_get_idx(pair, 0));
        headers[i].value = json_object_get_string(json_object_array_get_idx(pair, 1));
    }
    buf_init(&authorization, SIZE_MAX);
    sigv4_sign(signer, &request, &scope, &keys, date, &authorization);
    printf("%s %s\n", date, authorization.data);
}

int main(void)
{
    struct sigv4 *signer = sigv4_new();
    char *line = NULL;
    size_t size = 0;
    ssize_t len;

    while ((len = getline(&line, &size, stdin)) > 0) {
        AUTO_JSON struct json_object *obj = NULL;
        struct err err;

        if (!json_parse(line, (size_t)len, &obj, &err)) {
            fprintf(stderr, "sign: %s\n", err.text);
            return 2;
        }
        sign_one(signer, obj);
    }
    free(line);
    sigv4_free(signer);
    return 0;
}
