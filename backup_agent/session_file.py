"""Sessions on disk: one file per account, 0600, replaced whole or not at all (T5).

A file is `<did, percent-encoded>.json` in a folder of mode 0700; beside it `.lock`, which whoever refreshes
the session holds, since a refresh token is good once.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from backup_agent.secret import Secret
from backup_agent.session_errors import SessionUnusable

MAX_SESSION_BYTES = 64 << 10
LOCK_TIMEOUT_S = 90.0
LOCK_POLL_S = 0.05

_FIELDS = ("did", "pds", "access", "refresh")


@dataclass(frozen=True, slots=True)
class StoredSession:
    """pds: the host that issued the tokens, the only one that may see them."""

    did: str
    pds: str
    access: Secret
    refresh: Secret


def encode_session(session: StoredSession) -> bytes:
    """The file of a session. The one place where its tokens are written out."""
    tokens = {"access": session.access.reveal(), "refresh": session.refresh.reveal()}
    return json.dumps({"did": session.did, "pds": session.pds, **tokens}).encode()


def decode_session(data: bytes) -> StoredSession:
    """The session of a file. Raises ValueError, which never quotes the file."""
    try:
        told = json.loads(data)
        did, pds, access, refresh = (told[name] for name in _FIELDS)
    except (ValueError, RecursionError, LookupError, TypeError):
        raise ValueError("not a session file") from None
    if not all(isinstance(text, str) for text in (did, pds, access, refresh)):
        raise ValueError("not a session file")
    return StoredSession(did, pds, Secret(access), Secret(refresh))


def load_session(folder: Path, did: str) -> StoredSession | None:
    """The session of the account, None if there is none. Raises SessionUnusable."""
    path = _path(folder, did)
    try:
        with path.open("rb") as file:
            session = decode_session(file.read(MAX_SESSION_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SessionUnusable(did, path) from error
    if session.did != did:
        raise SessionUnusable(did, path)
    return session


def save_session(folder: Path, session: StoredSession) -> None:
    """Durable on return: temporary file, fsync, rename, fsync of the folder. Raises SessionUnusable."""
    path = _path(folder, session.did)
    temporary = path.with_suffix(f".{secrets.token_hex(8)}.tmp")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            _write(temporary, encode_session(session))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(folder)
    except OSError as error:
        raise SessionUnusable(session.did, path) from error


def forget_session(folder: Path, did: str) -> bool:
    """Remove the session of the account; whether there was one. Raises SessionUnusable."""
    path = _path(folder, did)
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise SessionUnusable(did, path) from error
    return True


@asynccontextmanager
async def locked_session(folder: Path, did: str) -> AsyncGenerator[None]:
    """Holds the account's lock, among processes and tasks. Raises SessionUnusable if it cannot be had."""
    path = _path(folder, did).with_suffix(".lock")
    handle = _open_lock(folder, did, path)
    try:
        await _lock(handle, did, path)
        yield
    finally:
        os.close(handle)  # which also lets go of the lock


def _open_lock(folder: Path, did: str, path: Path) -> int:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SessionUnusable(did, path) from error


async def _lock(handle: int, did: str, path: Path) -> None:
    for _ in range(int(LOCK_TIMEOUT_S / LOCK_POLL_S)):
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(LOCK_POLL_S)
    raise SessionUnusable(did, path)


def _path(folder: Path, did: str) -> Path:
    return folder / f"{quote(did, safe='')}.json"


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
