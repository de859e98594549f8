"""The Elastic Container Service: clusters, task definitions, tasks, and clientToken as AWS documents it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from stand import limits, placement
from stand.clock import Clock
from stand.errors import AwsError
from stand.placement import Definition
from stand.tasks import Life, Task, TaskStore, new_id
from stand.taskview import INSTANCE, describe

TARGET = "AmazonEC2ContainerServiceV20141113"
TOKEN_LIFE_S = 24 * 3600.0


class Arns:
    """Makes the ARNs of one account in one region."""

    def __init__(self, region: str, account: str) -> None:
        self.region = region
        self.account = account

    def of(self, kind: str) -> str:
        """The beginning of an ARN of some kind of thing."""
        return f"arn:aws:ecs:{self.region}:{self.account}:{kind}"

    def cluster(self, name: str) -> str:
        """A cluster's ARN."""
        return f"{self.of('cluster')}/{name}"

    def instance(self, cluster: str, ident: str) -> str:
        """A container instance's ARN."""
        return f"{self.of('container-instance')}/{cluster}/{ident}"

    def tasks(self, cluster: str) -> str:
        """The beginning of the ARNs of a cluster's tasks."""
        return f"{self.of('task')}/{cluster}/"


@dataclass
class Launch:
    """What one RunTask with an effect did, kept for its clientToken and for those who audit."""

    call: int
    age: float
    cluster: str
    params: dict[str, Any]
    tasks: list[Task]
    failures: list[dict[str, Any]]
    repeats: int = 0  # further calls with the same token and the same parameters
    conflicts: int = 0  # further calls with the same token and others


@dataclass
class Wish:
    """What a fault rule wants of RunTask: so many tasks fail, with this reason."""

    failed: int | None = None  # None: all
    reason: str = "RESOURCE:CPU"
    detail: str | None = None
    arn: bool = True


@dataclass
class Ecs:
    """The service's state and its operations. `page_size` below 100 makes paging easy to test."""

    arns: Arns
    clock: Clock
    page_size: int = 100
    list_lag_s: float = 0.0  # how long ListTasks and DescribeTasks do not know a new task
    clusters: dict[str, dict[str, Any]] = field(default_factory=dict)
    families: dict[str, list[Definition]] = field(default_factory=dict)
    lives: dict[str, Life] = field(default_factory=dict)  # by family; "*": the others
    launches: list[Launch] = field(default_factory=list)
    tokens: dict[tuple[str, str], Launch] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = TaskStore(self.clock, self.arns.tasks)
        self.operations: dict[str, Callable[..., dict[str, Any]]] = {
            "CreateCluster": self.create_cluster, "ListClusters": self.list_clusters,
            "DescribeClusters": self.describe_clusters, "RegisterTaskDefinition": self.register,
            "DescribeTaskDefinition": self.describe_definition, "RunTask": self.run_task,
            "StopTask": self.stop_task, "ListTasks": self.list_tasks, "DescribeTasks": self.describe_tasks,
        }

    def call(self, operation: str, params: dict[str, Any], number: int, wish: Wish | None) -> dict[str, Any]:
        """Do one checked call; `number` is its place in the journal."""
        if operation == "RunTask":
            return self.run_task(params, number, wish)
        return self.operations[operation](params)

    # Clusters and task definitions.

    def add_cluster(self, name: str) -> None:
        """Make a cluster if it is not there."""
        self.clusters.setdefault(name, {"clusterName": name, "clusterArn": self.arns.cluster(name)})

    def create_cluster(self, params: dict[str, Any]) -> dict[str, Any]:
        """CreateCluster."""
        name = params.get("clusterName") or "default"
        self.add_cluster(name)
        return {"cluster": self._show_cluster(name)}

    def list_clusters(self, params: dict[str, Any]) -> dict[str, Any]:
        """ListClusters."""
        arns, token = self._page([self.arns.cluster(name) for name in self.clusters], params)
        return {"clusterArns": arns, **token}

    def describe_clusters(self, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeClusters."""
        found, missing = [], []
        for name in params.get("clusters") or ["default"]:
            short = self._cluster_name(name)
            if short in self.clusters:
                found.append(self._show_cluster(short))
            else:
                missing.append({"arn": self.arns.cluster(short), "reason": "MISSING"})
        return {"clusters": found, "failures": missing}

    def _show_cluster(self, name: str) -> dict[str, Any]:
        running = [task.status(self.clock.age())[0] for task in self.store.listing(name, None, False)]
        return {**self.clusters[name], "status": "ACTIVE", "registeredContainerInstancesCount": 1,
                "runningTasksCount": running.count("RUNNING"),
                "pendingTasksCount": len(running) - running.count("RUNNING"), "activeServicesCount": 0}

    def _cluster(self, params: dict[str, Any]) -> str:
        name = self._cluster_name(params.get("cluster") or "default")
        if name not in self.clusters:
            raise AwsError("ClusterNotFoundException", "Cluster not found.")
        return name

    def _cluster_name(self, name: str) -> str:
        prefix = self.arns.cluster("")
        return name[len(prefix):] if name.startswith(prefix) else name

    def register(self, params: dict[str, Any]) -> dict[str, Any]:
        """RegisterTaskDefinition."""
        limits.check("RegisterTaskDefinition", params)
        revisions = self.families.setdefault(params["family"], [])
        definition = Definition(self.arns.of("task-definition"), params, len(revisions) + 1)
        definition.check()
        revisions.append(definition)
        return {"taskDefinition": definition.show(), "tags": definition.tags}

    def describe_definition(self, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeTaskDefinition."""
        definition = self._definition(params["taskDefinition"], "Unable to describe task definition.")
        answer: dict[str, Any] = {"taskDefinition": definition.show()}
        if "TAGS" in (params.get("include") or []):
            answer["tags"] = definition.tags
        return answer

    def _definition(self, name: str, otherwise: str) -> Definition:
        prefix = self.arns.of("task-definition") + "/"
        family, _, revision = name.removeprefix(prefix).partition(":")
        known = self.families.get(family, [])
        if not revision and known:
            return known[-1]
        if revision.isdigit() and 1 <= int(revision) <= len(known):
            return known[int(revision) - 1]
        raise AwsError("ClientException", otherwise)

    # Tasks.

    def run_task(self, params: dict[str, Any], number: int, wish: Wish | None = None) -> dict[str, Any]:
        """RunTask: the answer of the first call for a known clientToken, otherwise new tasks."""
        cluster = self._cluster(params)
        token = params.get("clientToken")
        earlier = self.tokens.get((cluster, token)) if token else None
        if earlier is not None and self.clock.age() - earlier.age < TOKEN_LIFE_S:
            return self._repeat(earlier, params)
        definition = self._definition(params["taskDefinition"], "TaskDefinition not found.")
        choice = placement.choose(definition, params)
        count = params.get("count") or 1
        failed = 0 if wish is None else count if wish.failed is None else min(wish.failed, count)
        tasks = [self._start(cluster, definition, params, choice) for _ in range(count - failed)]
        launch = Launch(number, self.clock.age(), cluster, params, tasks,
                        [self._failure(cluster, wish) for _ in range(failed)] if wish else [])
        self.launches.append(launch)
        if token:
            self.tokens[(cluster, token)] = launch
        return self._show_launch(launch)

    def _repeat(self, launch: Launch, params: dict[str, Any]) -> dict[str, Any]:
        if launch.params == params:
            launch.repeats += 1
            return self._show_launch(launch)
        launch.conflicts += 1
        raise AwsError("ConflictException",
                       "The RunTask request could not be processed due to conflicts. The "
                       "clientToken was used before with other parameters.",
                       resourceIds=[task.arn for task in launch.tasks])

    def _show_launch(self, launch: Launch) -> dict[str, Any]:
        tasks = [describe(task, task.born_age, self.arns, tags=True) for task in launch.tasks]
        return {"tasks": tasks, "failures": launch.failures}

    def _start(self, cluster: str, definition: Definition, params: dict[str, Any],
               choice: placement.Choice) -> Task:
        life = self.lives.get(definition.family) or self.lives.get("*") or Life()
        task = Task(self.arns.tasks(cluster) + new_id(), cluster, definition, params, life, self.clock.now(),
                    self.clock.age())
        task.fargate = choice.fargate
        task.launch_type = "FARGATE" if choice.fargate else params.get("launchType") or "EC2"
        task.provider = choice.provider
        self.store.add(task)
        return task

    def _failure(self, cluster: str, wish: Wish) -> dict[str, Any]:
        failure: dict[str, Any] = {"reason": wish.reason}
        if wish.arn:
            failure["arn"] = self.arns.instance(cluster, new_id())
        if wish.detail is not None:
            failure["detail"] = wish.detail
        return failure

    def start_foreign(self, params: dict[str, Any], count: int) -> list[Task]:
        """Tasks that somebody else started: as by RunTask, but in no journal and without its limits."""
        cluster = self._cluster(params)
        definition = self._definition(params["taskDefinition"], "TaskDefinition not found.")
        fargate = params.get("launchType") == "FARGATE" or definition.fargate_only
        tasks = [self._start(cluster, definition, params, placement.Choice(fargate, None))
                 for _ in range(count)]
        for task in tasks:
            task.foreign = True
        return tasks

    def stop_task(self, params: dict[str, Any]) -> dict[str, Any]:
        """StopTask."""
        cluster = self._cluster(params)
        task = self.store.find(cluster, params["task"])
        if task is None:
            raise AwsError("InvalidParameterException", "The referenced task was not found.")
        self.store.stop(task, "UserInitiated", params.get("reason") or "Task stopped by user", {"*": 143})
        return {"task": describe(task, self.clock.age(), self.arns)}

    def list_tasks(self, params: dict[str, Any]) -> dict[str, Any]:
        """ListTasks."""
        cluster = self._cluster(params)
        if params.get("serviceName") is not None or params.get("daemonName") is not None:
            raise AwsError("ServiceNotFoundException", "Service not found.")  # there are none here
        desired = params.get("desiredStatus") or "RUNNING"
        if desired == "PENDING":
            return {"taskArns": []}  # no task ever desires that
        found = self.store.listing(cluster, params.get("family"), desired == "STOPPED")
        wanted, launch_type = params.get("startedBy"), params.get("launchType")
        born_until = self.clock.age() - self.list_lag_s
        instance = params.get("containerInstance")
        arns = (task.arn for task in found
                if task.born_age <= born_until
                and (wanted is None or task.params.get("startedBy") == wanted)
                and (launch_type is None or launch_type == task.launch_type)
                and (instance is None or (not task.fargate and instance.rpartition("/")[2] == INSTANCE)))
        page, token = self._page(arns, params)
        return {"taskArns": page, **token}

    def describe_tasks(self, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeTasks."""
        cluster = self._cluster(params)
        age = self.clock.age()
        tags = "TAGS" in (params.get("include") or [])
        tasks, missing = [], []
        for name in params["tasks"]:
            task = self.store.find(cluster, name)
            if task is None or task.born_age > age - self.list_lag_s:
                arn = name if name.startswith("arn:") else self.arns.tasks(cluster) + name
                missing.append({"arn": arn, "reason": "MISSING"})
            else:
                tasks.append(describe(task, age, self.arns, tags))
        return {"tasks": tasks, "failures": missing}

    def _page(self, listing: Iterable[str], params: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
        """One page and its nextToken, which names the last item shown, since lists change meanwhile."""
        start = 0
        if params.get("nextToken"):
            start, last = _read_token(params["nextToken"], params)
            listing = list(listing)
            start = listing.index(last) + 1 if last in listing else min(start, len(listing))
        size = min(params.get("maxResults") or 100, self.page_size)
        # One more than the page tells whether it is the last.
        page = list(itertools.islice(listing, start, start + size + 1))
        if len(page) <= size:
            return page, {}
        page.pop()
        return page, {"nextToken": _make_token(start + size, page[-1], params)}

    def reset(self) -> None:
        """No tasks, no tokens, no special lives; clusters and definitions stay."""
        self.store.clear()
        self.launches.clear()
        self.tokens.clear()
        self.lives.clear()
        self.page_size, self.list_lag_s, self.store.stopped_visible_s = 100, 0.0, 3600.0


def _filters(params: dict[str, Any]) -> str:
    kept = {name: value for name, value in params.items() if name not in ("nextToken", "maxResults")}
    return json.dumps(kept, sort_keys=True)


def _make_token(start: int, last: str, params: dict[str, Any]) -> str:
    return json.dumps([start, last, _filters(params)]).encode().hex()


def _read_token(token: str, params: dict[str, Any]) -> tuple[int, str]:
    try:
        start, last, filters = json.loads(bytes.fromhex(token))
    except ValueError:
        raise AwsError("InvalidParameterException", "Invalid token") from None
    if filters != _filters(params):
        raise AwsError("InvalidParameterException", "Invalid token: it is of a listing with other filters")
    return start, last
