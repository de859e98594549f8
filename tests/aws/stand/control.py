"""The stand-in's own paths, /_standin/...: what tests read and change. README.md lists them.

GET paths answer with what is asked for; POST paths take a JSON object, or a list where that makes sense.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

from stand import audit
from stand.app import App
from stand.connection import Server
from stand.errors import AwsError
from stand.faults import BadRule, Buckets
from stand.keys import AccessKey
from stand.placement import Definition
from stand.tasks import Life, Task
from stand.taskview import describe
from stand.wire import Reply, Request

Answer = dict[str, Any] | list[Any]

_MAX_WAIT_S = 60.0


class BadControl(Exception):
    """A control request that makes no sense."""


class Control:
    """Answers the control paths of one stand-in."""

    def __init__(self, app: App, server: Server) -> None:
        self.app = app
        self.server = server
        self.asking = 0  # the connection of the request in hand
        self.gets: dict[str, Callable[[dict[str, str]], Answer | asyncio.Future[Answer]]] = {
            "": self.overview, "calls": self.calls, "faults": self.faults, "tasks": self.tasks,
            "queues": self.queues, "keys": self.keys, "audit": self.audit, "buckets": self.buckets,
        }
        self.posts: dict[str, Callable[[Any], Answer]] = {
            "faults": self.add_faults, "faults/clear": self.clear_faults, "tasks": self.start_tasks,
            "tasks/stop": self.stop_tasks, "life": self.set_life, "clusters": self.add_clusters,
            "task-definitions": self.add_definitions, "queues": self.set_queues,
            "queues/delete": self.drop_queues,
            "keys": self.set_keys, "keys/delete": self.drop_keys, "roles": self.add_roles,
            "metadata": self.set_metadata, "buckets": self.set_buckets, "clock": self.set_clock,
            "settings": self.settings, "connections/close": self.close_connections, "reset": self.reset,
        }

    def __call__(self, request: Request) -> Reply | asyncio.Future[Reply]:
        name = request.path.removeprefix("/_standin").strip("/")
        self.asking = request.connection
        try:
            if request.method == "GET" and name in self.gets:
                answer = self.gets[name](dict(parse_qsl(request.query, keep_blank_values=True)))
            elif request.method == "POST" and name in self.posts:
                answer = self._post(name, request)
            else:
                return _json({"message": f"no such control: {request.method} {request.target}",
                              "GET": sorted(self.gets), "POST": sorted(self.posts)}, 404)
        except (AwsError, BadControl, BadRule, KeyError, TypeError, ValueError) as error:
            what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            return _json({"message": what}, 400)
        if isinstance(answer, asyncio.Future):
            return asyncio.ensure_future(_later(answer))
        return _json(answer)

    def _post(self, name: str, request: Request) -> Answer:
        body = json.loads(request.body) if request.body else {}
        return self.posts[name](body)

    # Reading.

    def overview(self, query: dict[str, str]) -> Answer:
        """GET /_standin"""
        app = self.app
        return {"region": app.settings.region, "account": app.settings.account, "calls": app.journal.last,
                "tasks": app.ecs.store.counts(), "launches": len(app.ecs.launches),
                "clusters": list(app.ecs.clusters), "families": len(app.ecs.families),
                "queues": [queue.name for queue in app.sqs.queues.values()], "faults": len(app.faults.rules),
                "connections": len(self.server.open), "connections_accepted": self.server.accepted,
                "clock_offset_s": app.clock.offset_s, "bugs": app.bugs}

    def calls(self, query: dict[str, str]) -> Answer | asyncio.Future[Answer]:
        """GET /_standin/calls?after=&operation=&limit=&wait=: waits until there is one such call."""
        after, limit = int(query.get("after", "0")), int(query.get("limit", "100000"))
        operations = set(query["operation"].split(",")) if query.get("operation") else None
        wait = min(float(query.get("wait", "0")), _MAX_WAIT_S)
        found = self.app.journal.after(after, operations, limit)
        if found or not wait:
            return self._show_calls(found)
        return asyncio.ensure_future(self._wait_calls(after, operations, limit, wait))

    async def _wait_calls(self, after: int, operations: set[str] | None, limit: int, wait: float) -> Answer:
        loop = asyncio.get_running_loop()
        until = loop.time() + wait
        while True:
            found = self.app.journal.after(after, operations, limit)
            left = until - loop.time()
            if found or left <= 0:
                return self._show_calls(found)
            await asyncio.wait([self.app.journal.wait()], timeout=left)

    def _show_calls(self, found: list[Any]) -> Answer:
        return {"calls": [call.show() for call in found], "last": self.app.journal.last}

    def faults(self, query: dict[str, str]) -> Answer:
        """GET /_standin/faults: the rules, with how often each was seen and hit."""
        return [rule.show() for rule in self.app.faults.rules]

    def tasks(self, query: dict[str, str]) -> Answer:
        """GET /_standin/tasks?cluster=&family=&startedBy=&status=running|stopped|all"""
        status = query.get("status", "all")
        return [self._show_task(task) for task in self._select(query, status)]

    def queues(self, query: dict[str, str]) -> Answer:
        """GET /_standin/queues"""
        age = self.app.clock.age()
        return [{"name": queue.name, "account": queue.account, **dict(zip(
            ("visible", "in_flight", "delayed"), queue.counts(age)))}
                for queue in self.app.sqs.queues.values()]

    def keys(self, query: dict[str, str]) -> Answer:
        """GET /_standin/keys: the keys that are known, without their secrets."""
        return [{"accessKeyId": key.key_id, "expires": key.expires, "principal": key.principal,
                 "temporary": key.token is not None, "denied": sorted(key.denied)}
                for key in self.app.keys.all()]

    def audit(self, query: dict[str, str]) -> Answer:
        """GET /_standin/audit?by=clientToken|family|startedBy|group|env:NAME&arns=yes"""
        return audit.report(self.app, query.get("by", "clientToken"), query.get("arns") == "yes")

    def buckets(self, query: dict[str, str]) -> Answer:
        """GET /_standin/buckets"""
        return [{"operations": sorted(each.operations), "rate": each.rate, "burst": each.burst,
                 "refused": each.refused} for each in self.app.buckets.buckets]

    # Changing.

    def add_faults(self, body: Any) -> Answer:
        """POST /_standin/faults: one rule or a list."""
        known = self.app.operations()
        for rule in _list(body):
            named = rule.get("operation", "*")
            unknown = {named} - {"*"} - known if isinstance(named, str) else set(named) - known
            if unknown:
                raise BadRule(f"no such operation: {', '.join(sorted(unknown))}")
        return [self.app.faults.add(rule).show() for rule in _list(body)]

    def clear_faults(self, body: Any) -> Answer:
        """POST /_standin/faults/clear {id}"""
        return {"removed": self.app.faults.remove(body.get("id"))}

    def start_tasks(self, body: Any) -> Answer:
        """POST /_standin/tasks: RunTask's members and any count; tasks that somebody else started."""
        params = dict(body)
        count = params.pop("count", 1)
        return [self._show_task(task) for task in self.app.ecs.start_foreign(params, count)]

    def stop_tasks(self, body: Any) -> Answer:
        """POST /_standin/tasks/stop {tasks | cluster, family, startedBy | all; count, exitCode, ...}"""
        chosen = self._to_stop(body)[:body.get("count")]
        codes = body.get("exitCodes") or {"*": body.get("exitCode", 0)}
        for task in chosen:
            self.app.ecs.store.stop(task, body.get("stopCode", "EssentialContainerExited"),
                                    body.get("reason", "Essential container in task exited"), codes)
        return {"stopped": [task.arn for task in chosen]}

    def set_life(self, body: Any) -> Answer:
        """POST /_standin/life {family, start_s, run_s, stop_s, exit_codes, stop_code, stopped_reason}"""
        for item in _list(body):
            fields = {name: value for name, value in item.items() if name != "family"}
            self.app.ecs.lives[item.get("family", "*")] = Life(**fields)
        return {}

    def add_clusters(self, body: Any) -> Answer:
        """POST /_standin/clusters {name}"""
        for item in _list(body):
            self.app.ecs.add_cluster(item["name"])
        return {}

    def add_definitions(self, body: Any) -> Answer:
        """POST /_standin/task-definitions {family, containers, fargate (true, "lax"), volumes}: a new revision."""
        made = []
        for item in _list(body):
            add_definition(self.app, item["family"], item.get("containers"), item.get("fargate", False),
                           item.get("volumes", ()))
            made.append(item["family"])
        return {"families": made}

    def set_queues(self, body: Any) -> Answer:
        """POST /_standin/queues {name, account, visible, in_flight, delayed}"""
        for item in _list(body):
            self.app.sqs.set_queue(**item)
        return self.queues({})

    def drop_queues(self, body: Any) -> Answer:
        """POST /_standin/queues/delete {name, account}"""
        key = (body.get("account") or self.app.settings.account, body["name"])
        return {"deleted": self.app.sqs.queues.pop(key, None) is not None}

    def set_keys(self, body: Any) -> Answer:
        """POST /_standin/keys {accessKeyId, secret, token, life_s, principal, denied}: new or changed."""
        for item in _list(body):
            key = self.app.keys.find(item["accessKeyId"])
            if key is None:
                key = self.app.keys.add(AccessKey(item["accessKeyId"], item["secret"]))
            key.secret = item.get("secret", key.secret)
            key.token = item.get("token", key.token)
            key.principal = item.get("principal", key.principal)
            if "life_s" in item:
                key.expires = None if item["life_s"] is None else self.app.clock.now() + item["life_s"]
            if "denied" in item:
                key.denied = set(item["denied"])
        return self.keys({})

    def drop_keys(self, body: Any) -> Answer:
        """POST /_standin/keys/delete {accessKeyId}"""
        return {"deleted": self.app.keys.remove(body["accessKeyId"])}

    def add_roles(self, body: Any) -> Answer:
        """POST /_standin/roles {arn, externalId, life_s, webTokens, denied}"""
        return {"roles": [self.app.sts.add_role(item).arn for item in _list(body)]}

    def set_metadata(self, body: Any) -> Answer:
        """POST /_standin/metadata {role, life_s, authorization, rotate, forget_tokens}"""
        return self.app.metadata.set(body)

    def set_buckets(self, body: Any) -> Answer:
        """POST /_standin/buckets: a list of {operations, rate, burst}, or "aws" for what AWS documents."""
        self.app.buckets.set(Buckets.AWS if body == "aws" else _list(body))
        return self.buckets({})

    def set_clock(self, body: Any) -> Answer:
        """POST /_standin/clock {offset_s, advance_s}"""
        clock = self.app.clock
        clock.offset_s = float(body.get("offset_s", clock.offset_s))
        clock.advance(float(body.get("advance_s", 0)))
        return {"offset_s": clock.offset_s, "now": clock.now()}

    def settings(self, body: Any) -> Answer:
        """POST /_standin/settings {page_size, list_lag_s, stopped_visible_s, idle_timeout_s, max_requests}"""
        ecs, server = self.app.ecs, self.server
        places = {"page_size": ecs, "list_lag_s": ecs, "stopped_visible_s": ecs.store,
                  "idle_timeout_s": server,
                  "max_requests": server}
        unknown = set(body) - set(places)
        if unknown:
            raise BadControl(f"no such setting: {', '.join(sorted(unknown))}; there are {', '.join(places)}")
        for name, value in body.items():
            setattr(places[name], name, value)
        return {name: getattr(place, name) for name, place in places.items()}

    def close_connections(self, body: Any) -> Answer:
        """POST /_standin/connections/close {reset}: all but the one that asks."""
        return {"closed": self.server.close_all(bool(body.get("reset")), but=self.asking)}

    def reset(self, body: Any) -> Answer:
        """POST /_standin/reset: as at the start, but clusters, task definitions and (empty) queues stay."""
        app = self.app
        app.journal.forget()
        app.faults.remove(None)
        app.buckets.set([])
        app.ecs.reset()
        app.sts.reset()
        app.metadata.reset()
        app.keys.reset()
        app.clock.reset()
        self.server.reset_limits()
        for queue in app.sqs.queues.values():
            queue.extra, queue.messages = [0, 0, 0], []
        return {"last": app.journal.last}

    def _to_stop(self, body: dict[str, Any]) -> list[Task]:
        if "tasks" in body:
            store = self.app.ecs.store
            wanted = set(body["tasks"])
            chosen = [task for task in store.by_arn.values() if task.arn in wanted or task.ident in wanted]
            if len(chosen) != len(wanted):
                raise BadControl(f"{len(wanted) - len(chosen)} of the tasks are unknown")
            return chosen
        if not body.get("all") and not {"family", "startedBy", "cluster"} & set(body):
            raise BadControl("say which: tasks, family, startedBy, cluster or all")
        return self._select(body, "running")

    def _select(self, query: dict[str, Any], status: str) -> list[Task]:
        self.app.ecs.store.settle()
        age = self.app.clock.age()
        return [task for task in self.app.ecs.store.by_arn.values()
                if query.get("cluster") in (None, task.cluster)
                and query.get("family") in (None, task.definition.family)
                and query.get("startedBy") in (None, task.params.get("startedBy"))
                and (status == "all" or (status == "stopped") == (task.status(age)[1] == "STOPPED"))]

    def _show_task(self, task: Task) -> dict[str, Any]:
        shown = describe(task, self.app.clock.age(), self.app.ecs.arns, tags=True)
        return {**shown, "clientToken": task.token, "foreign": task.foreign, "family": task.definition.family}


def add_definition(app: App, family: str, containers: list[str] | None, fargate: bool | str,
                   volumes: Iterable[str] = ()) -> None:
    """Register a task definition from little; without containers there is one, named as the family. volumes are
    the names of those that RunTask is to configure."""
    image = f"registry.example/{family}:1"
    made = [{"name": name, "image": image, "memory": 128} for name in containers or [family]]
    params: dict[str, Any] = {"family": family, "containerDefinitions": made}
    if volumes:
        params["volumes"] = [{"name": name} for name in volumes]
    if fargate is True:
        params.update(requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512")
    if fargate != "lax":
        app.ecs.register(params)
        return
    params["requiresCompatibilities"] = ["FARGATE"]
    revisions = app.ecs.families.setdefault(family, [])
    revisions.append(Definition(app.ecs.arns.of("task-definition"), params, len(revisions) + 1, lax=True))


async def _later(answer: asyncio.Future[Answer]) -> Reply:
    return _json(await answer)


def _json(value: Answer, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode())


def _list(body: Any) -> list[dict[str, Any]]:
    return body if isinstance(body, list) else [body]
