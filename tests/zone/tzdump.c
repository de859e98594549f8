/*
 * Answers questions about one TZif file, a line each, for a test in another language:
 *
 *     tzdump FILE     stdin:  u INSTANT   →  OFFSET BEGIN END
 *                             l LOCAL     →  COUNT FIRST SECOND
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tz.h"

enum { FILE_MAX = 1 << 20 };

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

int main(int argc, char **argv)
{
    AUTO_TZ struct tz *tz = NULL;
    struct err err = {0};
    char line[64];

    if (argc != 2 || !load(argv[1], &tz, &err)) {
        fprintf(stderr, "tzdump: %s: %s\n", argc == 2 ? argv[1] : "usage: tzdump FILE", err.text);
        return 1;
    }
    while (fgets(line, sizeof line, stdin) != NULL)
        if (!answer(tz, line))
            return 1;
    return 0;
}
