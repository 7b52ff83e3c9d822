"""Strict reading of the fields of a map: what is there is of its type, and nothing else is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from pail.cid import CID
from pail.dag_cbor import Value
from pail.errors import DecodeError

T = TypeVar("T")


class Fields:
    """Takes the fields of one decoded map, one by one; `done` refuses what was not asked for.

    Every method raises DecodeError naming the struct and the field.
    """

    def __init__(self, struct: str, value: Value) -> None:
        if not isinstance(value, dict):
            raise DecodeError(f"{struct} is no map")
        self._struct = struct
        self._rest = dict(cast("Mapping[str, Any]", value))

    def take(self, name: str, kind: type[T]) -> T:
        """The field `name`, which must be there and be a `kind`."""
        if name not in self._rest:
            raise DecodeError(f"{self._struct} lacks {name!r}")
        field = self._rest.pop(name)
        wrong_bytes = kind is bytes and isinstance(field, CID)
        if not isinstance(field, kind) or wrong_bytes or (kind is int and isinstance(field, bool)):
            raise DecodeError(f"{self._struct}.{name} is no {kind.__name__}")
        return cast(T, field)

    def take_optional(self, name: str, kind: type[T]) -> T | None:
        """The field `name` if it is there; it must then be a `kind`."""
        return self.take(name, kind) if name in self._rest else None

    def take_texts(self, name: str, limit: int) -> dict[str, str]:
        """The field `name`, a map of at most `limit` texts to texts."""
        texts = cast("dict[str, Any]", self.take(name, dict))
        if len(texts) > limit or not all(isinstance(text, str) for text in texts.values()):
            raise DecodeError(f"{self._struct}.{name} is no map of at most {limit} texts")
        return texts

    def count(self, name: str) -> int:
        """The field `name`, an integer of 0 or more."""
        number = self.take(name, int)
        if number < 0:
            raise DecodeError(f"{self._struct}.{name} is negative")
        return number

    def done(self) -> None:
        """Refuse fields that nobody asked for."""
        if self._rest:
            raise DecodeError(f"{self._struct} has an unknown field {min(self._rest)!r}")
