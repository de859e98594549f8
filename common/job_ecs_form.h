/* Forms of the texts that RunTask takes: what can be told of an id or an ARN without asking AWS. */
#pragma once

#include <stdbool.h>

bool job_form_cluster(const char *text);          /* name or ARN */
bool job_form_version(const char *text);          /* "1.4.0", "LATEST" */
bool job_form_subnet(const char *text);           /* "subnet-0a1b2c3d" */
bool job_form_security_group(const char *text);   /* "sg-0a1b2c3d" */
bool job_form_snapshot(const char *text);         /* "snap-0a1b2c3d" */
bool job_form_role(const char *text);             /* "arn:aws:iam::123456789012:role/name" */
bool job_form_environment_file(const char *text); /* "arn:aws:s3:::bucket/name.env" */
bool job_form_cpu(const char *text);              /* of a task: "1024", "1 vCPU", ".5 vCPU" */
bool job_form_memory(const char *text);           /* of a task: "2048", "2 GB" */
bool job_form_tag(const char *text);              /* key or value */
bool job_form_count_or_all(const char *text);     /* "2", "ALL" */
bool job_form_spread(const char *text);           /* field of a placement: "host", "attribute:..." */
