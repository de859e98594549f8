/*
 * The signer against known answers: requests of many kinds signed by Debian's botocore
 * (tests/client/make_sigv4_vectors.py makes tests/data/sigv4-vectors.jsonl), and AWS's published suite if
 * $ECSS_SIGV4_SUITE names its folder.
 */
#include "test.h"

#include "attr.h"
#include "buf.h"
#include "json.h"
#include "mem.h"
#include "sigv4.h"

#include <dirent.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { VECTORS_MIN = 40, SUITE_MIN = 30 };

static struct sigv4 *signer;

/* A file's bytes, NUL-terminated; NULL if it is not there. */
static char *slurp(const char *path, size_t *len)
{
    AUTO_BUF struct buf buf = {0};
    char part[65536];
    FILE *file = fopen(path, "r");
    size_t n;

    if (file == NULL)
        return NULL;
    buf_init(&buf, 1 << 26);
    while ((n = fread(part, 1, sizeof part, file)) > 0)
        buf_put(&buf, part, n);
    fclose(file);
    if (len != NULL)
        *len = buf.len;
    return buf_steal(&buf);
}

static const char *text(const struct json_object *obj, const char *key)
{
    const char *value = NULL;
    struct err err;

    if (!json_get_string_opt(obj, key, &value, &err))
        fail_msg("%s: %s", key, err.text);
    return value;
}

/* What one request becomes, step by step. */
struct result {
    struct buf canonical, names, string_to_sign, authorization;
    char date[SIGV4_DATE_SIZE], hex[SIGV4_HEX_SIZE];
};

static void result_init(struct result *result)
{
    buf_init(&result->canonical, SIZE_MAX);
    buf_init(&result->names, SIZE_MAX);
    buf_init(&result->string_to_sign, SIZE_MAX);
    buf_init(&result->authorization, SIZE_MAX);
}

static void result_done(struct result *result)
{
    buf_done(&result->canonical);
    buf_done(&result->names);
    buf_done(&result->string_to_sign);
    buf_done(&result->authorization);
}

/* The steps for headers that are complete. */
static void sign_steps(const struct sigv4_request *request, const struct sigv4_scope *scope,
                       const char *secret, struct result *result)
{
    sigv4_put_canonical(signer, request, &result->canonical, &result->names);
    sigv4_put_string_to_sign(signer, scope, &result->canonical, &result->string_to_sign);
    sigv4_signature(signer, scope, secret, &result->string_to_sign, result->hex);
}

/* botocore's answers. */

static size_t unhex(const char *hex, char *out)
{
    size_t n = strlen(hex) / 2;

    for (size_t i = 0; i < n; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

        out[i] = (char)strtol(pair, NULL, 16);
    }
    return n;
}

static size_t read_headers(const struct json_object *obj, struct http_header *headers, size_t max)
{
    struct json_object *list = json_object_object_get(obj, "headers");
    size_t n = json_object_array_length(list);

    assert_true(n <= max);
    for (size_t i = 0; i < n; i++) {
        struct json_object *pair = json_object_array_get_idx(list, i);

        headers[i].name = json_object_get_string(json_object_array_get_idx(pair, 0));
        headers[i].value = json_object_get_string(json_object_array_get_idx(pair, 1));
    }
    return n;
}

static void check_vector(void **state)
{
    const struct json_object *obj = *state;
    struct http_header headers[64];
    AUTO_FREE char *body = mem_alloc(strlen(text(obj, "body")) / 2 + 1);
    struct sigv4_request request = {.method = text(obj, "method"),
                                    .path = text(obj, "path"),
                                    .query = text(obj, "query"),
                                    .headers = headers,
                                    .body = body};
    struct sigv4_scope scope = {.region = text(obj, "region"), .service = text(obj, "service")};
    struct sigv4_keys keys = {text(obj, "access_key_id"), text(obj, "secret"), text(obj, "token")};
    struct result result;

    result_init(&result);
    request.body_len = unhex(text(obj, "body"), body);
    request.header_count = read_headers(obj, headers, ARRAY_LEN(headers) - 2);
    assert_true(json_get_int64(obj, "at", &scope.at_s, NULL));
    sigv4_sign(signer, &request, &scope, &keys, result.date, &result.authorization);

    headers[request.header_count++] = (struct http_header){"X-Amz-Date", result.date};
    if (keys.token != NULL)
        headers[request.header_count++] = (struct http_header){"X-Amz-Security-Token", keys.token};
    sign_steps(&request, &scope, keys.secret, &result);
    assert_string_equal(result.date, text(obj, "amz_date"));
    assert_string_equal(result.canonical.data, text(obj, "canonical"));
    assert_string_equal(result.string_to_sign.data, text(obj, "string_to_sign"));
    assert_string_equal(result.authorization.data, text(obj, "authorization"));
    result_done(&result);
}

/* AWS's suite: a folder a case, with context.json, request.txt and what should come of it, signed by headers
 * and by query. */

struct suite_case {
    char *folder;
    struct json_object *context;
    char *request; /* cut into lines and words in place */
    char *method, *path, *query, *body;
    struct http_header headers[32];
    size_t header_count;
};

static char *suite_file(const struct suite_case *c, const char *name)
{
    AUTO_FREE char *path = mem_printf("%s/%s", c->folder, name);
    char *data = slurp(path, NULL);

    if (data == NULL)
        fail_msg("%s cannot be read", path);
    return data;
}

/* "Name:value" lines; one that begins with a blank goes on with the value before. */
static char *read_suite_headers(struct suite_case *c, char *line)
{
    while (line != NULL && *line != '\0' && *line != '\n') {
        char *end = strchr(line, '\n');
        char *colon = strchr(line, ':');

        while (end != NULL && (end[1] == ' ' || end[1] == '\t'))
            end = strchr(end + 1, '\n');
        if (end != NULL)
            *end = '\0';
        assert_non_null(colon);
        *colon = '\0';
        c->headers[c->header_count++] = (struct http_header){line, colon + 1};
        line = end == NULL ? NULL : end + 1;
    }
    return line;
}

static void read_suite_request(struct suite_case *c)
{
    char *line, *space, *version;

    c->request = suite_file(c, "request.txt");
    line = strchr(c->request, '\n');
    if (line != NULL)
        *line++ = '\0';
    space = strchr(c->request, ' ');
    version = strstr(c->request, " HTTP/1.1");
    assert_non_null(space);
    assert_non_null(version);
    *space = *version = '\0';
    c->method = c->request;
    c->path = space + 1;
    c->query = strchr(c->path, '?');
    if (c->query != NULL)
        *c->query++ = '\0';
    line = read_suite_headers(c, line);
    c->body = line == NULL || *line == '\0' ? mem_strdup("") : mem_strdup(line + 1);
}

static struct sigv4_scope suite_scope(const struct suite_case *c)
{
    struct tm tm = {0};

    assert_non_null(strptime(text(c->context, "timestamp"), "%Y-%m-%dT%H:%M:%SZ", &tm));
    return (struct sigv4_scope){timegm(&tm), text(c->context, "region"), text(c->context, "service")};
}

static bool flag(const struct suite_case *c, const char *name)
{
    bool value = false;

    assert_true(json_get_bool_opt(c->context, name, &value, NULL));
    return value;
}

static void compare_with(const struct suite_case *c, const struct result *result, const char *how)
{
    const char *const files[] = {"canonical-request", "string-to-sign", "signature"};
    const char *const made[] = {result->canonical.data, result->string_to_sign.data, result->hex};

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        AUTO_FREE char *name = mem_printf("%s-%s.txt", how, files[i]);
        AUTO_FREE char *wanted = suite_file(c, name);

        wanted[strcspn(wanted, "\r")] = '\0';
        if (i == 2)
            wanted[strcspn(wanted, "\n")] = '\0';
        assert_string_equal(made[i], wanted);
    }
}

static struct sigv4_request suite_request(struct suite_case *c)
{
    return (struct sigv4_request){.method = c->method,
                                  .path = c->path,
                                  .query = c->query,
                                  .headers = c->headers,
                                  .header_count = c->header_count,
                                  .body = c->body,
                                  .body_len = strlen(c->body),
                                  .keep_path = !flag(c, "normalize")};
}

/* Signed by headers. With omit_session_token the token is sent, but is no part of what is signed. */
static void check_by_headers(struct suite_case *c, const struct json_object *keys)
{
    struct sigv4_scope scope = suite_scope(c);
    struct sigv4_request request = suite_request(c);
    struct sigv4_keys with = {text(keys, "access_key_id"), text(keys, "secret_access_key"),
                              text(keys, "token")};
    struct http_header headers[40];
    struct result result;
    AUTO_FREE char *file = suite_file(c, "header-signed-request.txt");
    char body_hash[SIGV4_HEX_SIZE] = "";
    char *wanted;

    result_init(&result);
    if (flag(c, "omit_session_token"))
        with.token = NULL;
    memcpy(headers, c->headers, sizeof c->headers);
    request.headers = headers;
    if (flag(c, "sign_body")) {
        struct result empty;

        result_init(&empty);
        sigv4_put_canonical(signer, &request, &empty.canonical, &empty.names);
        snprintf(body_hash, sizeof body_hash, "%s", strrchr(empty.canonical.data, '\n') + 1);
        headers[request.header_count++] = (struct http_header){"x-amz-content-sha256", body_hash};
        result_done(&empty);
    }
    sigv4_sign(signer, &request, &scope, &with, result.date, &result.authorization);
    headers[request.header_count++] = (struct http_header){"X-Amz-Date", result.date};
    if (with.token != NULL)
        headers[request.header_count++] = (struct http_header){"X-Amz-Security-Token", with.token};
    sign_steps(&request, &scope, with.secret, &result);
    compare_with(c, &result, "header");
    wanted = strstr(file, "Authorization:");
    assert_non_null(wanted);
    wanted += strlen("Authorization:");
    wanted[strcspn(wanted, "\r\n")] = '\0';
    assert_string_equal(result.authorization.data, wanted);
    result_done(&result);
}

/* Signed by query: the parameters are given, and only the steps are ours. */
static void check_by_query(struct suite_case *c, const struct json_object *keys)
{
    struct sigv4_scope scope = suite_scope(c);
    struct sigv4_request request = suite_request(c);
    const char *token = text(keys, "token");
    char date[SIGV4_DATE_SIZE];
    AUTO_BUF struct buf query, names, canonical;
    int64_t expires;
    struct result result;

    buf_init(&query, SIZE_MAX);
    buf_init(&names, SIZE_MAX);
    buf_init(&canonical, SIZE_MAX);
    result_init(&result);
    assert_true(json_get_int64(c->context, "expiration_in_seconds", &expires, NULL));
    sigv4_date(scope.at_s, date);
    sigv4_put_canonical(signer, &request, &canonical, &names);
    buf_printf(&query, "%s&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%s/%.8s/%s/%s/aws4_request",
               c->query == NULL ? "" : c->query, text(keys, "access_key_id"), date, scope.region,
               scope.service);
    buf_printf(&query, "&X-Amz-Date=%s&X-Amz-SignedHeaders=%s&X-Amz-Expires=%lld", date, names.data,
               (long long)expires);
    if (token != NULL && !flag(c, "omit_session_token"))
        buf_printf(&query, "&X-Amz-Security-Token=%s", token);
    request.query = query.data;
    sign_steps(&request, &scope, text(keys, "secret_access_key"), &result);
    compare_with(c, &result, "query");
    result_done(&result);
}

static void check_suite(void **state)
{
    struct suite_case c = {.folder = *state};
    AUTO_FREE char *context = suite_file(&c, "context.json");
    struct json_object *keys;
    struct err err;

    if (!json_parse(context, strlen(context), &c.context, &err))
        fail_msg("%s/context.json: %s", c.folder, err.text);
    assert_true(json_get_object(c.context, "credentials", &keys, NULL));
    read_suite_request(&c);
    check_by_headers(&c, keys);
    check_by_query(&c, keys);
    free(c.request);
    free(c.body);
    json_release(c.context);
}

static void no_suite(void **state UNUSED)
{
    print_message("AWS's published suite is not there; set ECSS_SIGV4_SUITE to its folder\n");
    skip();
}

/* The rest. */

static void a_key_is_never_taken_for_another(void **state UNUSED)
{
    static const char *const regions[] = {"us-east-1", "eu-central-1", "ap-south-1"};
    static const char *const secrets[] = {"one", "two"};
    char first[18][SIGV4_HEX_SIZE];
    AUTO_BUF struct buf text_to_sign;

    buf_init(&text_to_sign, 100);
    buf_puts(&text_to_sign, "text");
    /* More keys than the signer keeps, in turn, twice; a signer of its own has never seen another key. */
    for (size_t i = 0; i < 36; i++) {
        size_t k = i % 18;
        struct sigv4_scope scope = {1795437892 + (int64_t)(k / 6) * 86400, regions[k % 3], "ecs"};
        struct sigv4 *fresh = sigv4_new();
        char hex[SIGV4_HEX_SIZE], alone[SIGV4_HEX_SIZE];

        sigv4_signature(signer, &scope, secrets[k / 3 % 2], &text_to_sign, hex);
        sigv4_signature(fresh, &scope, secrets[k / 3 % 2], &text_to_sign, alone);
        sigv4_free(fresh);
        assert_string_equal(hex, alone);
        memcpy(first[k], hex, sizeof hex);
    }
    for (size_t i = 0; i < 18; i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(first[i], first[k]);
}

static void a_scope_too_long_to_keep_is_signed_all_the_same(void **state UNUSED)
{
    char long_region[400];
    struct sigv4_scope scope = {1795437892, long_region, "ecs"};
    AUTO_BUF struct buf text_to_sign;
    char one[SIGV4_HEX_SIZE], two[SIGV4_HEX_SIZE];

    buf_init(&text_to_sign, 100);
    memset(long_region, 'r', sizeof long_region - 1);
    long_region[sizeof long_region - 1] = '\0';
    sigv4_signature(signer, &scope, "secret", &text_to_sign, one);
    long_region[sizeof long_region - 2] = 'x'; /* a change beyond what is kept */
    sigv4_signature(signer, &scope, "secret", &text_to_sign, two);
    assert_string_not_equal(one, two);
}

static void escapes_in_a_query_may_be_chosen_freely(void **state UNUSED)
{
    static const struct {
        const char *query, *canonical;
    } rows[] = {
        {"a=%7e&b=%41", "a=~&b=A"}, {"a=%2f", "a=%2F"},
        {"a=1+1", "a=1%2B1"},       {"a=%zz%4", "a=%25zz%254"},
        {"&&a=1&&b=2&", "a=1&b=2"}, {"b&a", "a=&b="},
        {"a=b=c", "a=b%3Dc"},       {"=x", "=x"},
        {"a=%", "a=%25"},           {"", ""},
        {"a=\xC3\xBC", "a=%C3%BC"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sigv4_request request = {.method = "GET", .path = "/", .query = rows[i].query};
        struct result result;
        AUTO_FREE char *wanted = mem_printf("GET\n/\n%s\n", rows[i].canonical);

        result_init(&result);
        sigv4_put_canonical(signer, &request, &result.canonical, &result.names);
        result.canonical.data[strlen(wanted)] = '\0';
        assert_string_equal(result.canonical.data, wanted);
        result_done(&result);
    }
}

/* One test a line of the file. */
static size_t add_vectors(struct CMUnitTest **tests, size_t count)
{
    AUTO_FREE char *data = slurp(TEST_DATA_DIR "/sigv4-vectors.jsonl", NULL);
    size_t before = count;

    if (data == NULL) {
        fprintf(stderr, TEST_DATA_DIR "/sigv4-vectors.jsonl cannot be read\n");
        exit(1);
    }
    for (char *line = strtok(data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        struct json_object *obj;
        struct err err;

        if (!json_parse(line, strlen(line), &obj, &err)) {
            fprintf(stderr, "sigv4-vectors.jsonl: %s\n", err.text);
            exit(1);
        }
        *tests = mem_grow(*tests, count + 1, sizeof **tests);
        (*tests)[count++] = (struct CMUnitTest){text(obj, "name"), check_vector, NULL, NULL, obj};
    }
    if (count - before < VECTORS_MIN) {
        fprintf(stderr, "only %zu known answers\n", count - before);
        exit(1);
    }
    return count;
}

static int is_case(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* One test a folder of the suite, or one that says why there is none. */
static size_t add_suite(struct CMUnitTest **tests, size_t count)
{
    const char *folder = getenv("ECSS_SIGV4_SUITE");
    struct dirent **entries = NULL;
    int n = folder == NULL ? -1 : scandir(folder, &entries, is_case, alphasort);

    *tests = mem_grow(*tests, count + (n < 0 ? 1 : (size_t)n), sizeof **tests);
    if (n < SUITE_MIN) {
        (*tests)[count++] = (struct CMUnitTest){"AWS's published suite", no_suite, NULL, NULL, NULL};
        return count;
    }
    for (int i = 0; i < n; i++) {
        char *path = mem_printf("%s/%s", folder, entries[i]->d_name);

        (*tests)[count++] = (struct CMUnitTest){strrchr(path, '/') + 1, check_suite, NULL, NULL, path};
        free(entries[i]);
    }
    free(entries);
    return count;
}

int main(void)
{
    const struct CMUnitTest more[] = {
        cmocka_unit_test(a_key_is_never_taken_for_another),
        cmocka_unit_test(a_scope_too_long_to_keep_is_signed_all_the_same),
        cmocka_unit_test(escapes_in_a_query_may_be_chosen_freely),
    };
    struct CMUnitTest *tests = mem_array(ARRAY_LEN(more), sizeof *tests);
    size_t count = ARRAY_LEN(more);
    int failed;

    memcpy(tests, more, sizeof more);
    count = add_vectors(&tests, count);
    count = add_suite(&tests, count);
    signer = sigv4_new();
    failed = _cmocka_run_group_tests("sigv4", tests, count, NULL, NULL);
    sigv4_free(signer);
    for (size_t i = 0; i < count; i++) {
        if (tests[i].test_func == check_vector)
            json_release(tests[i].initial_state);
        else if (tests[i].test_func == check_suite)
            free(tests[i].initial_state);
    }
    free(tests);
    return failed;
}
