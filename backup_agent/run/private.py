"""Private data: sealed before it touches the space, and not sealed again while it is the same."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from backup_agent.catalogue import Snapshot
from backup_agent.errors import AgentError, SealedForOthers
from backup_agent.run.context import Run
from backup_agent.run.staging import Staging
from backup_agent.sealing import agent_recipient, seal, unseal
from pail import CID, RAW, MissingBlock, PailError, cid_of, parse_cid
from space import CorruptBlock, SpaceError
from space.guard import guarded

NOT_LOGGED_IN = "nobody is logged in to the account on this machine (skypail login)"


@dataclass(frozen=True, slots=True)
class Sealed:
    """The private data of a snapshot, and why what is not there is not."""

    preferences: CID | None
    excluded: dict[str, str]


async def seal_preferences(run_: Run, staging: Staging, previous: Snapshot | None) -> Sealed:
    """Stage the account's preferences as an age file; the previous one is kept while nothing changed.

    What the session may not see, or nobody is logged in for, is excluded with the reason; the
    preferences of the previous snapshot are then kept on, since they are the newest there are.
    """
    kept, lost = previous.backup.preferences if previous else None, ""
    if kept is not None and not _is_here(run_, kept):
        kept, lost = None, "those of before are lost from the space, and "
    if run_.preferences is None:
        return Sealed(kept, {"preferences": lost + NOT_LOGGED_IN})
    try:
        plain = await run_.preferences()
    except AgentError as error:
        return Sealed(kept, {"preferences": f"{lost}{error}"})
    recipients = sorted({agent_recipient(run_.signer.seed), *run_.recipients})
    memory = SealedFor(run_.sealed_note)
    if kept is not None and _still_holds(run_, kept, plain) and memory.recall(kept) == recipients:
        return Sealed(kept, {})
    data = seal(plain, recipients)
    cid = cid_of(RAW, data)
    staging.put_many([(cid, data)])
    memory.remember(cid, recipients)
    return Sealed(cid, {})


def _is_here(run_: Run, cid: CID) -> bool:
    try:
        return bool(run_.space.get([cid]))
    except (MissingBlock, CorruptBlock):
        return False


def _still_holds(run_: Run, kept: CID, plain: bytes) -> bool:
    """Whether the sealed block `kept` opens to `plain`, as JSON: key order and space do not count."""
    try:
        sealed = run_.space.get([kept])[0]
        return json.loads(unseal(sealed, run_.signer.seed)) == json.loads(plain)
    except (SealedForOthers, PailError, SpaceError, ValueError):
        return False


class SealedFor:
    """Remembers for whom a block was sealed, which an age file does not tell.

    Forgetting costs one sealing more.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def recall(self, cid: CID) -> list[str] | None:
        """The recipients of `cid`, if it is the block that was sealed last."""
        try:
            note = json.loads(self._path.read_bytes())
            return note["recipients"] if parse_cid(note["cid"]) == cid else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remember(self, cid: CID, recipients: list[str]) -> None:
        """Note the recipients of `cid`, in place of what was noted before."""
        with guarded("noting for whom private data was sealed"):
            self._path.write_text(json.dumps({"cid": str(cid), "recipients": recipients}))
