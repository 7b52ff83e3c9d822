"""The delegations of this home: `.ucan` files, each the original's archive.

held/<cid>.ucan      for this agent
issued/<cid>.ucan    made here for others; kept so that they can be listed and revoked
revoked/<cid>.ucan   revoked since, whether or not every service knows yet; new services are told, too
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from pathlib import Path

from backup_agent.errors import DelegationError, HomeUnusable
from backup_agent.home import write_secret
from clock_service.access import CLOCK_MARGIN_S
from clock_service.revoking import chain_of, find_roots
from clock_service.table import resolve_none
from pail import PailError
from ucan import Delegation, decode_archive, encode_archive, is_did
from ucan.archive import MAX_ARCHIVE_BYTES
from ucan.search import Authority

HELD, ISSUED, REVOKED = KINDS = ("held", "issued", "revoked")

MAX_FILES = 4096
"""Delegations of one kind; with more of them none is read, since one left out might be a revoked one."""

_CID = re.compile(r"[a-z0-9]{10,100}", re.ASCII)


class Delegations:
    """Kept in `folder`. Every method raises HomeUnusable if that cannot be read or written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, kind: str, delegation: Delegation) -> None:
        """Keep it, durably; one that is here already stays. Raises DelegationError past MAX_FILES."""
        try:
            (self._folder / kind).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise HomeUnusable(self._folder / kind, error) from error
        self._check_number(kind, more=not self._path(kind, str(delegation.cid)).exists())
        write_secret(self._path(kind, str(delegation.cid)), encode_archive(delegation))

    def list(self, kind: str) -> list[Delegation]:
        """All of a kind, by file name. Raises DelegationError past MAX_FILES."""
        return [load_delegation(path) for path in self._check_number(kind)]

    def _check_number(self, kind: str, *, more: int = 0) -> Sequence[Path]:
        try:
            paths = sorted((self._folder / kind).glob("*.ucan"))
        except OSError as error:
            raise HomeUnusable(self._folder / kind, error) from error
        if len(paths) + more > MAX_FILES:
            raise DelegationError(
                f"{self._folder / kind} has room for {MAX_FILES:,} delegations; delete files of expired ones"
            )
        return paths

    def find(self, cid: str) -> Delegation:
        """Of any kind. Raises DelegationError."""
        if _CID.fullmatch(cid):
            for kind in KINDS:
                if self._path(kind, cid).exists():
                    return load_delegation(self._path(kind, cid))
        raise DelegationError(f"no delegation {cid[:80]!r} is known here; see `skypail agent list`")

    def revoked(self, space: str, now_unix_s: int) -> list[Delegation]:
        """What every service of `space` must know to be revoked: all that has not expired.

        Raises DelegationError if one cannot be read.
        """
        return [
            each
            for each in self.list(REVOKED)
            if space_of(each) == space
            and (each.ucan.expires_at_unix is None or each.ucan.expires_at_unix > now_unix_s - CLOCK_MARGIN_S)
        ]

    def note_revoked(self, delegation: Delegation) -> None:
        """It is worth nothing from now on."""
        self.add(REVOKED, delegation)
        try:
            for kind in (HELD, ISSUED):
                self._path(kind, str(delegation.cid)).unlink(missing_ok=True)
        except OSError as error:
            raise HomeUnusable(self._folder, error) from error

    def _path(self, kind: str, cid: str) -> Path:
        return self._folder / kind / f"{cid}.ucan"


def space_of(delegation: Delegation) -> str:
    """Which space it is about."""
    resources = [capability.resource for capability in delegation.ucan.capabilities]
    return next((resource for resource in resources if is_did(resource)), delegation.issuer)


def check_delegation(delegation: Delegation, agent: str) -> None:
    """Raises DelegationError unless it is for `agent`, and signatures lead from it to the space's key.

    A did:web or did:mailto on the way cannot be checked here; a clock service does so when it is used.
    """
    if delegation.audience != agent:
        raise DelegationError(f"the delegation is for {delegation.audience}, not for this agent, {agent}")
    chain = list(chain_of(delegation.cid, {**delegation.blocks, delegation.cid: delegation.data}))
    if not all(each.issuer.startswith("did:key:") for each in chain):
        return
    roots = asyncio.run(find_roots(delegation, delegation.blocks, Authority("", ()), resolve_none))
    if space_of(delegation) not in roots:
        raise DelegationError(
            f"no signatures lead from the delegation to the key of its space, {space_of(delegation)}: "
            "one of them is wrong, or a proof is missing; ask for a new file"
        )


def load_delegation(path: Path) -> Delegation:
    """The delegation of a `.ucan` file, every block of it hashed (T1). Raises DelegationError."""
    try:
        with path.open("rb") as file:
            return decode_archive(file.read(MAX_ARCHIVE_BYTES + 1))
    except OSError as error:
        raise DelegationError(f"{path} cannot be read: {error.strerror}") from error
    except PailError as error:
        raise DelegationError(
            f"{path} holds no delegation: it must be a whole file that `skypail agent delegate` wrote"
        ) from error


def write_delegation(path: Path, delegation: Delegation) -> None:
    """Write a new `.ucan` file to hand over. Raises DelegationError, also if the file is there already."""
    try:
        with path.open("xb") as file:
            file.write(encode_archive(delegation))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise DelegationError(f"nothing was written to {path}: {error.strerror}; name a new file") from error
