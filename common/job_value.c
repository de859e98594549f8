/* See job_value.h. */
#include "job_value.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

/* json-c's getters take no const where they may convert. They do not: the type is checked before. */
static struct json_object *unconst(const struct json_object *value)
{
    union {
        const struct json_object *lent;
        struct json_object *cast;
    } v = {.lent = value};

    return v.cast;
}

static bool not_null(const struct json_object *value, const struct job_at *at)
{
    return value != NULL || job_complain(at, "Field may not be null.");
}

bool job_value_string(const struct json_object *value, const char **ret, const struct job_at *at)
{
    if (!not_null(value, at))
        return false;
    if (!json_object_is_type(value, json_type_string))
        return job_complain(at, "Not a valid string.");
    *ret = json_object_get_string(unconst(value));
    return true;
}

bool job_value_integer_text(const char *text, int64_t *ret)
{
    char *end;

    while (isspace((unsigned char)*text))
        text++;
    if (!isdigit((unsigned char)text[*text == '+' || *text == '-' ? 1 : 0]))
        return false;
    *ret = strtoll(text, &end, 10);
    while (isspace((unsigned char)*end))
        end++;
    return *end == '\0';
}

bool job_value_integer(const struct json_object *value, int64_t *ret, const struct job_at *at)
{
    bool good = false;
    int64_t number = 0;

    if (!not_null(value, at))
        return false;
    if (json_object_is_type(value, json_type_int)) {
        number = json_object_get_int64(value); /* saturates */
        good = true;
    } else if (json_object_is_type(value, json_type_double)) {
        double d = json_object_get_double(value);

        good = d == floor(d);
        if (good)
            number = d >= 9.2e18 ? INT64_MAX : d <= -9.2e18 ? INT64_MIN : (int64_t)d;
    } else if (json_object_is_type(value, json_type_string)) {
        good = job_value_integer_text(json_object_get_string(unconst(value)), &number);
    }
    if (!good)
        return job_complain(at, "Not a valid integer.");
    *ret = number;
    return true;
}

static bool is_one_of(const char *text, const char *const *words)
{
    while (*words != NULL && strcmp(*words, text) != 0)
        words++;
    return *words != NULL;
}

bool job_value_boolean(const struct json_object *value, bool *ret, const struct job_at *at)
{
    static const char *const yes[] = {"t", "T", "true", "True", "TRUE", "1", NULL};
    static const char *const no[] = {"f", "F", "false", "False", "FALSE", "0", NULL};
    bool good = false, flag = false;

    if (!not_null(value, at))
        return false;
    if (json_object_is_type(value, json_type_boolean)) {
        flag = json_object_get_boolean(value);
        good = true;
    } else if (json_object_is_type(value, json_type_string)) {
        const char *text = json_object_get_string(unconst(value));

        flag = is_one_of(text, yes);
        good = flag || is_one_of(text, no);
    } else if (json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double)) {
        double d = json_object_get_double(value);

        flag = d > 0.5;
        good = d == floor(d) && d >= 0 && d <= 1;
    }
    if (!good)
        return job_complain(at, "Not a valid boolean.");
    *ret = flag;
    return true;
}

bool job_value_list(const struct json_object *value, int max, size_t *count, const struct job_at *at)
{
    if (!not_null(value, at))
        return false;
    if (!json_object_is_type(value, json_type_array))
        return job_complain(at, "Not a valid list.");
    *count = json_object_array_length(value);
    return *count <= (size_t)max || job_complain(at, "Longer than maximum length %d.", max);
}
