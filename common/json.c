/* Typed getters. See json.h; the parser is json_parse.c, the writer json_text.c. */
#include "json.h"

#include <math.h>

#include <json-c/json.h>

void json_release(struct json_object *value)
{
    json_object_put(value);
}

void json_release_scoped(struct json_object **value)
{
    json_object_put(*value);
    *value = NULL;
}

/* The member, or NULL if it is missing or null. */
static struct json_object *member(const struct json_object *obj, const char *key)
{
    struct json_object *value = NULL;

    return json_object_object_get_ex(obj, key, &value) ? value : NULL;
}

static bool missing(const char *key, struct err *err)
{
    return err_field(err, key, "%s is missing", key);
}

static bool wrong_type(const char *key, const char *want, const struct json_object *value, struct err *err)
{
    return err_field(err, key, "%s must be %s, not %s", key, want,
                     json_type_to_name(json_object_get_type(value)));
}

static bool as_string(const struct json_object *value, const char *key, const char **ret, struct err *err)
{
    union {
        const struct json_object *lent;
        struct json_object *cast;
    } v = {.lent = value};

    if (!json_object_is_type(value, json_type_string))
        return wrong_type(key, "a string", value, err);
    *ret = json_object_get_string(v.cast);
    return true;
}

static bool as_int64(const struct json_object *value, const char *key, int64_t *ret, struct err *err)
{
    if (json_object_is_type(value, json_type_int)) {
        /* Beyond INT64_MAX json-c holds an unsigned number and saturates here. */
        if (json_object_get_uint64(value) > INT64_MAX)
            return err_field(err, key, "%s is too large", key);
        *ret = json_object_get_int64(value);
        return true;
    }
    if (json_object_is_type(value, json_type_double)) {
        double number = json_object_get_double(value);

        if (number == floor(number) && fabs(number) < 9007199254740992.0) {
            *ret = (int64_t)number;
            return true;
        }
    }
    return wrong_type(key, "an integer", value, err);
}

static bool as_double(const struct json_object *value, const char *key, double *ret, struct err *err)
{
    if (!json_object_is_type(value, json_type_double) && !json_object_is_type(value, json_type_int))
        return wrong_type(key, "a number", value, err);
    *ret = json_object_get_double(value);
    return true;
}

static bool as_bool(const struct json_object *value, const char *key, bool *ret, struct err *err)
{
    if (!json_object_is_type(value, json_type_boolean))
        return wrong_type(key, "true or false", value, err);
    *ret = json_object_get_boolean(value);
    return true;
}

static bool as_object(struct json_object *value, const char *key, struct json_object **ret, struct err *err)
{
    if (!json_object_is_type(value, json_type_object))
        return wrong_type(key, "an object", value, err);
    *ret = value;
    return true;
}

static bool as_array(struct json_object *value, const char *key, struct json_object **ret, struct err *err)
{
    if (!json_object_is_type(value, json_type_array))
        return wrong_type(key, "an array", value, err);
    *ret = value;
    return true;
}

bool json_get_string(const struct json_object *obj, const char *key, const char **ret, struct err *err)
{
    const struct json_object *value = member(obj, key);

    return value == NULL ? missing(key, err) : as_string(value, key, ret, err);
}

bool json_get_int64(const struct json_object *obj, const char *key, int64_t *ret, struct err *err)
{
    const struct json_object *value = member(obj, key);

    return value == NULL ? missing(key, err) : as_int64(value, key, ret, err);
}

bool json_get_bool(const struct json_object *obj, const char *key, bool *ret, struct err *err)
{
    const struct json_object *value = member(obj, key);

    return value == NULL ? missing(key, err) : as_bool(value, key, ret, err);
}

bool json_get_object(const struct json_object *obj, const char *key, struct json_object **ret,
                     struct err *err)
{
    struct json_object *value = member(obj, key);

    return value == NULL ? missing(key, err) : as_object(value, key, ret, err);
}

bool json_get_array(const struct json_object *obj, const char *key, struct json_object **ret, struct err *err)
{
    struct json_object *value = member(obj, key);

    return value == NULL ? missing(key, err) : as_array(value, key, ret, err);
}

bool json_get_string_opt(const struct json_object *obj, const char *key, const char **ret, struct err *err)
{
    const struct json_object *value = member(obj, key);

    return value == NULL || as_string(value, key, ret, err);
}

bool json_get_int64_opt(const struct json_object *obj, const char *key, int64_t *ret, struct err *err)
{
    const struct json_object *value = member(obj, key);

    return value == NULL || as_int64(value, key, ret, err);
}

bool json_get_double_opt(const struct json_object *obj, const char *key, double *ret, struct err *err)
{
    const struct json_object *value = member(obj, key);

    return value == NULL || as_double(value, key, ret, err);
}

bool json_get_bool_opt(const struct json_object *obj, const char *key, bool *ret, struct err *err)
{
    const struct json_object *value = member(obj, key);

    return value == NULL || as_bool(value, key, ret, err);
}

bool json_get_object_opt(const struct json_object *obj, const char *key, struct json_object **ret,
                         struct err *err)
{
    struct json_object *value = member(obj, key);

    return value == NULL || as_object(value, key, ret, err);
}

bool json_get_array_opt(const struct json_object *obj, const char *key, struct json_object **ret,
                        struct err *err)
{
    struct json_object *value = member(obj, key);

    return value == NULL || as_array(value, key, ret, err);
}
