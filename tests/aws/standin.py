#!/usr/bin/python3
"""A strict stand-in for ECS, SQS, STS and the metadata endpoints, for tests and ./quickstart; see README.md.

It prints its address when it is ready, and ends with exit code 0 on SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import ssl
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
from stand.app import App, Settings  # noqa: E402
from stand.connection import Connection, Server  # noqa: E402
from stand.control import Control, add_definition  # noqa: E402
from stand.journal import Call  # noqa: E402


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="0: any free port")
    parser.add_argument("--port-file", type=Path, metavar="FILE", help="write the port there when ready")
    parser.add_argument("--region", default=Settings.region)
    parser.add_argument("--account", default=Settings.account)
    parser.add_argument("--access-key", default=Settings.access_key, metavar="ID")
    parser.add_argument("--secret", default=Settings.secret)
    parser.add_argument("--cluster", action="append", default=[], metavar="NAME")
    parser.add_argument("--task-definition", action="append", default=[],
                        metavar="FAMILY[:CONTAINER,...][@fargate|@fargate-lax]")
    parser.add_argument("--queue", action="append", default=[], metavar="NAME[=MESSAGES]")
    parser.add_argument("--models", type=Path, metavar="DIR",
                        help="check against ecs.json, sqs.json, sts.json there "
                        "in place of botocore's own")
    parser.add_argument("--cross-check", action="store_true",
                        help="a second opinion on each signature and answer by "
                        "botocore (slower)")
    parser.add_argument("--log", action="store_true", help="print a line per call")
    parser.add_argument("--stay-with", type=int, metavar="PID", help="end when this process ends")
    parser.add_argument("--tls-certificate", type=Path, metavar="FILE",
                        help="PEM of certificate and key: speak HTTPS")
    return parser.parse_args(argv)


def make_app(options: argparse.Namespace) -> App:
    """The application with what the command line says is there."""
    app = App(Settings(options.region, options.account, options.access_key, options.secret,
                       options.cross_check,
                       options.models))
    for name in options.cluster or ["default"]:
        app.ecs.add_cluster(name)
    for text in options.task_definition:
        spec, _, launch = text.partition("@")
        family, _, containers = spec.partition(":")
        if launch not in ("", "fargate", "fargate-lax"):
            raise SystemExit(f"--task-definition {text}: after @ comes fargate or fargate-lax")
        add_definition(app, family, containers.split(",") if containers else None,
                       "lax" if launch == "fargate-lax" else launch == "fargate")
    for text in options.queue:
        name, _, visible = text.partition("=")
        app.sqs.set_queue(name, visible=int(visible or 0))
    if options.log:
        app.on_call = print_call
    return app


def print_call(call: Call) -> None:
    """A line for people to watch."""
    body = call.body if isinstance(call.body, dict) else {}
    what = " ".join(f"{name}={body[name]}"
                    for name in ("taskDefinition", "family", "count", "clientToken", "QueueName")
                    if name in body)
    outcome = call.error or call.status or call.fault
    print(f"{call.number} {call.operation} {what} -> {outcome}", flush=True)


async def serve(options: argparse.Namespace) -> None:
    """Listen until a signal says that it is enough."""
    loop = asyncio.get_running_loop()
    app = make_app(options)
    server = Server(app, app.clock)
    app.control = Control(app, server)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.stay_with is not None:
        stay_with(options.stay_with, stop)
    context = None
    if options.tls_certificate is not None:
        app.sqs.scheme = "https"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.tls_certificate)
    host, _, port = options.listen.rpartition(":")
    listener = await loop.create_server(lambda: Connection(server), host.strip("[]"), int(port), ssl=context,
                                        backlog=1024)
    announce(options, listener.sockets[0].getsockname())
    gc.collect()
    gc.freeze()  # the models are big and stay: let the collector not look at them again and again
    gc.set_threshold(50_000, 20, 20)
    await stop.wait()
    listener.close()
    server.close_all()


def stay_with(pid: int, stop: asyncio.Event) -> None:
    """Stop when a process ends, so that a test that is killed leaves no stand-in behind."""
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        stop.set()
        return
    asyncio.get_running_loop().add_reader(watch, stop.set)


def announce(options: argparse.Namespace, address: tuple[str, int]) -> None:
    """Say where we are; the port file appears with its content, never empty."""
    host, port = address[:2]
    if options.port_file is not None:
        draft = options.port_file.with_name(options.port_file.name + ".new")
        draft.write_text(f"{port}\n")
        draft.rename(options.port_file)
    scheme = "https" if options.tls_certificate is not None else "http"
    print(f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}", flush=True)


def main() -> int:
    """The program."""
    asyncio.run(serve(parse_arguments(sys.argv[1:])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
