"""What the holder of the server's own key cannot do with all that it was delegated: tried, and refused."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from backup_agent.errors import SealedForOthers
from backup_agent.sealing import agent_recipient, seal, unseal
from backup_agent.server.admission import OPS
from backup_agent.snapshot import backups_prefix, snapshot_key
from clock_service.errors import ClockRefused, NotDelegated
from pail import Value
from tests.clock_service.remote import HELPER, OWNER, SPACE, STRANGER, Agent, Host, grant
from ucan import Capability, Delegation, Signer, delegate

ACCOUNT, OTHER = "did:plc:" + "a" * 24, "did:plc:" + "b" * 24
SERVER = HELPER
FIRST, SECOND = "2026-11-20T21:47:00.000Z", "2026-11-21T21:47:00.000Z"


def delegation(*, life_s: int = 3600, to: Signer = SERVER) -> Delegation:
    """As `skypail schedule` makes it."""
    nb: dict[str, Value] = {"keys": backups_prefix(ACCOUNT), "ops": OPS}
    return grant(to, "clock/advance", "clock/head", nb=nb, life_s=life_s)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A clock service that has a snapshot of each account, by the owner."""
    made = Host(tmp_path)
    owner = Agent.at(tmp_path, OWNER)
    clock = made.clock(owner, grant(OWNER, "clock/*"))
    for account in (ACCOUNT, OTHER):
        clock.advance(owner.put(snapshot_key(account, FIRST)))
    return made


@pytest.fixture
def server(tmp_path: Path) -> Agent:
    return Agent.at(tmp_path, SERVER)


def test_it_may_add(host: Host, server: Agent) -> None:
    added = server.put(snapshot_key(ACCOUNT, SECOND))
    host.clock(server, delegation()).advance(added)
    assert host.head() == (added,)


def refused(host: Host, server: Agent, event: object, held: Delegation) -> ClockRefused:
    before = host.head()
    with pytest.raises(ClockRefused) as caught:
        host.clock(server, held).advance(event)  # type: ignore[arg-type]
    assert host.head() == before
    return caught.value


def test_not_delete(host: Host, server: Agent) -> None:
    event = server.delete(snapshot_key(ACCOUNT, FIRST))
    assert refused(host, server, event, delegation()).name == "DeleteRefused"


def test_not_rewrite(host: Host, server: Agent) -> None:
    event = server.put(snapshot_key(ACCOUNT, FIRST), "something else")
    assert refused(host, server, event, delegation()).name == "RewriteRefused"


def test_not_rewrite_from_beside_on_an_old_head(host: Host, server: Agent) -> None:
    event = server.put(snapshot_key(ACCOUNT, FIRST), "something else", head=())
    assert refused(host, server, event, delegation()).name in ("RewriteRefused", "HeadMoved")


def test_not_another_account(host: Host, server: Agent) -> None:
    event = server.put(snapshot_key(OTHER, SECOND))
    assert refused(host, server, event, delegation()).name == "ElsewhereRefused"


def test_not_what_is_not_a_backup_of_the_account(host: Host, server: Agent) -> None:
    event = server.put(f"{ACCOUNT}/authorizations/{SERVER.did}")
    assert refused(host, server, event, delegation()).name == "ElsewhereRefused"


def test_not_with_the_caveats_left_out(host: Host, server: Agent) -> None:
    event = server.delete(snapshot_key(ACCOUNT, FIRST))
    wide = delegate(
        SERVER,
        SERVER.did,
        [Capability("clock/advance", SPACE.did)],
        expires_at_unix=int(time.time()) + 3600,
        proofs=[delegation()],
    )
    assert refused(host, server, event, wide).name == "Unauthorized"


def test_not_another_space(host: Host, server: Agent) -> None:
    caller = host.caller(SERVER, delegation())
    theirs = Capability("clock/head", STRANGER.did)
    invocation = delegate(
        SERVER, host.signer.did, [theirs], expires_at_unix=int(time.time()) + 300, proofs=[delegation()]
    )
    (receipt,) = asyncio.run(host.connection().execute(invocation))
    assert "Unauthorized" in str(receipt.out["error"])
    assert caller.may("clock/head")


def test_not_after_the_end(host: Host, server: Agent) -> None:
    event = server.put(snapshot_key(ACCOUNT, SECOND))
    error = refused(host, server, event, delegation(life_s=-1))
    assert (error.name, error.causes[-1]) == ("Unauthorized", "Expired")


def test_not_revoke_the_owners_rights(host: Host, server: Agent) -> None:
    with pytest.raises(ClockRefused) as caught:
        host.caller(SERVER, delegation()).revoke(grant(OWNER, "clock/*"))
    assert caught.value.name == "UnauthorizedRevocation"


@pytest.mark.parametrize("life_s", [3600, 10 * 86_400], ids=["as it is", "longer"])
def test_passed_on_wider_or_longer_it_is_worth_no_more(host: Host, tmp_path: Path, life_s: int) -> None:
    accomplice = Agent.at(tmp_path, STRANGER)
    passed_on = delegate(
        SERVER,
        STRANGER.did,
        [Capability("clock/*", SPACE.did)],
        expires_at_unix=int(time.time()) + life_s,
        proofs=[delegation(life_s=-1 if life_s > 3600 else 3600)],
    )
    event = accomplice.delete(snapshot_key(ACCOUNT, FIRST))
    assert refused(host, accomplice, event, passed_on).name == "Unauthorized"


def test_nothing_without_a_delegation(host: Host, server: Agent) -> None:
    with pytest.raises(NotDelegated):
        host.clock(server).advance(server.put(snapshot_key(ACCOUNT, SECOND)))


def test_not_read_what_is_sealed() -> None:
    sealed = seal(b"preferences", [agent_recipient(OWNER.seed)])
    with pytest.raises(SealedForOthers):
        unseal(sealed, SERVER.seed)
