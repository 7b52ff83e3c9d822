"""SKYPAIL_HOME: the agent's key, its sessions, and caches that may be deleted at any time.

    agent.key              the agent's Ed25519 key, made on first use
    spaces/<key>.key       keys of the spaces made here or imported, one each
    sessions/              sessions of accounts, one file each
    private/               for whom private data is sealed
    clocks/<key>.json      clock services of a space, by the space's key
    places/                where spaces lie; see `backup_agent.place_list`
    hosted/                what providers cannot keep of spaces that lie there: heads, and the like
    servers/<key>.json     what is scheduled at server agents, by the space's key
    delegations/           `.ucan` archives: held by this agent, issued here, and those revoked
    cache/                 indexes and journals; rebuilt when lost
    space/                 the default space

Folders are 0700 and keys 0600 (T5).
"""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from backup_agent.errors import HomeUnusable, SettingInvalid
from ucan import Signer, UcanError

PUBLIC_PLC_URL = "https://plc.directory"

_PLC_URL = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[!-~]*)?")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says; there is nothing else to configure."""

    home: Path
    plc_url: str
    allow_private_hosts: bool

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Settings:
        """The settings of an environment; an empty variable counts as not set. Raises SettingInvalid."""
        home = environ.get("SKYPAIL_HOME") or _default_home()
        return cls(
            home=Path(home).expanduser().absolute(),
            plc_url=_plc_url(environ.get("SKYPAIL_PLC_URL") or PUBLIC_PLC_URL),
            allow_private_hosts=environ.get("SKYPAIL_ALLOW_PRIVATE_HOSTS") == "1",
        )


@dataclass(frozen=True, slots=True)
class Home:
    """The state folder; everything in it belongs to one user on one machine."""

    folder: Path

    @classmethod
    def open(cls, folder: Path) -> Home:
        """The home at `folder`, made if it is not there. Raises HomeUnusable."""
        try:
            for name in ("", "spaces", "sessions", "private", "clocks", "delegations", "cache"):
                (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise HomeUnusable(folder, error) from error
        return cls(folder)

    @property
    def default_space(self) -> Path:
        """Where snapshots go when no space is named, until it is moved; see `backup_agent.place_list`."""
        return self.folder / "space"

    @property
    def cache(self) -> Path:
        """A folder whose loss costs time only."""
        return self.folder / "cache"

    @property
    def sessions(self) -> Path:
        """The folder of the accounts' sessions."""
        return self.folder / "sessions"

    def agent(self) -> Signer:
        """The agent's key, made on first use. Two first uses at once agree on one key."""
        path = self.folder / "agent.key"
        if not path.exists():
            write_secret(path, Signer.from_seed(secrets.token_bytes(32)).format().encode() + b"\n")
        try:
            return Signer.parse(path.read_text().strip())
        except (OSError, ValueError, UcanError) as error:
            raise HomeUnusable(path, error) from error

    def account(self, did: str) -> AccountFiles:
        """What is kept here about one account, besides its session."""
        return AccountFiles(self.folder, quote(did, safe=""))

    @property
    def clocks(self) -> Path:
        """The folder that names clock services; see `backup_agent.clock_list`."""
        return self.folder / "clocks"

    @property
    def places(self) -> Path:
        """The folder that says where spaces lie; see `backup_agent.place_list`."""
        return self.folder / "places"

    @property
    def hosted(self) -> Path:
        """A folder for each space at a provider; see `space.remote.place`."""
        return self.folder / "hosted"

    @property
    def servers(self) -> Path:
        """The folder that says what server agents do for spaces; see `backup_agent.scheduled`."""
        return self.folder / "servers"

    @property
    def delegations(self) -> Path:
        """The folder of delegations; see `backup_agent.delegations`."""
        return self.folder / "delegations"

    def space_signer(self, did: str) -> Signer | None:
        """The key of a space that was made here or imported; None for another space. Raises HomeUnusable."""
        path = self.folder / "spaces" / f"{quote(did.removeprefix('did:key:'), safe='')}.key"
        try:
            return Signer.parse(path.read_text().strip()) if path.exists() else None
        except (OSError, ValueError, UcanError) as error:
            raise HomeUnusable(path, error) from error

    def new_space(self) -> str:
        """The DID of a new space, whose key is kept here."""
        signer = Signer.from_seed(secrets.token_bytes(32))
        self.keep_space_key(signer)
        return signer.did

    def keep_space_key(self, signer: Signer) -> None:
        """Keep the key of a space, durably; one that is here already stays. Raises HomeUnusable."""
        name = signer.did.removeprefix("did:key:")
        write_secret(self.folder / "spaces" / f"{name}.key", signer.format().encode() + b"\n")

    def space_keys(self) -> list[str]:
        """The DIDs of the spaces whose keys are here, sorted. Raises HomeUnusable."""
        try:
            return sorted(f"did:key:{path.stem}" for path in (self.folder / "spaces").glob("z*.key"))
        except OSError as error:
            raise HomeUnusable(self.folder / "spaces", error) from error


@dataclass(frozen=True, slots=True)
class AccountFiles:
    """Files about one account."""

    folder: Path
    name: str

    @property
    def journal(self) -> Path:
        """Which blobs are durable while no snapshot names them; see `backup_agent.run.journal`."""
        return self.folder / "cache" / f"{self.name}.blobs.jsonl"

    @property
    def sealed_note(self) -> Path:
        """For whom private data was sealed last; see `backup_agent.run.private`."""
        return self.folder / "private" / f"{self.name}.sealed.json"

    def recipients(self) -> list[str]:
        """Age recipients of the account's private data, besides the agent."""
        path = self._recipients
        try:
            return path.read_text().splitlines() if path.exists() else []
        except (OSError, ValueError) as error:
            raise HomeUnusable(path, error) from error

    def set_recipients(self, recipients: Sequence[str]) -> None:
        """Seal to `recipients`, each checked by the caller, from now on."""
        try:
            self._recipients.write_text("".join(f"{text}\n" for text in recipients))
        except OSError as error:
            raise HomeUnusable(self._recipients, error) from error

    @property
    def _recipients(self) -> Path:
        return self.folder / "private" / f"{self.name}.recipients"


def write_secret(path: Path, secret: bytes) -> None:
    """Write `secret` to `path`, 0600, durably, unless something is there already.

    Raises HomeUnusable if it cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent)  # 0600 from its first moment
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(secret)
                file.flush()
                os.fsync(file.fileno())
            os.link(name, path)  # unlike rename, fails if another process was first
        except FileExistsError:
            pass
        finally:
            Path(name).unlink()
        _fsync_folder(path.parent)
    except OSError as error:
        raise HomeUnusable(path, error) from error


def _plc_url(text: str) -> str:
    """Without a slash at its end. Whether it may be asked is for the guard of outgoing requests to say."""
    if not _PLC_URL.fullmatch(text):
        raise SettingInvalid("SKYPAIL_PLC_URL", text, PUBLIC_PLC_URL)
    return text.rstrip("/")


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _default_home() -> str:
    import platformdirs

    return platformdirs.user_data_dir("skypail", appauthor=False)
