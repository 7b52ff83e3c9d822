"""Spaces at a provider that is a process of its own; each machine has a home."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from backup_agent.authority import Authority
from backup_agent.home import Home
from backup_agent.hosted.line import ProviderLine
from backup_agent.hosted.registering import register_space
from backup_agent.net import Retry
from pail import RAW, parse_cid
from space import LOCAL_FILES, Space
from space.drafts import Drafts
from space.folder_place import FolderPlace
from space.place_cache import PlaceCache
from space.remote.kinds import cid_of_digest
from space.remote.opening import open_remote
from space.remote.place import ProviderPlace
from tests.provider.child import Running
from ucan import Signer


async def _no_sleep(_seconds: float) -> None: ...


IMPATIENT = Retry(attempts=4, sleep=_no_sleep)


class HostedGround:
    """A new space at `provider`, which keeps all it has in `kept_in`.

    Heads lie in one folder for all machines: elsewhere a clock service brings them.
    """

    def __init__(self, path: Path, provider: Running, kept_in: Path) -> None:
        self._path = path
        self._provider = provider
        self._kept_in = kept_in
        self._damaged: dict[Path, bytes] = {}
        self._open: list[ProviderPlace | PlaceCache] = []
        self._owner = Signer.from_seed(secrets.token_bytes(32))
        self.did = self._owner.did
        line = self._line()
        asking = line.asking(provider.did, self.authority("a"))
        register_space(line, asking, f"{uuid4().hex}@example.com", lambda _sentence: None)
        line.close()

    def __getstate__(self) -> dict[str, Any]:
        """For a process that is killed: what is open stays here."""
        provider = self._provider._replace(process=cast(Any, None))
        return {**self.__dict__, "_provider": provider, "_owner": self._owner.seed, "_open": []}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _owner=Signer.from_seed(state["_owner"]))

    def authority(self, machine: str) -> Authority:
        home = Home.open(self._path / machine)
        home.keep_space_key(self._owner)
        return Authority(home, home.agent(), self.did)

    def _line(self, url: str | None = None) -> ProviderLine:
        return ProviderLine(url or self._provider.url, allow_private=True, retry=IMPATIENT)

    def place(self, machine: str) -> ProviderPlace:
        kept = PlaceCache(self._path / machine / "cache", self.did)
        line = self._line()
        blobs = line.blobs(line.asking(self._provider.did, self.authority(machine)), kept.kept)
        drafts = Drafts(LOCAL_FILES, home=kept.home, lock=kept.lock)
        own = FolderPlace(self._path / "small", LOCAL_FILES, home=kept.home, lock=kept.lock)
        place = ProviderPlace(
            blobs, own, staging=kept.staging, drafts=drafts, kept=kept.kept, files=LOCAL_FILES
        )
        self._open += [place, kept]
        return place

    def close(self) -> None:
        """Let go of the places, and heal what the spaces of other tests have in common with this one."""
        for path, content in self._damaged.items():
            path.write_bytes(content)
        for each in self._open:
            each.close()

    def space(self, machine: str, url: str | None = None, *, own: str = "own", resume: bool = False) -> Space:
        """url: of what stands before the provider. own: the folder of heads and leases."""
        line = self._line(url)
        asking = line.asking(self._provider.did, self.authority(machine))
        return open_remote(
            self._provider.url,
            self.did,
            lambda kept: line.blobs(asking, kept),
            cache=self._path / machine / "cache",
            own=self._path / "heads" / own,
            resume=resume,
        )

    def damage(self, room: str, name: str, content: bytes) -> None:
        blob = cid_of_digest(RAW, parse_cid(name.split(".", 1)[0]).multihash)
        [path] = self._kept_in.rglob(f"{blob}.*")
        self._damaged.setdefault(path, path.read_bytes())
        path.write_bytes(content)
