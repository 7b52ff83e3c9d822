"""A server's table, and what owners ask of it: exact delegations, schedules, sealed credentials."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backup_agent.bucket_credentials import seal_credentials
from backup_agent.server import revocation_rows
from backup_agent.server.account import Account
from backup_agent.server.admission import OPS
from backup_agent.server.database import Database
from backup_agent.server.limits import Limits
from backup_agent.server.places import Places
from backup_agent.server.scheduling import Scheduling
from backup_agent.server.table import Table
from backup_agent.snapshot import backups_prefix
from pail import Value
from ucan import Capability, Delegation, Server, Signer, delegate

SERVER, OWNER, AGENT, STRANGER = (Signer.from_seed(bytes([n]) * 32) for n in range(21, 25))
ACCOUNT, OTHER = "did:plc:" + "a" * 24, "did:plc:" + "b" * 24
HOUR_S = 3600
KEYS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
BUCKET = "s3://bucket/prefix"


def sealed(**more: str) -> bytes:
    """Credentials for the bucket, as its owner's agent seals them."""
    return seal_credentials(KEYS | more, SERVER.did, OWNER.did, BUCKET)


@dataclass
class Desk:
    """A server's table, without HTTP and without a worker."""

    database: Database
    root: Path
    limits: Limits = field(default_factory=Limits)
    spaces: tuple[str, ...] = ()
    put: list[str] = field(default_factory=list[str])

    def ask(self, invocation: Delegation) -> Any:
        places = Places(self.root, (self.root,), SERVER.seed, endpoints=("example.com",))
        scheduling = Scheduling(self.database, SERVER, places, self.limits, True, self.spaces)
        table = Table(self.database, SERVER, scheduling, self._put_now)
        server = Server(
            table.service(), now_unix_s=lambda: int(time.time()), revocations_of=self._revocations
        )
        return asyncio.run(server.run(invocation)).out

    async def _revocations(self, ucans: Any) -> Any:
        return self.database.do(lambda session: revocation_rows.revocations(session, ucans))

    def _put_now(self, account: Account) -> None:
        self.put.append(account.did)

    def refusal(self, invocation: Delegation) -> str:
        error = self.ask(invocation)["error"]
        return f"{error['name']}: {error['message']}"


def exact(
    *,
    to: Signer = SERVER,
    by: Signer = OWNER,
    space: str = OWNER.did,
    account: str = ACCOUNT,
    advance: str = "clock/advance",
    nb: dict[str, Value] | None = None,
    more: tuple[Capability, ...] = (),
    life_s: int | None = HOUR_S,
    proofs: tuple[Delegation, ...] = (),
) -> Delegation:
    """What a schedule takes, but for what a test makes different."""
    narrowed: dict[str, Value] = {"keys": backups_prefix(account), "ops": OPS}
    capabilities = [
        Capability(advance, space, narrowed if nb is None else nb),
        Capability("clock/head", space),
        *more,
    ]
    ends = None if life_s is None else int(time.time()) + life_s
    return delegate(by, to.did, capabilities, expires_at_unix=ends, proofs=proofs)


def call(
    can: str,
    nb: dict[str, Value],
    *,
    by: Signer = OWNER,
    space: str = OWNER.did,
    proofs: tuple[Delegation, ...] = (),
) -> Delegation:
    return delegate(
        by,
        SERVER.did,
        [Capability(can, space, nb)],
        expires_at_unix=int(time.time()) + 300,
        nonce=str(time.monotonic_ns()),
        proofs=proofs,
    )


def scheduling(
    granted: Delegation,
    place: str | dict[str, Value] = "",
    *,
    root: Path | None = None,
    by: Signer = OWNER,
    proofs: tuple[Delegation, ...] = (),
    **more: Value,
) -> Delegation:
    where: dict[str, Value] = (
        {"url": place or (root or Path("/")).as_uri()} if isinstance(place, str) else place
    )
    nb: dict[str, Value] = {"account": ACCOUNT, "every": HOUR_S, "place": where, "delegations": [granted.cid]}
    blocks = list(granted.export())
    return delegate(
        by,
        SERVER.did,
        [Capability("backup/schedule", OWNER.did, {**nb, **more})],
        expires_at_unix=int(time.time()) + 300,
        facts=[{str(block.cid): block.cid for block in blocks}],
        attached=blocks,
        proofs=proofs,
    )
