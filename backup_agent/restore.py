"""A snapshot as a folder of ordinary files; every byte is checked on the way out.

repo.car                the commit, its tree and its records, as `importRepo` takes it
blobs/<cid>             every blob, named as records link it
identity/               did.json and plc-audit.json, as received
preferences.json        or preferences.age, when the agent's key does not open it
certificate.json        what was proved, by whom
README.txt              what is what, for whoever finds this folder
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from backup_agent.atproto.commit import decode_commit
from backup_agent.atproto.mst import walk_blocks
from backup_agent.catalogue import Snapshot, claimed_handle
from backup_agent.errors import RestoreRefused, SealedForOthers
from backup_agent.progress import Progress
from backup_agent.restore_notes import certificate_json, readme
from backup_agent.sealing import unseal
from backup_agent.snapshot import decode_backup, decode_identity
from pail import CID, Block, DecodeError, PailError, Reader, fetch, parse_cid, run
from pail.car import encode_car_header, encode_frame
from pail.map import entries
from pail.unixfs import leaves
from space import CorruptBlock
from ucan import Signer


@dataclass(slots=True)
class Restored:
    """What was written."""

    folder: Path
    files: int = 0
    size_bytes: int = 0
    records: int = 0
    blobs: int = 0
    preferences: str | None = None
    """Name of the file with the preferences, if there are any."""
    damaged: dict[str, str] = field(default_factory=dict[str, str])
    """What is damaged in the space and so is not in the folder, each with its cause; never repo.car."""


def restore(snapshot: Snapshot, get: Reader, signer: Signer, to: Path, progress: Progress) -> Restored:
    """Write `snapshot` to the folder `to`, which must not be there or be empty.

    The folder has its name only when it is complete and durable: until then it is `to` with
    `.partial` behind it, removed again when something fails. A damaged blob does not stop the
    others: `damaged` and certificate.json name it.
    Raises RestoreRefused if the folder is in use or cannot be written, and what reading the
    repository raises: it is restored whole or not at all.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise RestoreRefused(f"{to} is there already and not an empty folder; name a new one")
    partial = to.with_name(to.name + ".partial")
    try:
        partial.mkdir(parents=True)
    except FileExistsError:
        raise RestoreRefused(
            f"{partial} is left from another restore; remove it if none is running"
        ) from None
    except OSError as error:
        raise RestoreRefused(f"{partial} cannot be made: {error.strerror}") from error
    try:
        restored = _Restorer(snapshot, get, signer, partial, progress, Restored(to)).write()
        if to.exists():
            to.rmdir()
        partial.replace(to)
        _sync_folder(to.parent)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise RestoreRefused(f"{to} cannot be written: {error.strerror}; nothing was left there") from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return restored


class _Restorer:
    def __init__(
        self,
        snapshot: Snapshot,
        get: Reader,
        signer: Signer,
        folder: Path,
        progress: Progress,
        restored: Restored,
    ) -> None:
        self._snapshot, self._get, self._signer = snapshot, get, signer
        self._folder, self._progress, self._restored = folder, progress, restored

    def write(self) -> Restored:
        self._restored.records = self._write_repository()
        with self._trying("blobs"):
            self._write_blobs()
        with self._trying("identity"):
            self._write_identity()
        with self._trying("preferences"):
            self._restored.preferences = self._write_preferences()
        self._write_notes()
        for folder in (self._folder, *(each for each in self._folder.iterdir() if each.is_dir())):
            _sync_folder(folder)
        return self._restored

    @contextmanager
    def _trying(self, name: str) -> Generator[None]:
        """Damage inside is noted as that of `name`, and the restoring goes on."""
        try:
            yield
        except (PailError, CorruptBlock) as error:
            self._restored.damaged[name] = str(error)

    def _write_repository(self) -> int:
        root = self._snapshot.backup.repo
        commit = self._read(root)
        self._progress.phase("Writing records", self._snapshot.certificate.records)

        def fill(put: Callable[[bytes], object]) -> int:
            def visit(blocks: list[Block]) -> None:
                put(b"".join(encode_frame(*block) for block in blocks))
                self._progress.advance(len(blocks), sum(len(block.data) for block in blocks))

            put(encode_car_header([root]) + encode_frame(root, commit))
            return run(walk_blocks(decode_commit(root, commit).root, visit), self._get).records

        return self._stream("repo.car", fill)

    def _write_blobs(self) -> None:
        (self._folder / "blobs").mkdir()
        blobs = run(entries(self._snapshot.backup.blobs), self._get)
        self._progress.phase("Writing blobs", len(blobs))
        for name, root in blobs:
            path = f"blobs/{parse_cid(name)}"
            with self._trying(path):
                self._stream(path, lambda put, name=name, root=root: self._copy_blob(name, root, put))
                self._restored.blobs += 1

    def _copy_blob(self, name: str, root: CID, put: Callable[[bytes], object]) -> None:
        digest = hashlib.sha256()

        def emit(leaf: bytes) -> None:
            digest.update(leaf)
            put(leaf)
            self._progress.advance(size_bytes=len(leaf))

        run(leaves(root, emit), self._get)
        if parse_cid(name).multihash[2:] != digest.digest():
            raise DecodeError("what is stored under its name hashes to something else")
        self._progress.advance(1)

    def _write_identity(self) -> None:
        (self._folder / "identity").mkdir()
        identity = decode_identity(self._read(self._snapshot.backup.identity))
        self._write("identity/did.json", self._read(identity.did_document))
        if identity.plc_log is not None:
            self._write("identity/plc-audit.json", self._read(identity.plc_log))

    def _write_preferences(self) -> str | None:
        if self._snapshot.backup.preferences is None:
            return None
        sealed = self._read(self._snapshot.backup.preferences)
        try:
            plain = unseal(sealed, self._signer.seed)
        except SealedForOthers:
            self._write("preferences.age", sealed)
            return "preferences.age"
        self._write("preferences.json", plain)
        return "preferences.json"

    def _write_notes(self) -> None:
        snapshot, damaged, handle = self._snapshot, self._restored.damaged, None
        with self._trying("identity"):
            handle = run(claimed_handle(snapshot), self._get)
        backup_block = self._read(snapshot.cid)
        certificate_block = self._read(decode_backup(backup_block)[1])
        notes = certificate_json(snapshot, backup_block, certificate_block, handle, damaged)
        self._write("README.txt", readme(snapshot, handle, damaged, self._folder))
        self._write("certificate.json", notes)

    def _read(self, cid: CID) -> bytes:
        return run(fetch(cid), self._get)

    def _write(self, name: str, content: bytes) -> None:
        self._stream(name, lambda put: put(content))

    def _stream(self, name: str, fill: Callable[[Callable[[bytes], object]], Any]) -> Any:
        """Write a file durably from what `fill` puts into it, or no file at all; what `fill` returns.

        Private data is for its owner's eyes (T5), so every file is 0600.
        """
        path = self._folder / name
        with open(path, "xb", opener=_private) as file:
            try:
                result = fill(file.write)
            except BaseException:
                path.unlink()
                raise
            _sync(file)
            self._restored.files += 1
            self._restored.size_bytes += file.tell()
        return result


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
