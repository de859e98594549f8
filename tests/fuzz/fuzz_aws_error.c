/* Whatever AWS, or a proxy on the way to it, answers: there is a kind, a name, and a message that can be
 * shown.
 *
 * An input: the status in two bytes, the three headers a line each, the body. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "aws_error.h"
#include "aws_retry.h"
#include "json.h"
#include "mem.h"

enum { HEADERS = 3, ATTEMPTS = 40 };

static void expect_clean(const char *text)
{
    EXPECT(json_utf8_valid(text, strlen(text)));
    for (; *text != '\0'; text++)
        EXPECT((unsigned char)*text >= ' ' && *text != 0x7F);
}

static void check(const struct aws_error *error, int status)
{
    AUTO_AWS_ERROR struct aws_error copy = {0};
    char text[2 * AWS_MESSAGE_SIZE];
    struct err err = {0};

    EXPECT(error->kind != AWS_OK && error->status == status && error->code[0] != '\0');
    EXPECT(error->retry_after_ms >= 0 && error->retry_after_ms <= 3600000);
    EXPECT(error->may_have_acted || (status >= 300 && status < 500));
    EXPECT(error->resource_id_count <= AWS_RESOURCE_IDS_MAX);
    expect_clean(error->code);
    expect_clean(error->message);
    expect_clean(error->request_id);
    EXPECT(strcasestr(error->message, "x-amz-security-token") == NULL);
    expect_clean(aws_error_text(error, text, sizeof text));
    EXPECT(!aws_error_to_err(error, &err) && err.kind != ERR_NONE && err.kind != ERR_INTERNAL);
    aws_error_copy(&copy, error);
    for (int i = 1; i < ATTEMPTS; i++) {
        int64_t ms = aws_retry_delay_ms(error, i, 0.5);

        EXPECT(ms >= 0 && ms <= 20000);
        EXPECT(!aws_retry_wanted(error, i) || i < AWS_ATTEMPTS_MAX);
    }
}

/* The next line, as a header's value; NULL if it is empty. *at is moved behind it. */
static char *take_line(const char **at, const char *end)
{
    const char *stop = memchr(*at, '\n', (size_t)(end - *at));
    size_t len = stop == NULL ? (size_t)(end - *at) : (size_t)(stop - *at);
    char *line = len == 0 ? NULL : mem_strndup(*at, len);

    *at += stop == NULL ? len : len + 1;
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_AWS_ERROR struct aws_error error = {0};
    const char *at = (const char *)data + 2, *end = (const char *)data + size;
    char *headers[HEADERS];
    struct aws_answer answer;

    if (size < 2)
        return 0;
    for (size_t i = 0; i < HEADERS; i++)
        headers[i] = take_line(&at, end);
    answer = (struct aws_answer){.status = 201 + (data[0] * 256 + data[1]) % 399,
                                 .error_type = headers[0],
                                 .query_error = headers[1],
                                 .request_id = headers[0],
                                 .retry_after = headers[2],
                                 .body = at,
                                 .body_len = (size_t)(end - at)};
    aws_error_read(&answer, &error);
    check(&error, answer.status);
    for (size_t i = 0; i < HEADERS; i++)
        free(headers[i]);
    return 0;
}
