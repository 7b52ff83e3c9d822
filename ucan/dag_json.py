"""DAG-JSON as UCAN 0.9.1 signs it, of values that have one form in it.

A signature is over the JSON text, the block is DAG-CBOR. What two blocks would write alike is
refused, or whoever holds a UCAN could give it a second CID and outlive its revocation: maps with the
key "/" (which look like links or bytes) and floats that are whole numbers (which look like integers
to the original).

Keys are sorted by UTF-16 code units, as JavaScript compares text.

Source: https://ipld.io/specs/codecs/dag-json/spec/; @ipld/dag-json, cborg 4
"""

from __future__ import annotations

import base64
from decimal import Decimal
from json.encoder import encode_basestring
from typing import cast

from pail.cid import CID
from pail.dag_cbor import Value
from pail.errors import DecodeError

_CONSTANTS = {None: "null", True: "true", False: "false"}


def encode_dag_json(value: Value) -> bytes:
    """The DAG-JSON of a value that DAG-CBOR holds; its depth is bounded by that codec.

    Raises DecodeError for what has no form of its own.
    """
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts).encode()


def _write(value: Value, parts: list[str]) -> None:
    if isinstance(value, str):
        parts.append(encode_basestring(value))
    elif isinstance(value, dict):
        _write_map(cast("dict[str, Value]", value), parts)
    elif isinstance(value, list):
        _write_list(cast("list[Value]", value), parts)
    elif isinstance(value, CID):
        parts.append(f'{{"/":"{value}"}}')
    elif isinstance(value, bytes):
        parts.append(f'{{"/":{{"bytes":"{base64.b64encode(value).decode().rstrip("=")}"}}}}')
    elif isinstance(value, float):
        parts.append(_format_float(value))
    else:
        parts.append(str(value) if type(value) is int else _CONSTANTS[cast("bool | None", value)])


def _write_map(fields: dict[str, Value], parts: list[str]) -> None:
    if "/" in fields:
        raise DecodeError('a signed map has the key "/"')
    start = "{"
    for name in sorted(fields, key=_utf16):
        parts.append(start + encode_basestring(name) + ":")
        _write(fields[name], parts)
        start = ","
    parts.append("}" if fields else "{}")


def _write_list(values: list[Value], parts: list[str]) -> None:
    start = "["
    for value in values:
        parts.append(start)
        _write(value, parts)
        start = ","
    parts.append("]" if values else "[]")


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-be")


def _format_float(number: float) -> str:
    """As JavaScript writes it: positional down to a millionth."""
    if number.is_integer():
        raise DecodeError(f"a signed float is a whole number: {number}")
    if abs(number) >= 1e-6:
        return format(Decimal(repr(number)), "f")
    digits, _, exponent = repr(number).partition("e")
    return f"{digits}e{int(exponent)}"
