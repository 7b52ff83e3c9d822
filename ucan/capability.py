"""A capability: an ability on a resource, narrowed by caveats, as a UCAN of version 0.9.1 lists it.

Source: https://github.com/ucan-wg/spec/tree/v0.9.1; @ipld/dag-ucan 3.4.5, schema
"""

from __future__ import annotations

import re
from typing import NamedTuple, cast

from pail.dag_cbor import Value
from pail.errors import DecodeError
from pail.fields import Fields

ANY = "*"
"""The ability that covers every other."""

ALL_OF_ISSUER = "ucan:*"
"""The resource that stands for whatever the issuer owns or was delegated."""

MAX_TEXT_CHARS = 2048
"""Longest ability or resource."""

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")


class Capability(NamedTuple):
    """can: the ability, lower case. resource: a URI, `with` on the wire. nb: caveats, None if not there."""

    can: str
    resource: str
    nb: dict[str, Value] | None = None


def encode_capability(capability: Capability) -> Value:
    """The map that a UCAN holds."""
    can, resource, nb = capability
    return {"can": can, "with": resource} | ({} if nb is None else {"nb": nb})


def decode_capability(value: Value) -> Capability:
    """The capability of a map, with no other field. Raises DecodeError."""
    fields = Fields("capability", value)
    can, resource = fields.take("can", str), fields.take("with", str)
    nb = cast("dict[str, Value] | None", fields.take_optional("nb", dict))
    fields.done()
    if not is_ability(can):
        raise DecodeError(f"not an ability: {can[:80]!r}")
    if len(resource) > MAX_TEXT_CHARS or not _URI.fullmatch(resource):
        raise DecodeError(f"not a resource: {resource[:80]!r}")
    return Capability(can, resource, nb)


def is_ability(text: str) -> bool:
    """Whether `text` is `*` or lower case segments with a `/` between them."""
    return text == ANY or (len(text) <= MAX_TEXT_CHARS and "/" in text[1:-1] and text == text.lower())


def covers(pattern: str, can: str) -> bool:
    """Whether the ability `pattern` (itself, `x/*` or `*`) covers the ability `can`."""
    return pattern in (ANY, can) or (pattern.endswith("/*") and can.startswith(pattern[:-1]))
