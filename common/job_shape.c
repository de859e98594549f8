/* See job_shape.h. */
#include "job_shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "job_value.h"

enum { NAMES_MAX = 1024, INDEX_SIZE = 24 };

size_t job_shape_characters(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

static bool check_words(const char *const *words, const char *text, const struct job_at *at)
{
    AUTO_BUF struct buf names = {0};

    buf_init(&names, NAMES_MAX);
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0)
            return true;
        buf_printf(&names, "%s%s", i == 0 ? "" : ", ", words[i]);
    }
    return job_complain(at, "Must be one of %s.", names.data);
}

static bool check_string(const struct job_shape *shape, const struct json_object *value,
                         const struct job_at *at)
{
    const char *text;
    int64_t len;

    if (!job_value_string(value, &text, at))
        return false;
    if (shape->words != NULL)
        return check_words(shape->words, text, at);
    len = (int64_t)job_shape_characters(text);
    if (shape->max > 0 && (len < shape->min || len > shape->max))
        return job_complain(at, "Must have %" PRId64 " to %" PRId64 " characters.", shape->min, shape->max);
    if (shape->form != NULL && !shape->form(text))
        return job_complain(at, "%s", shape->form_text);
    return true;
}

static bool check_integer(const struct job_shape *shape, const struct json_object *value,
                          const struct job_at *at)
{
    int64_t number;

    if (!json_object_is_type(value, json_type_int))
        return job_complain(at, "Not a valid integer.");
    number = json_object_get_int64(value);
    if (shape->max > 0 && (number < shape->min || number > shape->max))
        return job_complain(at, "Must be between %" PRId64 " and %" PRId64 ".", shape->min, shape->max);
    return true;
}

static bool check_list(const struct job_shape *shape, const struct json_object *value,
                       const struct job_at *at)
{
    int64_t count;
    bool good = true;

    if (!json_object_is_type(value, json_type_array))
        return job_complain(at, "Not a valid list.");
    count = (int64_t)json_object_array_length(value);
    if (shape->max > 0 && (count < shape->min || count > shape->max))
        return job_complain(at, "Must have %" PRId64 " to %" PRId64 " items.", shape->min, shape->max);
    for (int64_t i = 0; i < count; i++) {
        char key[INDEX_SIZE];
        const struct job_at item = {at->report, at, key};

        snprintf(key, sizeof key, "%" PRId64, i);
        good &= job_shape_check(shape->item, json_object_array_get_idx(value, (size_t)i), &item);
    }
    return good;
}

static bool complain_of_strangers(const struct job_shape *shape, const struct job_at *at, const char *what)
{
    AUTO_BUF struct buf names = {0};

    buf_init(&names, NAMES_MAX);
    for (size_t i = 0; i < shape->member_count; i++)
        if (shape->members[i].shape != NULL)
            buf_printf(&names, "%s%s", names.len == 0 ? "" : ", ", shape->members[i].name);
    return job_complain(at, "%s; there are %s.", what, names.data);
}

static bool check_member(const struct job_shape *shape, const struct json_object *value,
                         const struct job_at *at)
{
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct job_member *member = &shape->members[i];

        if (strcmp(member->name, at->key) != 0)
            continue;
        if (value == NULL && member->nullable)
            return true;
        return member->shape != NULL ? job_shape_check(member->shape, value, at)
                                     : job_complain(at, "%s", member->refusal);
    }
    return complain_of_strangers(shape, at, "Unknown field");
}

static bool check_object(const struct job_shape *shape, const struct json_object *value,
                         const struct job_at *at)
{
    bool good = true;

    if (!json_object_is_type(value, json_type_object))
        return job_complain(at, "Not a valid mapping type.");
    if ((size_t)json_object_object_length(value) > shape->member_count) /* not a word about each of 100,000 */
        return complain_of_strangers(shape, at, "Too many fields");
    json_object_object_foreach(value, key, member)
    {
        const struct job_at place = {at->report, at, key};

        good &= check_member(shape, member, &place);
    }
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct job_at place = {at->report, at, shape->members[i].name};

        if (shape->members[i].required && !json_object_object_get_ex(value, place.key, NULL))
            good = job_complain(&place, "Missing data for required field.");
    }
    return good;
}

static bool check_kind(const struct job_shape *shape, const struct json_object *value,
                       const struct job_at *at)
{
    switch (shape->kind) {
    case SHAPE_STRING:
        return check_string(shape, value, at);
    case SHAPE_INTEGER:
        return check_integer(shape, value, at);
    case SHAPE_BOOLEAN:
        return json_object_is_type(value, json_type_boolean) || job_complain(at, "Not a valid boolean.");
    case SHAPE_LIST:
        return check_list(shape, value, at);
    case SHAPE_OBJECT:
        return check_object(shape, value, at);
    }
    return false;
}

bool job_shape_check(const struct job_shape *shape, const struct json_object *value, const struct job_at *at)
{
    if (value == NULL)
        return job_complain(at, "Field may not be null.");
    return check_kind(shape, value, at) && (shape->rule == NULL || shape->rule(value, at));
}
