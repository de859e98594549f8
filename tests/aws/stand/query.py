"""The query protocol: forms in, XML out, by the model's shapes. STS speaks it, and old clients of SQS."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_plus
from xml.sax.saxutils import escape

from botocore.model import Shape

from stand.errors import AwsError


def parse_form(body: bytes) -> dict[str, str]:
    """The fields of a form; one that comes twice is an error."""
    fields: dict[str, str] = {}
    for pair in body.decode("latin-1").split("&"):
        if not pair:
            continue
        name, _, value = pair.partition("=")
        name = _decode(name)
        if name in fields:
            raise AwsError("SerializationException", f"'{name}' is there twice")
        fields[name] = _decode(value)
    return fields


def _decode(text: str) -> str:
    try:
        return unquote_plus(text, encoding="utf-8", errors="strict")
    except UnicodeDecodeError:
        raise AwsError("SerializationException", f"'{text[:40]}' is not UTF-8") from None


def from_form(shape: Shape | None, fields: dict[str, str]) -> dict[str, Any]:
    """The input that a form's fields (without Action and Version) mean."""
    used: set[str] = {"Action", "Version"}
    value = _structure(shape, fields, "", used) if shape is not None else {}
    for name in fields:
        if name not in used:
            value[name] = fields[name]  # for the model check, which says that it is unknown
    return value


def _structure(shape: Shape, fields: dict[str, str], prefix: str, used: set[str]) -> dict[str, Any]:
    value = {}
    for name, member in shape.members.items():
        wire = member.serialization.get("name", name)
        if member.type_name == "list" and member.serialization.get("flattened"):
            wire = member.member.serialization.get("name", wire)
        found = _value(member, fields, prefix + wire, used)
        if found is not None:
            value[name] = found
    return value


def _value(shape: Shape, fields: dict[str, str], name: str, used: set[str]) -> Any:
    if shape.type_name == "structure":
        return _structure(shape, fields, name + ".", used) or None
    if shape.type_name == "list":
        start = name if shape.serialization.get("flattened") else f"{name}.member"
        items = [_value(shape.member, fields, f"{start}.{number}", used)
                 for number in _numbers(fields, start)]
        return items or None
    if shape.type_name == "map":
        start = name if shape.serialization.get("flattened") else f"{name}.entry"
        key = shape.key.serialization.get("name", "key")
        item = shape.value.serialization.get("name", "value")
        pairs = {_value(shape.key, fields, f"{start}.{number}.{key}", used):
                 _value(shape.value, fields, f"{start}.{number}.{item}", used)
                 for number in _numbers(fields, start)}
        return pairs or None
    if name not in fields:
        return None
    used.add(name)
    return _scalar(shape.type_name, fields[name])


def _numbers(fields: dict[str, str], start: str) -> list[int]:
    pattern = re.compile(re.escape(start) + r"\.([1-9][0-9]{0,3})(?:\.|\Z)")
    return sorted({int(match[1]) for name in fields if (match := pattern.match(name))})


def _scalar(kind: str, text: str) -> Any:
    if kind in ("integer", "long") and re.fullmatch(r"-?[0-9]{1,19}", text):
        return int(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text  # also what is no number: the model check says so


def success(operation: str, shape: Shape | None, value: dict[str, Any], namespace: str,
            request_id: str) -> bytes:
    """An answer as XML."""
    inner = "" if shape is None else f"<{operation}Result>{_members(shape, value)}</{operation}Result>"
    end = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    return f'<?xml version="1.0"?>\n<{operation}Response xmlns="{namespace}">{inner}{end}'.encode()


def failure(error: AwsError, namespace: str, request_id: str) -> bytes:
    """An error as XML."""
    code, status = error.in_query()
    kind = "Receiver" if status >= 500 else "Sender"
    return (f'<?xml version="1.0"?>\n<ErrorResponse xmlns="{namespace}"><Error><Type>{kind}</Type><Code>'
            f"{escape(code)}</Code><Message>{escape(error.message)}</Message></Error><RequestId>{request_id}"
            "</RequestId></ErrorResponse>").encode()


def _members(shape: Shape, value: dict[str, Any]) -> str:
    parts = []
    for name, member in shape.members.items():
        if value.get(name) is not None:
            parts.append(_xml(member.serialization.get("name", name), member, value[name]))
    return "".join(parts)


def _xml(name: str, shape: Shape, value: Any) -> str:
    if shape.type_name == "structure":
        return f"<{name}>{_members(shape, value)}</{name}>"
    if shape.type_name == "list":
        item = shape.member.serialization.get("name", "member")
        if shape.serialization.get("flattened"):
            return "".join(_xml(item if "name" in shape.member.serialization else name, shape.member, each)
                           for each in value)
        return f"<{name}>{''.join(_xml(item, shape.member, each) for each in value)}</{name}>"
    if shape.type_name == "map":
        key = shape.key.serialization.get("name", "key")
        item = shape.value.serialization.get("name", "value")
        entry = name if shape.serialization.get("flattened") else "entry"
        inner = "".join(f"<{entry}>{_xml(key, shape.key, k)}{_xml(item, shape.value, v)}</{entry}>"
                        for k, v in value.items())
        return inner if shape.serialization.get("flattened") else f"<{name}>{inner}</{name}>"
    if isinstance(value, bool):
        value = "true" if value else "false"
    return f"<{name}>{escape(str(value))}</{name}>"
