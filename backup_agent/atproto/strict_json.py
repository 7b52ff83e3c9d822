"""JSON from outside, in bounded time and memory, without the parts that readers disagree on."""

from __future__ import annotations

import json
from typing import Any, NoReturn, cast

MAX_JSON_DEPTH = 32
"""Arrays and objects inside one another; identity documents nest about four deep."""


def decode_json(data: bytes, *, max_bytes: int) -> Any:
    """The value of `data`. Raises ValueError that says what is wrong.

    Refused are: more than `max_bytes`, nesting past MAX_JSON_DEPTH, text that is not UTF-8 or
    holds half of a surrogate pair, a name twice in an object, NaN and the infinities.
    """
    if len(data) > max_bytes:
        raise ValueError(f"{len(data)} bytes; the limit is {max_bytes}")
    try:
        value = json.loads(data.decode(), object_pairs_hook=_without_repeats, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError(f"nested deeper than {MAX_JSON_DEPTH}") from error
    _check_depth(value)
    json.dumps(value, ensure_ascii=False).encode()  # UnicodeEncodeError is a ValueError
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("an object holds a name twice")
    return fields


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _check_depth(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(MAX_JSON_DEPTH + 1):
        level = [child for item in level for child in _children(item)]
        if not level:
            return
    raise ValueError(f"nested deeper than {MAX_JSON_DEPTH}")


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(cast(dict[str, Any], value).values())
    return cast(list[Any], value) if isinstance(value, list) else []
