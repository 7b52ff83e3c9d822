"""A bounded memory of facts about immutable blocks, safe to share between threads."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Keeps what was used last, up to twice `capacity` facts, and forgets the rest.

    Two generations: what is used moves to the young one, and when that is full the old one is
    dropped whole. Every step is one dict operation, so no lock is needed: a race can lose a
    fact or keep a generation a little longer, never return a wrong one.
    """

    __slots__ = ("_capacity", "_old", "_young")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        value = self._young.get(key)
        if value is not None:
            return value
        value = self._old.get(key)
        if value is not None:
            self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        if len(self._young) >= self._capacity:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def clear(self) -> None:
        self._old, self._young = {}, {}
