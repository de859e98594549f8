/* Any file is read or refused with a line's number and none of its text; and what was read can be asked for.
 */
#include "fuzz.h"

#include <string.h>

#include "aws_ini.h"
#include "mem.h"

static void check_value(const char *value)
{
    if (value != NULL)
        EXPECT(*value != '\0' && value[strlen(value) - 1] != '\n');
}

static void ask(const struct aws_ini_section *section)
{
    static const char *const keys[] = {"aws_access_key_id", "region", "services", "k", "ECS"};

    if (section == NULL)
        return;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        AUTO_FREE char *nested = aws_ini_get_nested(section, keys[i], "endpoint_url");

        check_value(aws_ini_get(section, keys[i]));
        EXPECT(nested == NULL || (*nested != '\0' && strchr(nested, '\n') == NULL));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct aws_ini *ini = NULL;
    struct err err = {0};

    if (!aws_ini_parse((const char *)data, size, &ini, &err)) {
        EXPECT(ini == NULL && err.kind == ERR_INVALID);
        EXPECT(strncmp(err.text, "line ", 5) == 0 || strstr(err.text, "it is longer") != NULL ||
               strstr(err.text, "NUL") != NULL);
        return 0;
    }
    ask(aws_ini_section(ini, "default"));
    ask(aws_ini_section_of(ini, "profile", "p"));
    ask(aws_ini_section_of(ini, "services", "my one"));
    aws_ini_free(ini);
    return 0;
}
