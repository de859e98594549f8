"""Did every launch happen once? Counts for auditors, of what RunTask did and not of what it answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stand.ecs import Launch


def report(app: Any, by: str, arns: bool = False) -> dict[str, Any]:
    """Launches grouped by clientToken, family, startedBy, group or env:NAME (a variable of the overrides)."""
    if by not in ("clientToken", "family", "startedBy", "group") and not by.startswith("env:"):
        raise ValueError(f"by is {by!r}, not clientToken, family, startedBy, group or env:NAME")
    groups: dict[str, dict[str, Any]] = {}
    without = 0
    for launch in app.ecs.launches:
        if not launch.params.get("clientToken"):
            without += 1
        for name in _names(launch, by):
            group = groups.setdefault(name, {"launches": 0, "tasks": 0, "failures": 0, "repeats": 0,
                                             "conflicts": 0})
            group["launches"] += 1
            group["tasks"] += len(launch.tasks)
            group["failures"] += len(launch.failures)
            group["repeats"] += launch.repeats
            group["conflicts"] += launch.conflicts
            if arns:
                group.setdefault("arns", []).extend(task.arn for task in launch.tasks)
    return {
        "by": by,
        "groups": groups,
        "launches": len(app.ecs.launches),
        "tasks": sum(len(launch.tasks) for launch in app.ecs.launches),
        "without_token": without,
        "repeats": sum(launch.repeats for launch in app.ecs.launches),
        "conflicts": sum(launch.conflicts for launch in app.ecs.launches),
        "duplicates": sorted(name for name, group in groups.items() if group["launches"] > 1),
        "bugs": len(app.bugs),
    }


def _names(launch: Launch, by: str) -> Iterator[str]:
    params = launch.params
    if by == "family":
        yield launch.params["taskDefinition"]
    elif by.startswith("env:"):
        containers = (params.get("overrides") or {}).get("containerOverrides") or []
        found = {item.get("value") for container in containers
                 for item in container.get("environment") or [] if item.get("name") == by[4:]}
        yield from (value for value in found if value is not None)
    elif params.get(by):
        yield params[by]
