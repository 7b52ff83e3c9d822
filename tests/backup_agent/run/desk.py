"""A user's machine for tests of the run: a home, a space, and a faulty host to back up from."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from backup_agent.catalogue import Entry, Snapshot, entries, read_snapshot
from backup_agent.identity import Resolver
from backup_agent.net import Http, Retry
from backup_agent.progress import Unwatched
from backup_agent.run import Outcome, Preferences, Run, back_up
from backup_agent.source import Source
from backup_agent.verify import Verification, verify_snapshot
from pail import run
from space import LOCAL_FILES, Files, FolderClock, Space, open_folder
from tests.faulty_host import FaultyHost
from ucan import Signer

SPACE_KEY = Signer.from_seed(b"space".ljust(32, b"."))


@dataclass(slots=True)
class Desk:
    """One agent at one space. The machine's clock is a counter."""

    host: FaultyHost
    home: Path
    space: Space
    signer: Signer
    now_ms: int = 1_800_000_000_000
    preferences: Preferences | None = None
    recipients: tuple[str, ...] = ()
    waited_s: list[float] = field(default_factory=list[float])

    @property
    def clock(self) -> FolderClock:
        return FolderClock(self.space, self.signer)

    @property
    def did(self) -> str:
        return self.host.demo.recording.did

    def back_up(self) -> Outcome:
        """One run, a second after the one before."""
        self.now_ms += 1000
        return asyncio.run(self.run())

    async def run(self) -> Outcome:
        """One run at this machine's present moment."""
        async with Http(allow_private=True, retry=Retry(sleep=self._sleep)) as http:
            identity = await Resolver(http, plc_url=self.host.url).resolve(self.did)
            work = Run(
                identity=identity,
                source=Source(http, identity.pds),
                space=self.space,
                clock=self.clock,
                signer=self.signer,
                now_ms=lambda: self.now_ms,
                journal=self.home / "journal.jsonl",
                sealed_note=self.home / "sealed.json",
                preferences=self.preferences,
                recipients=self.recipients,
            )
            return await back_up(work)

    async def _sleep(self, seconds: float) -> None:
        self.waited_s.append(seconds)

    def snapshots(self) -> list[Snapshot]:
        return [run(read_snapshot(entry.cid), self.space.get) for entry in self.entries()]

    def entries(self) -> list[Entry]:
        return run(entries(self.clock.head(), self.did), self.space.get)

    def verify(self) -> list[Verification]:
        """Every snapshot, verified from the space alone."""
        return [verify_snapshot(entry, self.space.get, self.signer, Unwatched()) for entry in self.entries()]

    def all_whole(self) -> bool:
        return all(not result.problems and result.unread is None for result in self.verify())


@contextmanager
def desk(
    host: FaultyHost, folder: Path, name: str = "laptop", *, files: Files = LOCAL_FILES
) -> Generator[Desk]:
    """The machine called `name`; machines with the same `folder` share the space in it."""
    home = folder / f"{name}-home"
    home.mkdir(exist_ok=True)
    signer = Signer.from_seed(name.encode().ljust(32, b"."))
    with open_folder(folder / "space", cache=home, did=SPACE_KEY.did, files=files) as space:
        yield Desk(host, home, space, signer)


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`, by its relative name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
