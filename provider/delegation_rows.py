"""The rows of delegations that are kept until their audience claims them, and after."""

from __future__ import annotations

from collections.abc import Sequence

from clock_service.session import Session
from pail import CID
from provider.errors import InsufficientStorage, TooMuch
from provider.records import Kept
from provider.space_rows import load

MAX_KEPT = 1024
"""Delegations kept in the name of one space."""

MAX_ARCHIVE_BYTES = 64 << 10
"""Of one delegation with its proofs."""

MAX_CLAIMED = 256
"""Given to one claim."""

_CLAIM = (
    "SELECT cid, archive FROM (SELECT d.cid, d.archive, d.kept_at, "
    "CASE WHEN d.space = 0 THEN 0 WHEN s.account = d.audience THEN 1 ELSE 2 END AS kind, "
    "row_number() OVER (PARTITION BY d.space ORDER BY d.kept_at DESC, d.cid) AS place "
    "FROM delegation d LEFT JOIN space s ON s.id = d.space WHERE d.audience = ?) AS found "
    "ORDER BY kind, place, cid LIMIT ?"
)

_KEEP = (
    "INSERT INTO delegation (cid, space, audience, archive, kept_at) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (cid, space) DO UPDATE SET archive = excluded.archive "
    "WHERE length(excluded.archive) > length(delegation.archive)"
)

MAX_OF_SPACE = 16
"""Looked at to know whether a space is public: anybody may ask that."""

MAX_SESSIONS = 512
"""Made of one login; then log in again."""


def keep(session: Session, *, delegations: Sequence[Kept], did: str | None, now_unix_s: int) -> None:
    """did: of the space in whose name; None for those the service itself makes.

    One that came before with fewer of its proofs gives way: all of an archive hangs on the same CID.
    """
    number = 0 if did is None else _check(session, did, len(delegations))
    rows = [(bytes(each.cid), number, each.audience, each.archive, now_unix_s) for each in delegations]
    session.run_many(_KEEP, sorted(rows))


def _check(session: Session, did: str, count: int) -> int:
    found = load(session, did, lock=True)
    if found is None or not found[1].is_hosted:
        raise InsufficientStorage(f"{did} has no storage provider")
    (kept,) = session.rows("SELECT count(*) FROM delegation WHERE space = ?", (found[0],))[0]
    if kept + count > MAX_KEPT:
        raise TooMuch(f"{MAX_KEPT} delegations are kept in the name of one space")
    return found[0]


def claim(session: Session, *, audience: str) -> list[Kept]:
    """What the service itself made comes first, then what is of the audience's own spaces, then of each
    other space the newest, and so on: nobody is kept from his own by what others heap on him.
    """
    fullest: dict[bytes, bytes] = {}
    for cid, archive in session.rows(_CLAIM, (audience, MAX_CLAIMED)):
        if len(archive) > len(fullest.get(cid, b"")):
            fullest[cid] = archive
    return [Kept(CID(cid), audience, archive) for cid, archive in fullest.items()]


def of_space(session: Session, *, audience: str, did: str) -> list[Kept]:
    """The newest that are kept in the name of one space, MAX_OF_SPACE at most."""
    rows = session.rows(
        "SELECT cid, archive FROM delegation WHERE audience = ? AND space = "
        "(SELECT id FROM space WHERE did = ?) ORDER BY kept_at DESC, cid LIMIT ?",
        (audience, did, MAX_OF_SPACE),
    )
    return [Kept(CID(cid), audience, archive) for cid, archive in rows]


def sessions(session: Session, *, login: CID) -> list[CID]:
    rows = session.rows("SELECT cid FROM session WHERE login = ?", (bytes(login),))
    return [CID(cid) for (cid,) in rows]


def keep_sessions(session: Session, *, login: CID, cids: Sequence[CID]) -> None:
    if len(sessions(session, login=login)) + len(cids) > MAX_SESSIONS:
        raise TooMuch(f"{MAX_SESSIONS} sessions were made of this login; log in again")
    rows = [(bytes(login), bytes(cid)) for cid in cids]
    session.run_many("INSERT INTO session VALUES (?, ?) ON CONFLICT DO NOTHING", rows)
