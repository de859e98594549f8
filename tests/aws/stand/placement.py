"""Task definitions, and where their tasks may run, EC2 or Fargate, and what that demands of RunTask."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from stand.errors import AwsError
from stand.limits import fargate_size
from stand.tasks import new_id

_FARGATE_PROVIDERS = ("FARGATE", "FARGATE_SPOT")


@dataclass
class Choice:
    """Where a task goes."""

    fargate: bool
    provider: str | None


class Definition:
    """One revision of a task definition."""

    def __init__(self, prefix: str, params: dict[str, Any], revision: int, lax: bool = False) -> None:
        self.family: str = params["family"]
        self.revision = revision
        self.arn = f"{prefix}/{self.family}:{revision}"
        self.params = params
        self.containers = {item["name"]: new_id() for item in params["containerDefinitions"]}
        self.compatibilities: list[str] = params.get("requiresCompatibilities") or ["EC2"]
        self.network_mode: str = params.get("networkMode") or "bridge"
        self.cpu: str | None = params.get("cpu")
        self.memory: str | None = params.get("memory")
        self.tags: list[dict[str, str]] = params.get("tags") or []
        self.lax = lax  # answers in the Fargate form, but demands nothing for it
        self.at = time.time()

    @property
    def fargate_only(self) -> bool:
        """Whether its tasks are Fargate's without being told so."""
        return self.compatibilities == ["FARGATE"]

    def check(self) -> None:
        """AwsError when a definition for Fargate lacks what that needs."""
        if "FARGATE" not in self.compatibilities or self.lax:
            return
        if self.network_mode != "awsvpc":
            raise AwsError("ClientException", "Fargate only supports network mode 'awsvpc'.")
        wrong = fargate_size(self.cpu, self.memory)
        if wrong is not None:
            raise AwsError("ClientException", wrong)

    def image(self, container: str) -> str:
        """The image of a container."""
        return next(item.get("image") or "" for item in self.params["containerDefinitions"]
                    if item["name"] == container)

    def show(self) -> dict[str, Any]:
        """The definition as AWS shows it."""
        shown = {name: value for name, value in self.params.items() if name != "tags"}
        return {**shown, "taskDefinitionArn": self.arn, "revision": self.revision, "status": "ACTIVE",
                "compatibilities": ["EC2", *(["FARGATE"] if "FARGATE" in self.compatibilities else [])],
                "registeredAt": round(self.at, 3)}


def choose(definition: Definition, params: dict[str, Any]) -> Choice:
    """Where a task of the definition goes under these parameters of RunTask; AwsError if that cannot be."""
    strategy = params.get("capacityProviderStrategy")
    launch_type = params.get("launchType")
    provider = _provider(strategy) if strategy else None
    fargate = launch_type == "FARGATE" or provider in _FARGATE_PROVIDERS or (
        not launch_type and not strategy and definition.fargate_only)
    _check_containers(definition, params)
    _check_volumes(definition, params)
    if definition.lax:
        return Choice(True, provider)
    if fargate and "FARGATE" not in definition.compatibilities:
        raise AwsError("InvalidParameterException", "Task definition does not support launch_type FARGATE.")
    if not fargate and definition.fargate_only:
        raise AwsError("InvalidParameterException",
                       f"Task definition does not support launch_type {launch_type}.")
    _check_network(definition, params)
    if fargate:
        _check_fargate(definition, params)
    elif params.get("platformVersion"):
        raise AwsError("InvalidParameterException",
                       "The platform version must be null when specifying an EC2 "
                       "launch type.")
    return Choice(fargate, provider)


def _provider(strategy: list[dict[str, Any]]) -> str:
    based = [item["capacityProvider"] for item in strategy if item.get("base")]
    if based:
        return based[0]
    return max(strategy, key=lambda item: item.get("weight") or 0)["capacityProvider"]


def _check_containers(definition: Definition, params: dict[str, Any]) -> None:
    for container in (params.get("overrides") or {}).get("containerOverrides") or []:
        name = container.get("name")
        if name is not None and name not in definition.containers:
            raise AwsError("InvalidParameterException",
                           f"Override for container named {name} is not a container in "
                           "the TaskDefinition.")


def _check_volumes(definition: Definition, params: dict[str, Any]) -> None:
    known = {volume.get("name") for volume in definition.params.get("volumes") or []}
    for volume in params.get("volumeConfigurations") or []:
        if volume["name"] not in known:
            raise AwsError("InvalidParameterException",
                           f"Volume {volume['name']} is not in the TaskDefinition.")


def _check_network(definition: Definition, params: dict[str, Any]) -> None:
    given = params.get("networkConfiguration") is not None
    if definition.network_mode == "awsvpc" and not given:
        raise AwsError("InvalidParameterException", "Network Configuration must be provided when networkMode "
                       "'awsvpc' is specified.")
    if definition.network_mode != "awsvpc" and given:
        raise AwsError("InvalidParameterException",
                       "Network Configuration is not valid for the given networkMode "
                       "of this task definition.")


def _check_fargate(definition: Definition, params: dict[str, Any]) -> None:
    for name in ("placementConstraints", "placementStrategy"):
        if params.get(name):
            raise AwsError("InvalidParameterException", f"{name} is not supported with FARGATE launch type.")
    version = params.get("platformVersion")
    if version is not None and version not in ("LATEST", "1.4.0", "1.3.0"):
        raise AwsError("PlatformUnknownException", "The specified platform does not exist.")
    overrides = params.get("overrides") or {}
    wrong = fargate_size(overrides.get("cpu") or definition.cpu, overrides.get("memory") or definition.memory)
    if wrong is not None:
        raise AwsError("ClientException", wrong)
    if overrides.get("ephemeralStorage") and version == "1.3.0":
        raise AwsError("PlatformTaskDefinitionIncompatibilityException",
                       "ephemeralStorage needs platform version "
                       "1.4.0 or newer.")
