/* See job_ecs_shape.h. A shape is a few lines of data; what a table cannot say, as two members that exclude
 * each other, is in job_ecs_rule.c. */
#include "job_ecs_shape.h"

#include "attr.h"
#include "job_ecs_form.h"
#include "job_ecs_rule.h"

enum {
    ARN_MAX = 2048, /* characters, as IAM has it */
    TEXT_MAX = 255,
    EXPRESSION_MAX = 2000,
    TAGS_MAX = 50,
    TAG_KEY_MAX = 128,
    TAG_VALUE_MAX = 256,
    PROVIDERS_MAX = 20,
    WEIGHT_MAX = 1000,
    BASE_MAX = 100000,
    SUBNETS_MAX = 16,
    GROUPS_MAX = 5,
    CONSTRAINTS_MAX = 10,
    STRATEGIES_MAX = 5,
    ENVIRONMENT_FILES_MAX = 10,
    REQUIREMENTS_MAX = 10,
    MEMORY_MIN = 4, /* MiB, as Docker has it */
    NUMBER_MAX = 2147483647,
};

/* clang-format off */
#define WORDS(...) .words = (const char *const[]){__VA_ARGS__, NULL}
#define MAY(key, of) {.name = (key), .shape = (of)}
#define MUST(key, of) {.name = (key), .shape = (of), .required = true}
#define OR_NULL(key, of) {.name = (key), .shape = (of), .nullable = true}
#define NEVER(key, why) {.name = (key), .refusal = (why)}
/* clang-format on */
#define MEMBERS(table) .members = (table), .member_count = ARRAY_LEN(table)

static const struct job_shape boolean = {.kind = SHAPE_BOOLEAN};
static const struct job_shape text = {.kind = SHAPE_STRING, .min = 1, .max = TEXT_MAX};
static const struct job_shape role = {.kind = SHAPE_STRING,
                                      .min = 1,
                                      .max = ARN_MAX,
                                      .form = job_form_role,
                                      .form_text =
                                          "Must be the ARN of an IAM role, arn:aws:iam::ACCOUNT:role/NAME."};

/* Tags. */

static const struct job_shape tag_key = {
    .kind = SHAPE_STRING,
    .min = 1,
    .max = TAG_KEY_MAX,
    .form = job_form_tag,
    .form_text = "May have letters, digits, spaces and _.:/=+-@, and may not begin with \"aws:\"."};
static const struct job_shape tag_value = {
    .kind = SHAPE_STRING,
    .min = 0,
    .max = TAG_VALUE_MAX,
    .form = job_form_tag,
    .form_text = "May have letters, digits, spaces and _.:/=+-@, and may not begin with \"aws:\"."};
static const struct job_member tag_members[] = {
    MUST("key", &tag_key),
    MAY("value", &tag_value),
};
static const struct job_shape tag = {.kind = SHAPE_OBJECT, MEMBERS(tag_members)};
static const struct job_shape tags = {
    .kind = SHAPE_LIST, .min = 0, .max = TAGS_MAX, .item = &tag, .rule = job_rule_tags};

static const struct job_shape propagate_tags = {.kind = SHAPE_STRING, WORDS("TASK_DEFINITION", "NONE")};

/* Where tasks run. */

static const struct job_shape cluster = {
    .kind = SHAPE_STRING,
    .min = 1,
    .max = ARN_MAX,
    .form = job_form_cluster,
    .form_text = "Must be a cluster's name, 1 to 255 of 0-9 A-Z a-z - _, or its ARN, "
                 "arn:aws:ecs:REGION:ACCOUNT:cluster/NAME."};
static const struct job_shape revision = {.kind = SHAPE_INTEGER, .min = 1, .max = NUMBER_MAX};
static const struct job_shape launch_type = {.kind = SHAPE_STRING,
                                             WORDS("EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES")};
static const struct job_shape platform_version = {.kind = SHAPE_STRING,
                                                  .min = 1,
                                                  .max = TEXT_MAX,
                                                  .form = job_form_version,
                                                  .form_text =
                                                      "Must be LATEST or a version of Fargate, as 1.4.0."};

static const struct job_shape weight = {.kind = SHAPE_INTEGER, .min = 0, .max = WEIGHT_MAX};
static const struct job_shape base = {.kind = SHAPE_INTEGER, .min = 0, .max = BASE_MAX};
static const struct job_member provider_members[] = {
    MUST("capacityProvider", &text),
    MAY("weight", &weight),
    MAY("base", &base),
};
static const struct job_shape provider = {.kind = SHAPE_OBJECT, MEMBERS(provider_members)};
static const struct job_shape providers = {
    .kind = SHAPE_LIST, .min = 1, .max = PROVIDERS_MAX, .item = &provider, .rule = job_rule_providers};

static const struct job_shape subnet = {.kind = SHAPE_STRING,
                                        .min = 1,
                                        .max = TEXT_MAX,
                                        .form = job_form_subnet,
                                        .form_text = "Must be the id of a subnet, as subnet-0a1b2c3d."};
static const struct job_shape security_group = {.kind = SHAPE_STRING,
                                                .min = 1,
                                                .max = TEXT_MAX,
                                                .form = job_form_security_group,
                                                .form_text =
                                                    "Must be the id of a security group, as sg-0a1b2c3d."};
static const struct job_shape subnets = {.kind = SHAPE_LIST, .min = 1, .max = SUBNETS_MAX, .item = &subnet};
static const struct job_shape security_groups = {
    .kind = SHAPE_LIST, .min = 0, .max = GROUPS_MAX, .item = &security_group};
static const struct job_shape public_ip = {.kind = SHAPE_STRING, WORDS("ENABLED", "DISABLED")};
static const struct job_member vpc_members[] = {
    MUST("subnets", &subnets),
    MAY("securityGroups", &security_groups),
    MAY("assignPublicIp", &public_ip),
};
static const struct job_shape vpc = {.kind = SHAPE_OBJECT, MEMBERS(vpc_members)};
static const struct job_member network_members[] = {MUST("awsvpcConfiguration", &vpc)};
static const struct job_shape network = {.kind = SHAPE_OBJECT, MEMBERS(network_members)};

static const struct job_shape constraint_type = {.kind = SHAPE_STRING, WORDS("distinctInstance", "memberOf")};
static const struct job_shape expression = {.kind = SHAPE_STRING, .min = 1, .max = EXPRESSION_MAX};
static const struct job_member constraint_members[] = {
    MUST("type", &constraint_type),
    MAY("expression", &expression),
};
static const struct job_shape constraint = {
    .kind = SHAPE_OBJECT, MEMBERS(constraint_members), .rule = job_rule_constraint};
static const struct job_shape constraints = {
    .kind = SHAPE_LIST, .min = 0, .max = CONSTRAINTS_MAX, .item = &constraint};

static const struct job_shape strategy_type = {.kind = SHAPE_STRING, WORDS("random", "spread", "binpack")};
static const struct job_member strategy_members[] = {
    MUST("type", &strategy_type),
    MAY("field", &text),
};
static const struct job_shape strategy = {
    .kind = SHAPE_OBJECT, MEMBERS(strategy_members), .rule = job_rule_strategy};
static const struct job_shape strategies = {
    .kind = SHAPE_LIST, .min = 0, .max = STRATEGIES_MAX, .item = &strategy};

/* Volumes. */

static const struct job_shape volume_type = {.kind = SHAPE_STRING,
                                             WORDS("gp2", "gp3", "io1", "io2", "sc1", "st1", "standard")};
static const struct job_shape size = {.kind = SHAPE_INTEGER, .min = 1, .max = 16384};
static const struct job_shape snapshot = {.kind = SHAPE_STRING,
                                          .min = 1,
                                          .max = TEXT_MAX,
                                          .form = job_form_snapshot,
                                          .form_text = "Must be the id of a snapshot, as snap-0a1b2c3d."};
static const struct job_shape initialization_rate = {.kind = SHAPE_INTEGER, .min = 1, .max = NUMBER_MAX};
static const struct job_shape iops = {.kind = SHAPE_INTEGER, .min = 100, .max = 256000};
static const struct job_shape throughput = {.kind = SHAPE_INTEGER, .min = 1, .max = 1000};
static const struct job_shape key_id = {.kind = SHAPE_STRING, .min = 1, .max = ARN_MAX};
static const struct job_shape filesystem = {.kind = SHAPE_STRING, WORDS("ext3", "ext4", "xfs", "ntfs")};
static const struct job_shape resource_type = {.kind = SHAPE_STRING, WORDS("volume")};
static const struct job_member tag_specification_members[] = {
    MUST("resourceType", &resource_type),
    MAY("tags", &tags),
    MAY("propagateTags", &propagate_tags),
};
static const struct job_shape tag_specification = {.kind = SHAPE_OBJECT, MEMBERS(tag_specification_members)};
static const struct job_shape tag_specifications = {
    .kind = SHAPE_LIST, .min = 0, .max = 1, .item = &tag_specification};
static const struct job_member termination_members[] = {MUST("deleteOnTermination", &boolean)};
static const struct job_shape termination = {.kind = SHAPE_OBJECT, MEMBERS(termination_members)};
static const struct job_member ebs_members[] = {
    MAY("encrypted", &boolean),
    MAY("filesystemType", &filesystem),
    MAY("iops", &iops),
    MAY("kmsKeyId", &key_id),
    MUST("roleArn", &role),
    MAY("sizeInGiB", &size),
    MAY("snapshotId", &snapshot),
    MAY("tagSpecifications", &tag_specifications),
    MAY("terminationPolicy", &termination),
    MAY("throughput", &throughput),
    MAY("volumeInitializationRate", &initialization_rate),
    MAY("volumeType", &volume_type),
};
static const struct job_shape ebs = {.kind = SHAPE_OBJECT, MEMBERS(ebs_members), .rule = job_rule_ebs};
static const struct job_member volume_members[] = {
    MUST("name", &text),
    MAY("managedEBSVolume", &ebs),
};
static const struct job_shape volume = {.kind = SHAPE_OBJECT, MEMBERS(volume_members)};
/* A task takes one volume that is configured at launch. */
static const struct job_shape volumes = {.kind = SHAPE_LIST, .min = 0, .max = 1, .item = &volume};

/* Overrides: of the task, whose cpu and memory are text, and of a container, whose are numbers. */

static const struct job_shape task_cpu = {
    .kind = SHAPE_STRING,
    .min = 1,
    .max = TEXT_MAX,
    .form = job_form_cpu,
    .form_text = "Must be CPU units in digits, as \"1024\", or vCPUs, as \"1 vCPU\"."};
static const struct job_shape task_memory = {.kind = SHAPE_STRING,
                                             .min = 1,
                                             .max = TEXT_MAX,
                                             .form = job_form_memory,
                                             .form_text =
                                                 "Must be MiB in digits, as \"2048\", or GB, as \"2 GB\"."};
static const struct job_shape storage_size = {.kind = SHAPE_INTEGER, .min = 21, .max = 200};
static const struct job_member storage_members[] = {MUST("sizeInGiB", &storage_size)};
static const struct job_shape storage = {.kind = SHAPE_OBJECT, MEMBERS(storage_members)};
#define TASK_MEMBERS(how)                                                                                    \
    how("cpu", &task_cpu), how("ephemeralStorage", &storage), how("executionRoleArn", &role),                \
        how("memory", &task_memory), how("taskRoleArn", &role)
const struct job_member job_ecs_task_members[] = {TASK_MEMBERS(MAY)};
const size_t job_ecs_task_member_count = ARRAY_LEN(job_ecs_task_members);
static const struct job_member overrides_members[] = {
    TASK_MEMBERS(MAY),
    NEVER("containerOverrides", "Is the job's own field overrides, beside ecs."),
    NEVER("inferenceAcceleratorOverrides", "AWS has withdrawn this."),
};
static const struct job_shape overrides = {.kind = SHAPE_OBJECT, MEMBERS(overrides_members)};

static const struct job_shape cpu_units = {.kind = SHAPE_INTEGER, .min = 0, .max = NUMBER_MAX};
static const struct job_shape memory = {.kind = SHAPE_INTEGER, .min = MEMORY_MIN, .max = NUMBER_MAX};
static const struct job_shape environment_file_name = {
    .kind = SHAPE_STRING,
    .min = 1,
    .max = ARN_MAX,
    .form = job_form_environment_file,
    .form_text = "Must be the ARN of an object in S3 that ends in .env, arn:aws:s3:::BUCKET/NAME.env."};
static const struct job_shape environment_file_type = {.kind = SHAPE_STRING, WORDS("s3")};
static const struct job_member environment_file_members[] = {
    MUST("type", &environment_file_type),
    MUST("value", &environment_file_name),
};
static const struct job_shape environment_file = {.kind = SHAPE_OBJECT, MEMBERS(environment_file_members)};
static const struct job_shape environment_files = {
    .kind = SHAPE_LIST, .min = 0, .max = ENVIRONMENT_FILES_MAX, .item = &environment_file};
static const struct job_shape requirement_type = {.kind = SHAPE_STRING, WORDS("GPU", "NeuronDevice")};
static const struct job_shape requirement_value = {.kind = SHAPE_STRING,
                                                   .min = 1,
                                                   .max = TEXT_MAX,
                                                   .form = job_form_count_or_all,
                                                   .form_text =
                                                       "Must be a number in digits, as \"2\", or \"ALL\"."};
static const struct job_member requirement_members[] = {
    MUST("type", &requirement_type),
    MUST("value", &requirement_value),
};
static const struct job_shape requirement = {
    .kind = SHAPE_OBJECT, MEMBERS(requirement_members), .rule = job_rule_requirement};
static const struct job_shape requirements = {
    .kind = SHAPE_LIST, .min = 0, .max = REQUIREMENTS_MAX, .item = &requirement};
const struct job_member job_ecs_container_members[] = {
    MAY("cpu", &cpu_units),
    MAY("environmentFiles", &environment_files),
    MAY("memory", &memory),
    MAY("memoryReservation", &memory),
    MAY("resourceRequirements", &requirements),
};
const size_t job_ecs_container_member_count = ARRAY_LEN(job_ecs_container_members);

/* All of it. A null takes away what ECSS_ECS_DEFAULTS says. */

static const struct job_member ecs_members[] = {
    OR_NULL("capacityProviderStrategy", &providers),
    OR_NULL("cluster", &cluster),
    OR_NULL("enableECSManagedTags", &boolean),
    OR_NULL("enableExecuteCommand", &boolean),
    OR_NULL("group", &text),
    OR_NULL("launchType", &launch_type),
    OR_NULL("networkConfiguration", &network),
    MAY("overrides", &overrides),
    OR_NULL("placementConstraints", &constraints),
    OR_NULL("placementStrategy", &strategies),
    OR_NULL("platformVersion", &platform_version),
    OR_NULL("propagateTags", &propagate_tags),
    OR_NULL("revision", &revision),
    OR_NULL("tags", &tags),
    OR_NULL("volumeConfigurations", &volumes),
    TASK_MEMBERS(OR_NULL),
    NEVER("clientToken", "Is set by the scheduler, so that nothing is started twice."),
    NEVER("count", "Is the job's own field taskCount, beside ecs."),
    NEVER("referenceId", "Is reserved for AWS."),
    NEVER("startedBy", "Is set by the scheduler: its setting ECSS_NAME."),
    NEVER("taskDefinition", "Is the job's own field taskDefinition, beside ecs."),
};
const struct job_shape job_ecs_shape = {.kind = SHAPE_OBJECT, MEMBERS(ecs_members), .rule = job_rule_ecs};
