/* What the tables of job_ecs_shape.c cannot say: what goes together in a value whose parts are right. Each
 * complains at the part that has to change. */
#pragma once

#include "job_report.h"

#include <stdbool.h>

struct json_object;

bool job_rule_ecs(const struct json_object *value, const struct job_at *at);
bool job_rule_providers(const struct json_object *value, const struct job_at *at);
bool job_rule_constraint(const struct json_object *value, const struct job_at *at);
bool job_rule_strategy(const struct json_object *value, const struct job_at *at);
bool job_rule_tags(const struct json_object *value, const struct job_at *at);
bool job_rule_ebs(const struct json_object *value, const struct job_at *at);
bool job_rule_requirement(const struct json_object *value, const struct job_at *at);
bool job_rule_container(const struct json_object *value, const struct job_at *at);
