"""A did:plc proved by its audit log: every operation since the first, and who signed it.

The DID is a hash of the first operation, and each operation is signed by a rotation key of the
one before. So the log proves what a DID document may say, whoever serves either (T6). Only one
thing rests on the directory's word: when an operation reached it, which decides whether a
stronger rotation key was in time to undo what a weaker one did.

Source: https://web.plc.directory/spec/v0.1/did-plc
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from backup_agent.atproto.did_document import DidDocument, claimed_handle, parse_pds_origin
from backup_agent.atproto.errors import InvalidPlcLog
from backup_agent.atproto.plc_operation import Operation, genesis_did, parse_operation
from backup_agent.atproto.strict_json import decode_json
from pail import CID

MAX_LOG_BYTES = 4 << 20
MAX_OPERATIONS = 4096
"""The directory takes at most ten an hour of one DID; most have fewer than ten in all."""

RECOVERY_WINDOW = timedelta(hours=72)
"""How long a stronger rotation key may undo an operation; at the very end it still may."""


@dataclass(frozen=True, slots=True)
class PlcState:
    """What a proved log says now."""

    did: str
    operation: Operation
    """The last one in force."""
    nullified: frozenset[CID]
    """Operations that were undone."""

    @property
    def tombstoned(self) -> bool:
        """Whether the DID was ended."""
        return self.operation.tombstone

    @property
    def signing_key(self) -> str | None:
        """The did:key that signs the repository."""
        return self.operation.verification_methods.get("atproto")

    @property
    def handle(self) -> str | None:
        """The handle it claims, in lower case."""
        return claimed_handle(list(self.operation.also_known_as))

    @property
    def pds(self) -> str | None:
        """The origin of the host; None if there is none, or none that may be used."""
        service = self.operation.services.get("atproto_pds")
        if service is None or service.type != "AtprotoPersonalDataServer":
            return None
        try:
            return parse_pds_origin(service.endpoint)
        except ValueError:
            return None

    def contradictions(self, document: DidDocument) -> list[str]:
        """Which of `signing key`, `host` and `handle` the document states otherwise than the log."""
        pairs = [
            ("signing key", self.signing_key, document.signing_key),
            ("host", self.pds, document.pds),
            ("handle", self.handle, document.handle),
        ]
        return [name for name, proved, stated in pairs if proved != stated]


@dataclass(frozen=True, slots=True)
class _Logged:
    """An operation in force, and what decides who may undo it."""

    operation: Operation
    signer: int
    """Which of its predecessor's rotation keys signed it; 0 is the strongest."""
    created_at: datetime


def verify_plc_log(did: str, data: bytes) -> PlcState:
    """The state of `did` that its audit log `data` proves, JSON as received.

    Raises InvalidPlcLog, naming the operation by its number from 1.
    """
    active: list[_Logged] = []
    nullified: set[CID] = set()
    claimed: set[CID] = set()
    latest: datetime | None = None
    for number, entry in enumerate(_decode_log(did, data), 1):
        try:
            operation, created_at, says_nullified = _parse_entry(did, entry)
            if latest is not None and created_at < latest:
                raise ValueError("it is older than the one before it")
            nullified |= _append(did, active, operation, created_at)
        except ValueError as error:
            raise InvalidPlcLog(did, f"operation {number}: {error}") from error
        latest = created_at
        if says_nullified:
            claimed.add(operation.cid)
    if claimed != nullified:
        raise InvalidPlcLog(did, "the operations marked as nullified are not those that are")
    return PlcState(did, active[-1].operation, frozenset(nullified))


def _decode_log(did: str, data: bytes) -> list[Any]:
    try:
        log = decode_json(data, max_bytes=MAX_LOG_BYTES)
    except ValueError as error:
        raise InvalidPlcLog(did, f"not JSON: {error}") from error
    if not isinstance(log, list) or not 0 < len(cast(list[Any], log)) <= MAX_OPERATIONS:
        raise InvalidPlcLog(did, f"it is no list of 1 to {MAX_OPERATIONS} operations")
    return cast(list[Any], log)


def _parse_entry(did: str, entry: Any) -> tuple[Operation, datetime, bool]:
    if not isinstance(entry, dict):
        raise ValueError("it is no object")
    fields = cast(dict[str, Any], entry)
    if fields.get("did") != did:
        raise ValueError(f"it is of {fields.get('did')!r:.100}")
    operation = parse_operation(fields.get("operation"))
    if fields.get("cid") != str(operation.cid):
        raise ValueError(f"it hashes to {operation.cid}, not to {fields.get('cid')!r:.100}")
    if not isinstance(fields.get("nullified"), bool):
        raise ValueError("it does not say whether it is nullified")
    return operation, _parse_time(fields.get("createdAt")), fields["nullified"]


def _parse_time(value: Any) -> datetime:
    if not isinstance(value, str) or len(value) > 40 or not value.endswith("Z"):
        raise ValueError("its createdAt is no time in UTC")
    return datetime.fromisoformat(value)


def _append(did: str, active: list[_Logged], operation: Operation, created_at: datetime) -> set[CID]:
    """Put `operation` behind the one it follows; return those it undoes. Raises ValueError."""
    if not active:
        _check_genesis(did, operation)
        active.append(_Logged(operation, 0, created_at))
        return set()
    at = next((at for at, it in enumerate(active) if it.operation.cid == operation.previous), None)
    if at is None:
        raise ValueError("its prev is no operation in force before it")
    before, undone = active[at].operation, active[at + 1 :]
    if before.tombstone:
        raise ValueError("it follows a tombstone")
    keys = before.rotation_keys
    if undone:
        # Only a key stronger than the one that signed what it undoes.
        keys = keys[: undone[0].signer]
        if created_at - undone[0].created_at > RECOVERY_WINDOW:
            raise ValueError(f"it undoes an operation more than {RECOVERY_WINDOW} old")
    signer = operation.signer_of(keys)
    if signer is None:
        raise ValueError("it is signed by no rotation key that may")
    active[at + 1 :] = [_Logged(operation, signer, created_at)]
    return {it.operation.cid for it in undone}


def _check_genesis(did: str, operation: Operation) -> None:
    if operation.previous is not None or operation.tombstone:
        raise ValueError("the log does not begin with the first operation")
    if genesis_did(operation) != did:
        raise ValueError(f"it is the beginning of {genesis_did(operation)}")
    if operation.signer_of(operation.rotation_keys) is None:
        raise ValueError("it is not signed by one of its own rotation keys")
