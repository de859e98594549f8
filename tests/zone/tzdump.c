/*
 * Answers questions about TZif files, a line each, for a test in another language:
 *
 *     f FILE      of which the next questions are
 *     u INSTANT   OFFSET BEGIN END
 *     l LOCAL     COUNT FIRST SECOND
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tz.h"

enum { FILE_MAX = 1 << 20, LINE_SIZE = 4096 };

static bool load(const char *path, struct tz **ret, struct err *err)
{
    static unsigned char bytes[FILE_MAX];
    FILE *file = fopen(path, "rb");
    size_t len;

    if (file == NULL)
        return err_errno(err, ERR_NOT_FOUND, "open");
    len = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    return tz_parse(bytes, len, ret, err);
}

static bool answer(const struct tz *tz, const char *line)
{
    char *end;
    int64_t number = strtoll(line + 1, &end, 10);

    if (end == line + 1)
        return false;
    if (line[0] == 'u') {
        struct tz_span span;

        tz_span_at(tz, number, &span);
        printf("%" PRId32 " %" PRId64 " %" PRId64 "\n", span.offset, span.begin, span.end);
    } else {
        struct tz_instants at;

        tz_instants_of(tz, number, &at);
        printf("%d %" PRId64 " %" PRId64 "\n", at.count, at.first, at.second);
    }
    return true;
}

int main(void)
{
    AUTO_TZ struct tz *tz = NULL;
    struct err err = {0};
    char line[LINE_SIZE];

    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "f ", 2) == 0) {
            tz_free(tz);
            tz = NULL;
            if (!load(line + 2, &tz, &err)) {
                fprintf(stderr, "tzdump: %s: %s\n", line + 2, err.text);
                return 1;
            }
        } else if (tz == NULL || !answer(tz, line)) {
            return 1;
        }
    }
    return 0;
}
