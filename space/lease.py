"""The lease of a process that writes: while it stands, no pruner removes what the process may count on.

Lease first, then marks; a pruner goes the other way round, so one of the two sees the other. The
proof is in spec/prune.md.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from pail import CID
from space.errors import PruneBegan, SpaceError
from space.guard import guarded
from space.index import Index
from space.layout import LEASE_SUFFIX
from space.marks import take_marks
from space.place import Entry, Place

VERSION = 1

RENEW_AFTER_MS = 3600 * 1000
"""Age at which a lease is written again, and the marks looked at again."""

LOOK_AFTER_MS = 60 * 1000
"""Age of a look at the marks at which the next is due: another machine's clock may be wrong."""

LIFE_MS = 6 * RENEW_AFTER_MS
"""How long a lease counts that another machine sees unchanged."""

Now = Callable[[], int]
"""Milliseconds since 1970."""


class Lease:
    """One process's lease at one place; there is none before `hold`."""

    def __init__(self, place: Place, index: Index, folder: Path, now_ms: Now) -> None:
        """folder: of this machine, for locks that tell its own processes that one is gone."""
        self._place, self._index, self._folder = place, index, folder
        self.now_ms = now_ms
        self._name = f"{index.home}-{secrets.token_hex(8)}{LEASE_SUFFIX}"
        self._lock = -1
        self._held_ms: int | None = None
        self._looked_ms = 0
        self._known = index.doomed.shards()

    def hold(self) -> None:
        """Return when a lease stands, and no shard was marked since this process looked.

        Raises PruneBegan if one was: what was found held or whole before may not be. The next call
        is good again, for what was decided after this one.
        """
        now_ms = self.now_ms()
        is_due = self._held_ms is None or not 0 <= now_ms - self._held_ms < RENEW_AFTER_MS
        if is_due or not 0 <= now_ms - self._looked_ms < LOOK_AFTER_MS:
            with guarded("writing a lease"):
                if is_due:
                    self._write(now_ms)
                there = self._place.list("")
                take_marks(self._place, self._index, there)
                self._sweep(there)
            self._held_ms, self._looked_ms = now_ms if is_due else self._held_ms, now_ms
        self._expect_no_new_marks()

    def _expect_no_new_marks(self) -> None:
        """Those of another process of this home are in the index as soon as they are made."""
        doomed = self._index.doomed.shards()
        is_new = not doomed <= self._known
        self._known = doomed
        if is_new:
            raise PruneBegan

    def doubt(self) -> None:
        """Let the next `hold` raise again: it was not the writer that heard of the marks."""
        self._known = set[str]()

    def is_outdated(self) -> bool:
        """Whether shards were marked since this process looked; it knows them from now on."""
        with guarded("looking for marks"):
            take_marks(self._place, self._index)
        before, self._known = self._known, self._index.doomed.shards()
        return not self._known <= before

    def is_doomed(self, shard: CID) -> bool:
        """Whether a mark names `shard`, so that no new one may be called so."""
        return str(shard) in self._known

    def know(self) -> None:
        """Take the marks of now for known: this process made them, or decides anew from here."""
        self._known = self._index.doomed.shards()

    def others(self) -> int:
        """How many others write here, or may; leases of dead processes of this machine are removed."""
        with guarded("looking for leases"):
            there = self._place.list("")
            foreign = [entry for entry in self._leases(there) if not self._is_of_this_home(entry)]
            own = self._sweep(there)
            now_ms = self.now_ms()
            with self._index:
                first = [self._index.doomed.first_seen_ms(e.name, e.version, now_ms) for e in foreign]
        return own + sum(now_ms - at_ms < LIFE_MS for at_ms in first)

    def end(self) -> None:
        """Remove the lease, as best as can be: one that stays ends by itself."""
        if self._lock < 0:
            return
        with suppress(SpaceError, OSError):
            self._place.remove("", self._name)
        (self._folder / self._name).unlink(missing_ok=True)
        os.close(self._lock)
        self._lock, self._held_ms = -1, None

    def _write(self, now_ms: int) -> None:
        if self._lock < 0:
            path = self._folder / self._name
            self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        content = json.dumps({"version": VERSION, "renewed": now_ms, "nonce": secrets.token_hex(8)})
        self._place.store("", self._name, content.encode() + b"\n")

    def _sweep(self, there: Sequence[Entry]) -> int:
        """Remove leases of processes of this home that are gone; how many others of it live."""
        living = 0
        for entry in self._leases(there):
            if not self._is_of_this_home(entry):
                continue
            path = self._folder / entry.name
            if _is_locked(path):
                living += 1
            else:
                self._place.remove("", entry.name)
                path.unlink(missing_ok=True)
        return living

    def _leases(self, there: Sequence[Entry]) -> list[Entry]:
        return [entry for entry in there if entry.name.endswith(LEASE_SUFFIX) and entry.name != self._name]

    def _is_of_this_home(self, entry: Entry) -> bool:
        """Not without its lock here: a copy of this home, on another machine, may hold it."""
        return entry.name.startswith(f"{self._index.home}-") and (self._folder / entry.name).exists()


def _is_locked(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False
