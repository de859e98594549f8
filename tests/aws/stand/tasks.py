"""Tasks of ECS: their life by the clock, and how DescribeTasks shows them.

A task's states follow from the age of the clock, so that nothing has to run while tasks only exist. TaskStore
moves those that ended from the running to the stopped ones whenever it is asked something (settle()).
"""

from __future__ import annotations

import heapq
import itertools
import secrets
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from stand.clock import Clock


@dataclass
class Life:
    """How tasks of a family live: seconds to start, run (None: until stopped) and stop; how they end."""

    start_s: float = 0.0
    run_s: float | None = None
    stop_s: float = 0.0
    exit_codes: dict[str,
                     int | None] = field(default_factory=dict)  # by container; "*": the others; None: no code
    stop_code: str = "EssentialContainerExited"
    stopped_reason: str = "Essential container in task exited"
    container_reason: str | None = None


class Task:
    """One task. Times ending in _at are wall clock seconds, those ending in _age are the clock's age."""

    __slots__ = ("arn", "ident", "cluster", "definition", "params", "fargate", "provider", "containers",
                 "life",
                 "born_at", "born_age", "ends_age", "gone_age", "stop_code", "stopped_reason", "exit_codes",
                 "token", "foreign", "launch_type")

    def __init__(self, arn: str, cluster: str, definition: Any, params: dict[str, Any], life: Life,
                 now: float, age: float) -> None:
        self.arn = arn
        self.ident = arn.rpartition("/")[2]
        self.cluster = cluster
        self.definition = definition
        self.params = params
        self.fargate = False
        self.launch_type = "EC2"
        self.provider: str | None = None
        self.life = life
        self.born_at = now
        self.born_age = age
        # When its desired status, and when its last status is STOPPED.
        self.ends_age = None if life.run_s is None else age + life.start_s + life.run_s
        self.gone_age = None if self.ends_age is None else self.ends_age + life.stop_s
        self.stop_code = life.stop_code
        self.stopped_reason = life.stopped_reason
        self.exit_codes = life.exit_codes
        self.token: str | None = params.get("clientToken")
        self.foreign = False  # made by a test, not by RunTask

    def wall(self, age: float) -> float:
        """The wall time at which the clock had this age."""
        return round(self.born_at + age - self.born_age, 3)

    def status(self, age: float) -> tuple[str, str]:
        """(lastStatus, desiredStatus) at an age."""
        if self.gone_age is not None and age >= self.gone_age:
            return "STOPPED", "STOPPED"
        if self.ends_age is not None and age >= self.ends_age:
            return ("DEPROVISIONING" if self.fargate else "STOPPING"), "STOPPED"
        waited = age - self.born_age
        if waited >= self.life.start_s:
            return "RUNNING", "RUNNING"
        return ("PROVISIONING" if self.fargate and waited < self.life.start_s / 2 else "PENDING"), "RUNNING"

    def stop(self, age: float, code: str, reason: str,
             exit_codes: dict[str, int | None] | None = None) -> None:
        """End a task that has not ended."""
        if self.ends_age is not None and age >= self.ends_age:
            return
        started = age - self.born_age >= self.life.start_s
        self.ends_age = age
        self.gone_age = age + self.life.stop_s
        self.stop_code = code
        self.stopped_reason = reason
        self.exit_codes = exit_codes if exit_codes is not None else {} if started else {"*": None}

    def exit_code(self, container: str) -> int | None:
        """How a container ended."""
        return self.exit_codes.get(container, self.exit_codes.get("*", 0))


class TaskStore:
    """All tasks of all clusters, with the listings that ListTasks needs made cheap."""

    def __init__(self, clock: Clock, arn_prefix: Callable[[str], str]) -> None:
        self.clock = clock
        self.arn_prefix = arn_prefix  # of the tasks of a cluster
        self.stopped_visible_s = 3600.0
        self.by_arn: dict[str, Task] = {}
        self._running: dict[tuple[str, str], dict[str, Task]] = {}  # (cluster, family) -> by ARN, in order
        self._stopped: dict[tuple[str, str], dict[str, Task]] = {}
        self._ends: list[tuple[float, int, Task]] = []
        self._gone: deque[Task] = deque()
        self._serial = itertools.count()

    def add(self, task: Task) -> None:
        """Take in a new task."""
        self.by_arn[task.arn] = task
        self._running.setdefault((task.cluster, task.definition.family), {})[task.arn] = task
        self._watch(task)

    def stop(self, task: Task, code: str, reason: str,
             exit_codes: dict[str, int | None] | None = None) -> None:
        """End a task now."""
        task.stop(self.clock.age(), code, reason, exit_codes)
        self._watch(task)
        self.settle()

    def settle(self) -> float:
        """Let happen what is due; returns the age at which that is so."""
        age = self.clock.age()
        while self._ends and self._ends[0][0] <= age:
            self._end(heapq.heappop(self._ends)[2])
        while self._gone and (self._gone[0].gone_age or 0) + self.stopped_visible_s <= age:
            task = self._gone.popleft()
            if self.by_arn.pop(task.arn, None) is not None:
                self._stopped[(task.cluster, task.definition.family)].pop(task.arn, None)
        return age

    def find(self, cluster: str, name: str) -> Task | None:
        """A task of a cluster by its id or ARN."""
        self.settle()
        task = self.by_arn.get(name) or self.by_arn.get(f"{self.arn_prefix(cluster)}{name}")
        return task if task is not None and task.cluster == cluster else None

    def listing(self, cluster: str, family: str | None, stopped: bool) -> Iterable[Task]:
        """Tasks of a cluster (and family), oldest first, by desired status; good until the next call."""
        self.settle()
        index = self._stopped if stopped else self._running
        if family is not None:
            return index.get((cluster, family), {}).values()
        found = [task for (where, _), tasks in index.items() if where == cluster for task in tasks.values()]
        return sorted(found, key=lambda task: task.born_age)

    def counts(self) -> dict[str, int]:
        """How many run, how many have stopped and are still shown."""
        self.settle()
        return {"running": sum(map(len, self._running.values())),
                "stopped": sum(map(len, self._stopped.values()))}

    def clear(self) -> None:
        """Forget all tasks."""
        self.by_arn.clear()
        self._running.clear()
        self._stopped.clear()
        self._ends.clear()
        self._gone.clear()

    def _watch(self, task: Task) -> None:
        if task.ends_age is not None:
            heapq.heappush(self._ends, (task.ends_age, next(self._serial), task))

    def _end(self, task: Task) -> None:
        key = (task.cluster, task.definition.family)
        if self._running.get(key, {}).pop(task.arn, None) is not None:
            self._stopped.setdefault(key, {})[task.arn] = task
            self._gone.append(task)


def new_id() -> str:
    """32 hexadecimal digits, as ECS makes them."""
    return secrets.token_hex(16)
