"""Limits of ECS that the service model tells only in prose, checked on the input of each operation.

Each check yields the words of what is wrong; check() turns them into an error. What depends on the task
definition is in placement.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from stand.errors import AwsError

_STARTED_BY = re.compile(r"[A-Za-z0-9_/-]{0,128}\Z")
_TOKEN = re.compile(r"[\x21-\x7e]{1,64}\Z")
_TAG = re.compile(r"[\w\s.:/=+\-@]*\Z")
_SPREAD = re.compile(r"(instanceId|host|attribute:.+)\Z")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}\Z")

# Fargate takes cpu and memory (MiB) in these pairs only.
_FARGATE_MEMORY = {
    256: (512, 1024, 2048),
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16384 + 1, 1024),
    4096: range(8192, 30720 + 1, 1024),
    8192: range(16 * 1024, 60 * 1024 + 1, 4 * 1024),
    16384: range(32 * 1024, 120 * 1024 + 1, 8 * 1024),
}


def check(operation: str, params: dict[str, Any]) -> None:
    """InvalidParameterException with everything that the prose forbids."""
    checks = _CHECKS.get(operation)
    if checks is not None:
        wrong = list(checks(params))
        if wrong:
            raise AwsError("InvalidParameterException", "; ".join(wrong))


def _run_task(params: dict[str, Any]) -> Iterator[str]:
    count = params.get("count")
    if count is not None and not 1 <= count <= 10:
        yield f"count is {count}, not within 1..10"
    token = params.get("clientToken")
    if token is not None and not _TOKEN.match(token):
        yield "clientToken is not 1 to 64 characters of ASCII 33..126"
    started_by = params.get("startedBy")
    if started_by is not None and not _STARTED_BY.match(started_by):
        yield "startedBy is not up to 128 letters, digits, -, _ and /"
    if params.get("referenceId") is not None:
        yield "referenceId is reserved"
    if params.get("propagateTags") == "SERVICE":
        yield "propagateTags SERVICE is for services only"
    yield from _capacity(params)
    yield from _placement(params)
    if params.get("tags"):
        yield from _tags(params["tags"])
    if params.get("networkConfiguration"):
        yield from _network(params["networkConfiguration"])
    if params.get("overrides"):
        yield from _overrides(params["overrides"])
    if params.get("volumeConfigurations"):
        yield from _volumes(params["volumeConfigurations"])


def _capacity(params: dict[str, Any]) -> Iterator[str]:
    strategy = params.get("capacityProviderStrategy")
    if not strategy:
        if params.get("launchType") == "MANAGED_INSTANCES":
            yield "launchType MANAGED_INSTANCES needs a capacityProviderStrategy in its place"
        return
    if params.get("launchType") is not None:
        yield "launchType and capacityProviderStrategy exclude each other"
    if len(strategy) > 20:
        yield f"capacityProviderStrategy has {len(strategy)} items, not up to 20"
    for item in strategy:
        if not 0 <= (item.get("weight") or 0) <= 1000:
            yield f"weight of capacity provider {item.get('capacityProvider')} is not within 0..1000"
        if not 0 <= (item.get("base") or 0) <= 100000:
            yield f"base of capacity provider {item.get('capacityProvider')} is not within 0..100000"
    if sum(1 for item in strategy if item.get("base")) > 1:
        yield "only one item of capacityProviderStrategy may have a base"
    if all(not item.get("weight") for item in strategy):
        yield "all weights of capacityProviderStrategy are 0"


def _placement(params: dict[str, Any]) -> Iterator[str]:
    constraints = params.get("placementConstraints") or []
    strategy = params.get("placementStrategy") or []
    if len(constraints) > 10:
        yield f"placementConstraints has {len(constraints)} items, not up to 10"
    if len(strategy) > 5:
        yield f"placementStrategy has {len(strategy)} items, not up to 5"
    for item in constraints:
        if len(item.get("expression") or "") > 2000:
            yield "an expression of placementConstraints is longer than 2000 characters"
        if item.get("type") == "distinctInstance" and item.get("expression"):
            yield "a placement constraint distinctInstance takes no expression"
        if item.get("type") == "memberOf" and not item.get("expression"):
            yield "a placement constraint memberOf needs an expression"
    for item in strategy:
        kind, name = item.get("type"), item.get("field")
        if kind == "binpack" and (name or "").lower() not in ("cpu", "memory"):
            yield "placement strategy binpack needs field cpu or memory"
        if kind == "random" and name:
            yield "placement strategy random takes no field"
        if kind == "spread" and not _SPREAD.match(name or ""):
            yield "placement strategy spread needs field instanceId, host or attribute:..."


def _tags(tags: list[dict[str, Any]]) -> Iterator[str]:
    if len(tags) > 50:
        yield f"tags has {len(tags)} items, not up to 50"
    keys = [tag.get("key") or "" for tag in tags]
    if len(set(keys)) != len(keys):
        yield "a key of tags is there twice"
    for tag in tags:
        key, value = tag.get("key") or "", tag.get("value") or ""
        if not 1 <= len(key) <= 128 or not _TAG.match(key):
            yield f"tag key '{key}' is not 1 to 128 letters, digits, spaces and _.:/=+-@"
        if len(value) > 256 or not _TAG.match(value):
            yield f"the value of tag '{key}' is not up to 256 letters, digits, spaces and _.:/=+-@"
        if key.lower().startswith("aws:"):
            yield f"tag key '{key}' begins with the reserved aws:"


def _network(configuration: dict[str, Any]) -> Iterator[str]:
    vpc = configuration.get("awsvpcConfiguration")
    if vpc is None:
        yield "networkConfiguration needs awsvpcConfiguration"
        return
    subnets, groups = vpc.get("subnets") or [], vpc.get("securityGroups") or []
    if not 1 <= len(subnets) <= 16:
        yield f"subnets has {len(subnets)} items, not 1 to 16"
    if len(groups) > 5:
        yield f"securityGroups has {len(groups)} items, not up to 5"
    for name in subnets:
        if not name.startswith("subnet-"):
            yield f"'{name}' is no subnet id"
    for name in groups:
        if not name.startswith("sg-"):
            yield f"'{name}' is no security group id"


def _overrides(overrides: dict[str, Any]) -> Iterator[str]:
    length = len(json.dumps(overrides, separators=(",", ":"), ensure_ascii=False))
    if length > 8192:
        yield f"overrides has {length} characters, not up to 8192"
    storage = overrides.get("ephemeralStorage")
    if storage and not 21 <= storage["sizeInGiB"] <= 200:
        yield "overrides.ephemeralStorage.sizeInGiB is not within 21..200"
    if overrides.get("inferenceAcceleratorOverrides"):
        yield "inferenceAcceleratorOverrides is withdrawn"
    names = set()
    for container in overrides.get("containerOverrides") or []:
        name = container.get("name")
        if not name and any(value not in (None, [], {}) for key, value in container.items() if key != "name"):
            yield "a container override needs a name"
        if name in names:
            yield f"container '{name}' is overridden twice"
        names.add(name)
        yield from _container_override(name, container)


def _container_override(name: str, container: dict[str, Any]) -> Iterator[str]:
    files = container.get("environmentFiles") or []
    if len(files) > 10:
        yield f"environmentFiles of container '{name}' has {len(files)} items, not up to 10"
    for item in files:
        if not item["value"].startswith("arn:") or not item["value"].endswith(".env"):
            yield f"environment file '{item['value']}' is no ARN of an .env object in S3"
    for item in container.get("environment") or []:
        if not item.get("name"):
            yield f"an environment variable of container '{name}' has no name"
    hard, soft = container.get("memory"), container.get("memoryReservation")
    if hard is not None and soft is not None and soft > hard:
        yield f"memoryReservation of container '{name}' is above its memory"


def _volumes(volumes: list[dict[str, Any]]) -> Iterator[str]:
    if len(volumes) > 1:
        yield "only one volume may be configured at launch"
    for volume in volumes:
        ebs = volume.get("managedEBSVolume") or {}
        if not ebs.get("sizeInGiB") and not ebs.get("snapshotId"):
            yield f"volume '{volume['name']}' needs sizeInGiB or snapshotId"


def fargate_size(cpu: str | None, memory: str | None) -> str | None:
    """What is wrong with a pair of task-level cpu and memory on Fargate; None when it is right."""
    if cpu is None or memory is None:
        return "Fargate requires task definition to have cpu and memory"
    if not cpu.isdigit() or not memory.isdigit() or int(memory) not in _FARGATE_MEMORY.get(int(cpu), ()):
        return f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory."
    return None


def _list_tasks(params: dict[str, Any]) -> Iterator[str]:
    size = params.get("maxResults")
    if size is not None and not 1 <= size <= 100:
        yield f"maxResults is {size}, not within 1..100"
    others = ("family", "launchType", "serviceName", "containerInstance", "daemonName")
    if params.get("startedBy") is not None and any(params.get(name) is not None for name in others):
        yield "cannot specify startedBy with other arguments"


def _describe_tasks(params: dict[str, Any]) -> Iterator[str]:
    if not 1 <= len(params["tasks"]) <= 100:
        yield f"tasks has {len(params['tasks'])} items, not 1 to 100"


def _describe_clusters(params: dict[str, Any]) -> Iterator[str]:
    if len(params.get("clusters") or []) > 100:
        yield "clusters has more than 100 items"


def _create_cluster(params: dict[str, Any]) -> Iterator[str]:
    name = params.get("clusterName")
    if name is not None and not _NAME.match(name):
        yield "clusterName is not 1 to 255 letters, digits, - and _"


def _register(params: dict[str, Any]) -> Iterator[str]:
    if not _NAME.match(params["family"]):
        yield "family is not 1 to 255 letters, digits, - and _"
    containers = params["containerDefinitions"]
    if not containers:
        yield "containerDefinitions is empty"
    names = [container.get("name") for container in containers]
    if None in names or len(set(names)) != len(names):
        yield "each container needs a name of its own"


_CHECKS = {
    "CreateCluster": _create_cluster,
    "DescribeClusters": _describe_clusters,
    "DescribeTasks": _describe_tasks,
    "ListTasks": _list_tasks,
    "RegisterTaskDefinition": _register,
    "RunTask": _run_task,
}
