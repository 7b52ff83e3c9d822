"""A bounded memory of facts about immutable blocks, safe to share between threads."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Keeps what was used last, up to twice `capacity` in weight, and forgets the rest.

    Two generations: what is used moves to the young one, and when that is full the old one is
    dropped whole. Every step is one dict operation, so no lock is needed: a race can lose a
    fact or keep a generation a little longer, never return a wrong one.
    """

    __slots__ = ("_capacity", "_old", "_weight", "_young")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._young: dict[K, tuple[V, int]] = {}
        self._old: dict[K, tuple[V, int]] = {}
        self._weight = 0

    def get(self, key: K) -> V | None:
        kept = self._young.get(key)
        if kept is None:
            kept = self._old.get(key)
            if kept is None:
                return None
            self.put(key, kept[0], kept[1])
        return kept[0]

    def put(self, key: K, value: V, weight: int = 1) -> None:
        if self._weight + weight > self._capacity:
            self._old, self._young, self._weight = self._young, {}, 0
        self._young[key] = (value, weight)
        self._weight += weight

    def clear(self) -> None:
        self._old, self._young, self._weight = {}, {}, 0
