/* See job_ecs_rule.h. */
#include "job_ecs_rule.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "job_ecs_form.h"

enum { INDEX_SIZE = 24 };

static const struct json_object *get(const struct json_object *value, const char *key)
{
    struct json_object *member = NULL;

    json_object_object_get_ex(value, key, &member);
    return member;
}

/* A member that is a text, "" if it is not there. */
static const char *get_text(const struct json_object *value, const char *key)
{
    struct json_object *member = NULL;

    return json_object_object_get_ex(value, key, &member) && member != NULL ? json_object_get_string(member)
                                                                            : "";
}

/* A member that is a number, 0 if it is not there. */
static int64_t get_number(const struct json_object *value, const char *key)
{
    return json_object_get_int64(get(value, key));
}

static bool complain_at(const struct job_at *at, const char *key, const char *text)
{
    const struct job_at place = {at->report, at, key};

    return job_complain(&place, "%s", text);
}

static bool check_bases(const struct json_object *list, const struct job_at *at)
{
    int bases = 0;

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        char key[INDEX_SIZE];
        const struct job_at item = {at->report, at, key};

        snprintf(key, sizeof key, "%zu", i);
        bases += get_number(json_object_array_get_idx(list, i), "base") > 0;
        if (bases > 1)
            return complain_at(&item, "base", "Only one capacity provider may have a base.");
    }
    return true;
}

bool job_rule_providers(const struct json_object *value, const struct job_at *at)
{
    size_t count = json_object_array_length(value);
    int64_t weights = 0;

    for (size_t i = 0; i < count; i++)
        weights += get_number(json_object_array_get_idx(value, i), "weight");
    if (weights == 0)
        return job_complain(at, "At least one capacity provider must have a weight above 0.");
    return check_bases(value, at);
}

bool job_rule_constraint(const struct json_object *value, const struct job_at *at)
{
    bool has_expression = get(value, "expression") != NULL;
    bool member_of = strcmp(get_text(value, "type"), "memberOf") == 0;

    if (member_of && !has_expression)
        return complain_at(at, "expression", "A constraint memberOf needs an expression.");
    if (!member_of && has_expression)
        return complain_at(at, "expression", "A constraint distinctInstance takes no expression.");
    return true;
}

bool job_rule_strategy(const struct json_object *value, const struct job_at *at)
{
    const char *type = get_text(value, "type"), *field = get_text(value, "field");

    if (strcmp(type, "random") == 0 && field[0] != '\0')
        return complain_at(at, "field", "A strategy random takes no field.");
    if (strcmp(type, "binpack") == 0 && strcmp(field, "cpu") != 0 && strcmp(field, "memory") != 0)
        return complain_at(at, "field", "A strategy binpack needs cpu or memory.");
    if (strcmp(type, "spread") == 0 && !job_form_spread(field))
        return complain_at(at, "field", "A strategy spread needs instanceId, host or attribute:NAME.");
    return true;
}

bool job_rule_tags(const struct json_object *value, const struct job_at *at)
{
    for (size_t i = 1; i < json_object_array_length(value); i++) {
        const char *tag_key = get_text(json_object_array_get_idx(value, i), "key");
        char key[INDEX_SIZE];
        const struct job_at item = {at->report, at, key};

        snprintf(key, sizeof key, "%zu", i);
        for (size_t k = 0; k < i; k++)
            if (strcmp(get_text(json_object_array_get_idx(value, k), "key"), tag_key) == 0)
                return complain_at(&item, "key", "Each key may be there once.");
    }
    return true;
}

/* What EBS takes, by type of volume. */
static const struct ebs_limits {
    const char *type;
    int64_t size_min, size_max;
    int64_t iops_min, iops_max; /* 0: none may be given */
    bool iops_needed;
} ebs_limits[] = {
    {"gp2", 1, 16384, 100, 16000, false}, {"gp3", 1, 16384, 3000, 16000, false},
    {"io1", 4, 16384, 100, 64000, true},  {"io2", 4, 16384, 100, 256000, true},
    {"sc1", 125, 16384, 0, 0, false},     {"st1", 125, 16384, 0, 0, false},
    {"standard", 1, 1024, 0, 0, false},
};

static bool check_range(const struct json_object *value, const char *key, int64_t min, int64_t max,
                        const struct job_at *at)
{
    const struct job_at place = {at->report, at, key};
    int64_t number = get_number(value, key);

    if (get(value, key) == NULL || (number >= min && number <= max))
        return true;
    return job_complain(&place, "Must be between %" PRId64 " and %" PRId64 " for volumes of type %s.", min,
                        max, get_text(value, "volumeType"));
}

static bool check_ebs_type(const struct json_object *value, const struct job_at *at)
{
    const struct ebs_limits *limits = ebs_limits;
    bool has_iops = get(value, "iops") != NULL, size_good, iops_good;

    while (strcmp(limits->type, get_text(value, "volumeType")) != 0)
        limits++;
    if (limits->iops_needed && !has_iops)
        return complain_at(at, "iops", "Volumes of type io1 and io2 need it.");
    if (limits->iops_max == 0 && has_iops)
        return complain_at(at, "iops", "Volumes of type sc1, st1 and standard have none.");
    if (strcmp(limits->type, "gp3") != 0 && get(value, "throughput") != NULL)
        return complain_at(at, "throughput", "Only volumes of type gp3 have it.");
    size_good = check_range(value, "sizeInGiB", limits->size_min, limits->size_max, at);
    iops_good = check_range(value, "iops", limits->iops_min, limits->iops_max, at);
    return size_good && iops_good;
}

bool job_rule_ebs(const struct json_object *value, const struct job_at *at)
{
    bool from_snapshot = get(value, "snapshotId") != NULL;

    if (!from_snapshot && get(value, "sizeInGiB") == NULL)
        return complain_at(at, "sizeInGiB", "Missing: a volume needs sizeInGiB or snapshotId.");
    if (!from_snapshot && get(value, "volumeInitializationRate") != NULL)
        return complain_at(at, "volumeInitializationRate", "Only a volume from a snapshotId has it.");
    return get(value, "volumeType") == NULL || check_ebs_type(value, at);
}

bool job_rule_requirement(const struct json_object *value, const struct job_at *at)
{
    if (strcmp(get_text(value, "type"), "NeuronDevice") == 0 && strcmp(get_text(value, "value"), "ALL") != 0)
        return complain_at(at, "value", "Must be \"ALL\" for NeuronDevice.");
    return true;
}

bool job_rule_container(const struct json_object *value, const struct job_at *at)
{
    const struct json_object *memory = get(value, "memory");

    if (memory != NULL && get_number(value, "memoryReservation") > json_object_get_int64(memory))
        return complain_at(at, "memoryReservation", "May not be above memory.");
    return true;
}

/* Whether tasks are sure to run on Fargate. */
static bool on_fargate(const struct json_object *value)
{
    const struct json_object *list = get(value, "capacityProviderStrategy");
    size_t fargate = 0, count = list == NULL ? 0 : json_object_array_length(list);

    for (size_t i = 0; i < count; i++) {
        const char *name = get_text(json_object_array_get_idx(list, i), "capacityProvider");

        fargate += strcmp(name, "FARGATE") == 0 || strcmp(name, "FARGATE_SPOT") == 0;
    }
    return count > 0 ? fargate == count : strcmp(get_text(value, "launchType"), "FARGATE") == 0;
}

bool job_rule_ecs(const struct json_object *value, const struct job_at *at)
{
    static const char *const not_fargate[] = {"placementConstraints", "placementStrategy"};
    static const char *const only_fargate[] = {"platformVersion", "ephemeralStorage"};
    bool has_type = get(value, "launchType") != NULL, fargate = on_fargate(value), good = true;

    if (strcmp(get_text(value, "launchType"), "MANAGED_INSTANCES") == 0)
        return complain_at(
            at, "launchType",
            "Managed instances are asked for by capacityProviderStrategy, without launchType.");
    if (has_type && get(value, "capacityProviderStrategy") != NULL)
        return complain_at(at, "capacityProviderStrategy", "May not be given together with launchType.");
    for (size_t i = 0; fargate && i < ARRAY_LEN(not_fargate); i++)
        if (get(value, not_fargate[i]) != NULL && json_object_array_length(get(value, not_fargate[i])) > 0)
            good = complain_at(at, not_fargate[i], "Fargate takes none.");
    for (size_t i = 0; has_type && !fargate && i < ARRAY_LEN(only_fargate); i++)
        if (get(value, only_fargate[i]) != NULL)
            good = complain_at(at, only_fargate[i], "Only for tasks on Fargate, not with this launchType.");
    return good;
}
