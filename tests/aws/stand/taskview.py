"""How a task looks in the answers of RunTask, DescribeTasks and StopTask: in EC2's form and in Fargate's."""

from __future__ import annotations

from typing import Any

from stand.tasks import Task

INSTANCE = "c0ffee00c0ffee00c0ffee00c0ffee00"  # the one container instance of each cluster


def describe(task: Task, age: float, arns: Any, tags: bool = False) -> dict[str, Any]:
    """The task as AWS shows it at an age of the clock. `arns` makes ARNs (ecs.Arns)."""
    last, desired = task.status(age)
    definition = task.definition
    overrides = task.params.get("overrides") or {}
    shown = {
        "attachments": [_interface(task, last)] if task.fargate else [],
        "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
        "availabilityZone": f"{arns.region}a",
        "clusterArn": arns.cluster(task.cluster),
        "containers": [_container(task, name, last, arns) for name in definition.containers],
        "cpu": str(overrides.get("cpu") or definition.cpu or 128),
        "createdAt": round(task.born_at, 3),
        "desiredStatus": desired,
        "enableExecuteCommand": bool(task.params.get("enableExecuteCommand")),
        "group": task.params.get("group") or f"family:{definition.family}",
        "healthStatus": "UNKNOWN",
        "lastStatus": last,
        "memory": str(overrides.get("memory") or definition.memory or 128),
        "overrides": _overrides(task, overrides),
        "tags": [],
        "taskArn": task.arn,
        "taskDefinitionArn": definition.arn,
        "version": 1,
    }
    if tags:
        shown["tags"] = all_tags(task)
    if task.fargate:
        shown["platformVersion"] = "1.4.0"
        shown["platformFamily"] = "Linux"
        shown["ephemeralStorage"] = overrides.get("ephemeralStorage") or {"sizeInGiB": 20}
    else:
        shown["containerInstanceArn"] = arns.instance(task.cluster, INSTANCE)
    if task.provider is not None:
        shown["capacityProviderName"] = task.provider
    shown["launchType"] = task.launch_type
    if task.params.get("startedBy"):
        shown["startedBy"] = task.params["startedBy"]
    _times(task, age, last, desired, shown)
    return shown


def all_tags(task: Task) -> list[dict[str, str]]:
    """The task's tags: given, copied from its definition, and ECS's own."""
    tags = [dict(tag) for tag in task.params.get("tags") or []]
    if task.params.get("propagateTags") == "TASK_DEFINITION":
        given = {tag["key"] for tag in tags}
        tags += [tag for tag in task.definition.tags if tag["key"] not in given]
    if task.params.get("enableECSManagedTags"):
        tags.append({"key": "aws:ecs:clusterName", "value": task.cluster})
    return tags


def _times(task: Task, age: float, last: str, desired: str, shown: dict[str, Any]) -> None:
    started_age = task.born_age + task.life.start_s
    never_ran = task.ends_age is not None and task.ends_age < started_age
    if age >= started_age and not never_ran:
        shown["version"] += 1
        shown["connectivity"] = "CONNECTED"
        shown["connectivityAt"] = shown["pullStartedAt"] = round(task.born_at, 3)
        shown["startedAt"] = shown["pullStoppedAt"] = task.wall(started_age)
    if desired == "STOPPED":
        shown["version"] += 1
        shown["stoppingAt"] = task.wall(task.ends_age)
        shown["stopCode"] = "TaskFailedToStart" if never_ran and _fell(task) else task.stop_code
        shown["stoppedReason"] = task.stopped_reason
    if last == "STOPPED":
        shown["version"] += 1
        shown["executionStoppedAt"] = task.wall(task.ends_age)
        shown["stoppedAt"] = task.wall(task.gone_age)


def _fell(task: Task) -> bool:
    return task.stop_code == "EssentialContainerExited"


def _container(task: Task, name: str, last: str, arns: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "containerArn": "/".join((arns.of("container"), task.cluster, task.ident,
                                  task.definition.containers[name])),
        "taskArn": task.arn,
        "name": name,
        "image": task.definition.image(name),
        "lastStatus": last if last in ("PENDING", "RUNNING", "STOPPED") else
        "RUNNING" if last == "STOPPING" else "STOPPED" if last == "DEPROVISIONING" else "PENDING",
        "networkInterfaces": [],
        "healthStatus": "UNKNOWN",
        "cpu": "0",
    }
    if last in ("STOPPED", "DEPROVISIONING"):
        code = task.exit_code(name)
        if code is not None:
            shown["exitCode"] = code
        if task.life.container_reason is not None:
            shown["reason"] = task.life.container_reason
    return shown


def _overrides(task: Task, overrides: dict[str, Any]) -> dict[str, Any]:
    given = overrides.get("containerOverrides") or []
    named = {item.get("name") for item in given}
    rest = [{"name": name} for name in task.definition.containers if name not in named]
    return {**overrides, "containerOverrides": [*given, *rest], "inferenceAcceleratorOverrides": []}


def _interface(task: Task, last: str) -> dict[str, Any]:
    vpc = (task.params.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    subnets = vpc.get("subnets") or ["subnet-00000000000000000"]
    return {"id": f"{task.ident[:8]}-0000-4000-8000-{task.ident[:12]}", "type": "ElasticNetworkInterface",
            "status": "DELETED" if last == "STOPPED" else "ATTACHED" if last == "RUNNING" else "PRECREATED",
            "details": [{"name": "subnetId", "value": subnets[0]}]}
