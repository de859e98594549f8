"""AWS's service models, from botocore: what each operation takes and gives.

A checker is compiled once per shape, since thousands of calls a second go through it. Debian's botocore is
older than some members that the product sends; ../models holds what has to be merged in, in the form that
botocore's own loader takes (service-2.sdk-extras.json), so that boto3 can be given it too (AWS_DATA_PATH).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Callable

import botocore.loaders
from botocore.model import ServiceModel, Shape

from stand.errors import AwsError

EXTRAS = Path(__file__).resolve().parent.parent / "models"

# How each service calls an input that has the right form and a value that cannot be.
_NOT_ALLOWED = {"ecs": "InvalidParameterException", "sqs": "InvalidParameterValue", "sts": "ValidationError"}

Checker = Callable[[Any, str, "Problems"], None]


class Problems:
    """What is wrong with one input: of the wrong type or unknown, or merely not allowed."""

    __slots__ = ("types", "values")

    def __init__(self) -> None:
        self.types: list[str] = []
        self.values: list[str] = []

    def raise_if_any(self, code: str) -> None:
        """AwsError with all of them, if there are any; `code` is for what is merely not allowed."""
        if self.types:
            raise AwsError("SerializationException", "; ".join(self.types))
        if self.values:
            raise AwsError(code, "; ".join(self.values))


class Service:
    """One service's model with compiled checkers for the operations that are asked for."""

    def __init__(self, name: str, models: Path | None = None) -> None:
        if models is not None:
            description = json.loads((models / f"{name}.json").read_text())
        else:
            loader = botocore.loaders.Loader(extra_search_paths=[str(EXTRAS)])
            description = loader.load_service_model(name, "service-2")
        self.name = name
        self.model = ServiceModel(description, name)
        self._compiled: dict[str, Checker] = {}
        self._checkers: dict[str, Checker] = {}

    def knows(self, operation: str) -> bool:
        """Whether the service has such an operation (the stand-in may still not do it)."""
        return operation in self.model.operation_names

    def input_shape(self, operation: str) -> Shape | None:
        """The shape of what an operation takes."""
        return self.model.operation_model(operation).input_shape

    def output_shape(self, operation: str) -> Shape | None:
        """The shape of what an operation gives."""
        return self.model.operation_model(operation).output_shape

    def check_input(self, operation: str, value: Any) -> None:
        """AwsError unless `value` is what the operation takes."""
        checker = self._checkers.get(operation)
        if checker is None:
            shape = self.input_shape(operation)
            checker = self._checkers[operation] = self._compile(shape) if shape else _check_empty
        problems = Problems()
        checker(value, "", problems)
        problems.raise_if_any(_NOT_ALLOWED[self.name])

    def output_problems(self, operation: str, value: Any) -> list[str]:
        """What is wrong with an answer of ours."""
        problems = Problems()
        shape = self.output_shape(operation)
        (self._compile(shape) if shape else _check_empty)(value, "", problems)
        return problems.types + problems.values

    def _compile(self, shape: Shape) -> Checker:
        known = self._compiled.get(shape.name)
        if known is not None:
            return known
        # Shapes may contain themselves: what is compiled meanwhile looks the finished one up when it runs.
        self._compiled[shape.name] = lambda *arguments: self._compiled[shape.name](*arguments)
        kinds = {"structure": self._structure, "list": self._list, "map": self._map}
        self._compiled[shape.name] = made = kinds.get(shape.type_name, _scalar)(shape)
        return made

    def _structure(self, shape: Shape) -> Checker:
        members = {name: self._compile(member) for name, member in shape.members.items()}
        required = tuple(shape.required_members)

        def check(value: Any, path: str, problems: Problems) -> None:
            if type(value) is not dict:
                problems.types.append(f"{path or 'the input'} is {_kind(value)}, not an object")
                return
            for name, item in value.items():
                checker = members.get(name)
                if checker is None:
                    problems.types.append(f"{path}.{name} is not a member that AWS's model knows".lstrip("."))
                elif item is not None:
                    checker(item, f"{path}.{name}" if path else name, problems)
            for name in required:
                if value.get(name) is None:
                    problems.values.append(f"{path}.{name} is required".lstrip("."))
        return check

    def _list(self, shape: Shape) -> Checker:
        item_check = self._compile(shape.member)
        size_check = _size(shape, "items")

        def check(value: Any, path: str, problems: Problems) -> None:
            if type(value) is not list:
                problems.types.append(f"{path} is {_kind(value)}, not a list")
                return
            size_check(len(value), path, problems)
            for number, item in enumerate(value):
                item_check(item, f"{path}[{number}]", problems)
        return check

    def _map(self, shape: Shape) -> Checker:
        key_check = self._compile(shape.key)
        value_check = self._compile(shape.value)

        def check(value: Any, path: str, problems: Problems) -> None:
            if type(value) is not dict:
                problems.types.append(f"{path} is {_kind(value)}, not an object")
                return
            for key, item in value.items():
                key_check(key, f"a key of {path}", problems)
                value_check(item, f"{path}.{key}", problems)
        return check


def _check_empty(value: Any, path: str, problems: Problems) -> None:
    if value != {}:
        problems.types.append("this operation takes no members")


def _scalar(shape: Shape) -> Checker:
    kind = shape.type_name
    if kind == "string":
        return _string(shape)
    if kind in ("integer", "long"):
        return _number(shape, (int,), "an integer")
    if kind in ("float", "double", "timestamp"):
        return _number(shape, (int, float), "a number")
    if kind == "boolean":
        return _boolean
    if kind == "blob":
        return _string(shape)
    raise NotImplementedError(f"shape type {kind}")


def _string(shape: Shape) -> Checker:
    allowed = frozenset(shape.metadata.get("enum", ()))
    pattern = _pattern(shape.metadata.get("pattern"))
    size_check = _size(shape, "characters")

    def check(value: Any, path: str, problems: Problems) -> None:
        if type(value) is not str:
            problems.types.append(f"{path} is {_kind(value)}, not a string")
            return
        if allowed and value not in allowed:
            problems.values.append(f"{path} is '{value}', not one of {', '.join(sorted(allowed))}")
        size_check(len(value), path, problems)
        if pattern is not None and not pattern.fullmatch(value):
            problems.values.append(f"{path} does not match {pattern.pattern}")
    return check


def _number(shape: Shape, types: tuple[type, ...], what: str) -> Checker:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")

    def check(value: Any, path: str, problems: Problems) -> None:
        if type(value) not in types:
            problems.types.append(f"{path} is {_kind(value)}, not {what}")
        elif (low is not None and value < low) or (high is not None and value > high):
            problems.values.append(f"{path} is {value}, not within {low}..{high}")
        elif type(value) is int and not -2**63 <= value < 2**63:
            problems.types.append(f"{path} does not fit 64 bits")
    return check


def _boolean(value: Any, path: str, problems: Problems) -> None:
    if type(value) is not bool:
        problems.types.append(f"{path} is {_kind(value)}, not a boolean")


def _size(shape: Shape, unit: str) -> Callable[[int, str, Problems], None]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is None and high is None:
        return lambda size, path, problems: None

    def check(size: int, path: str, problems: Problems) -> None:
        if (low is not None and size < low) or (high is not None and size > high):
            problems.values.append(f"{path} has {size} {unit}, not {low or 0}..{high or 'any'}")
    return check


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(text) if text else None
    except re.error:
        return None  # the models' expressions are Java's; the few that Python does not take are not checked


def _kind(value: Any) -> str:
    names = {str: "a string", bool: "a boolean", int: "an integer", float: "a number", list: "a list",
             dict: "an object", type(None): "null"}
    return names.get(type(value), type(value).__name__)
