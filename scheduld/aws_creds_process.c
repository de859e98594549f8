/* Keys that a program writes: credential_process of the profile (aws_provider.h). */
#include "aws_provider.h"
#include "aws_words.h"
#include "child.h"
#include "json.h"

#include <string.h>

enum { TIMEOUT_MS = 60 * 1000, OUT_MAX = 65536, SAID_MAX = 300 };

/* The first line of what it wrote to standard error, or nothing. */
static int said_length(const char *text)
{
    size_t len = strcspn(text, "\r\n");

    return (int)(len < SAID_MAX ? len : SAID_MAX);
}

static bool read_output(struct aws_lookup *lookup, const struct child_end *end, struct aws_keys *keys,
                        struct err *err)
{
    AUTO_JSON struct json_object *obj = NULL;
    int64_t version = 0;
    int said = said_length(end->err);

    if (!end->good)
        return err_set(err, ERR_UNAVAILABLE, "the program %s%s%.*s", end->why, said > 0 ? ", saying: " : "",
                       said, end->err);
    if (!aws_keys_parse_object(end->out, end->out_len, &obj, err))
        return false;
    if (!json_get_int64(obj, "Version", &version, NULL) || version != 1)
        return err_set(err, ERR_INVALID, "Version in the answer is not 1");
    return aws_keys_from_object(obj, "SessionToken", true, aws_means_now_s(lookup->means), keys, err);
}

static void on_end(void *arg, const struct child_end *end)
{
    struct aws_lookup *lookup = arg;
    AUTO_AWS_KEYS struct aws_keys keys = {0};
    struct err err = {0};
    bool good = read_output(lookup, end, &keys, &err);

    if (!good)
        err_wrap(&err, "credential_process");
    lookup->state = NULL;
    lookup->answer(lookup, good ? AWS_FOUND : AWS_FAILED, &keys, &err);
}

static enum aws_found find(struct aws_lookup *lookup, struct aws_keys *ret UNUSED, struct err *err)
{
    const char *line =
        aws_profiles_get(aws_config_profiles(lookup->means->config), lookup->profile, "credential_process");
    char **words;

    if (line == NULL) {
        err_set(err, ERR_NOT_FOUND, "no credential_process");
        return AWS_ABSENT;
    }
    if (!aws_words_split(line, &words, err)) {
        err_wrap(err, "credential_process");
        return AWS_FAILED;
    }
    lookup->state =
        child_start(lookup->means->base,
                    &(struct child_spec){.argv = words, .timeout_ms = TIMEOUT_MS, .out_max = OUT_MAX}, on_end,
                    lookup, err);
    aws_words_free(words);
    if (lookup->state != NULL)
        return AWS_PENDING;
    err_wrap(err, "credential_process");
    return AWS_FAILED;
}

static void cancel(struct aws_lookup *lookup)
{
    child_cancel(lookup->state);
    lookup->state = NULL;
}

const struct aws_provider aws_provider_process = {.name = "process", .find = find, .cancel = cancel};
