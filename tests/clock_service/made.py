"""Events of a pail, made as an agent makes them, and services over a store."""

from __future__ import annotations

from collections.abc import Collection

from clock_service import ClockService, Guard, Limits, Policy, Provision, Registration, Store
from pail import CID, crdt
from pail.crdt import Update
from pail.event import Head
from tests.memory_store import MemoryStore, value

SPACE = "did:key:z6MkoBPjMzBFn7dGjDRqhNEsXjdVjGVsFbXyYVUQ2nnzEvXX"
OTHER = "did:key:z6MkwXG2WjeQnNxSoynSGYU8V9j3QzP3JSqhdmkHc6SaVWoT"


def open_service(store: Store, guard: Guard = Guard.WHEN_POSSIBLE, limits: Limits = Limits(), **options):  # noqa: B008
    return ClockService(store, Policy(Provision.OPEN, limits, guard), **options)


def hosted(space: str = SPACE, **fields: object) -> Registration:
    return Registration(space, **fields)  # type: ignore[arg-type]


class Author(MemoryStore):
    """Makes events on any head, and keeps all blocks it ever made."""

    def put(self, head: Head, key: str, text: str = "") -> Update:
        return self.commit(crdt.put(head, key, value(text or key)))

    def delete(self, head: Head, key: str) -> Update:
        return self.commit(crdt.delete(head, key))

    def batch(self, head: Head, *keys: str) -> Update:
        return self.commit(crdt.batch(head, [(key, value(key)) for key in keys]))

    def chain(self, length: int, head: Head = (), name: str = "key") -> list[CID]:
        """Events one upon the other, each with a new key."""
        events: list[CID] = []
        for number in range(length):
            head = self.put(head, f"{name}/{number:06}").head
            events += head
        return events

    def only(self, *cids: CID) -> list[tuple[CID, bytes]]:
        return [(cid, self[cid]) for cid in cids]

    def all_events(self) -> list[tuple[CID, bytes]]:
        return [(cid, data) for cid, data in self.items() if data.startswith(b"\xa2\x64data")]

    def all(self, without: Collection[CID] = ()) -> list[tuple[CID, bytes]]:
        """Every block made so far: events and shards."""
        return [block for block in self.items() if block[0] not in without]
