"""What a schedule must bring along, and what it must not; what `backup/*` refuses."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from backup_agent.bucket_credentials import seal_credentials
from backup_agent.sealing import seal, ssh_recipient
from backup_agent.server import account_rows, revocation_rows
from backup_agent.server.account import Account
from backup_agent.server.admission import OPS
from backup_agent.server.database import Database, open_database
from backup_agent.server.limits import Limits
from backup_agent.server.places import Places
from backup_agent.server.schedule import State
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
BOUND = {"version": 2, "space": OWNER.did, "place": BUCKET, "credentials": KEYS}


def sealed(**more: str) -> bytes:
    """Credentials for the bucket, as its owner's agent seals them."""
    return seal_credentials(KEYS | more, SERVER.did, OWNER.did, BUCKET)


def sealed_as(document: object) -> bytes:
    return seal(json.dumps(document).encode(), [ssh_recipient(SERVER.did)])


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


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    database = open_database(f"sqlite:///{tmp_path}/agent.db")
    yield Desk(database, tmp_path)
    database.close()


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


def test_an_exact_delegation_is_taken(desk: Desk) -> None:
    out = desk.ask(scheduling(exact(), root=desk.root, keep="daily=7"))
    assert (out["ok"]["account"], out["ok"]["state"], out["ok"]["keep"]) == (ACCOUNT, "due", "daily=7")
    listed = desk.ask(call("backup/list", {}))["ok"]["accounts"]
    assert [each["account"] for each in listed] == [ACCOUNT]


def test_one_that_came_by_an_agent_of_the_owner_is_taken(desk: Desk) -> None:
    above = delegate(OWNER, AGENT.did, [Capability("clock/*", OWNER.did)], expires_at_unix=None)
    assert "ok" in desk.ask(scheduling(exact(by=AGENT, proofs=(above,)), root=desk.root))


WRONG = {
    "for another server": (exact(to=STRANGER), "it is for"),
    "for another account": (exact(account=OTHER), "must narrow"),
    "for another space": (exact(space=AGENT.did, by=AGENT), "it is about"),
    "by somebody without the right": (exact(by=STRANGER), "clock/advance:"),
    "without an end": (exact(life_s=None), "never ends"),
    "ended": (exact(life_s=-1), "expired"),
    "of less": (exact(advance="clock/follow"), "does not need"),
    "of deleting too": (
        exact(nb={"keys": backups_prefix(ACCOUNT), "ops": ["del", "put"]}),
        "must narrow",
    ),
    "of all keys": (exact(nb={"ops": OPS}), "must narrow"),
    "of everything": (exact(advance="*"), "does not need"),
    "of more besides": (exact(more=(Capability("space/blob/remove", OWNER.did),)), "does not need"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_delegation_is_refused(desk: Desk, name: str) -> None:
    granted, why = WRONG[name]
    refusal = desk.refusal(scheduling(granted, root=desk.root))
    assert refusal.startswith("WrongDelegation: ")
    assert why in refusal
    assert desk.ask(call("backup/list", {}))["ok"]["accounts"] == []


def test_a_delegation_that_did_not_come_along_is_refused(desk: Desk) -> None:
    nb: dict[str, Value] = {"account": ACCOUNT, "every": HOUR_S, "delegations": [exact().cid]}
    assert "did not come along" in desk.refusal(
        call("backup/schedule", {**nb, "place": {"url": desk.root.as_uri()}})
    )


def test_a_revoked_delegation_schedules_nothing(desk: Desk) -> None:
    granted = exact()
    desk.database.do(lambda session: revocation_rows.revoke(session, granted.cid, OWNER.did))
    assert "revoked" in desk.refusal(scheduling(granted, root=desk.root))


BAD = {
    "too often": ({"every": 1}, "seconds apart"),
    "never": ({"every": 10**9}, "seconds apart"),
    "over already": ({"until": 1}, "past"),
    "until a time that no machine can count to": ({"until": 1 << 63}, "no time in seconds"),
    "with a clock on this machine": ({"clock": {"url": "http://10.0.0.1/", "did": SERVER.did}}, "not public"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_schedule_is_refused(desk: Desk, name: str) -> None:
    more, why = BAD[name]
    assert why in desk.refusal(scheduling(exact(), root=desk.root, **more))  # type: ignore[arg-type]


PLACES: dict[str, str | dict[str, Value]] = {
    "a folder that the operator did not name": "file:///etc",
    "a folder beside it": "file:///tmp/../etc",
    "a folder elsewhere": "file://elsewhere/space",
    "a folder that cannot be": "file:///%00",
    "a scheme that nobody knows": "gopher://example.com/space",
    "a bucket without credentials": "s3://bucket/prefix",
    "a bucket with what is not sealed to it": {"url": "s3://bucket/prefix", "sealed": b"age"},
    "a bucket on a server that the operator did not name": {
        "url": "s3://bucket/prefix",
        "sealed": sealed(AWS_ENDPOINT_URL_S3="https://notexample.com"),
    },
    "a bucket in a region that is another host": {
        "url": "s3://bucket/prefix",
        "sealed": sealed_as({**BOUND, "credentials": KEYS | {"AWS_REGION": "x@10.0.0.1/"}}),
    },
    "a bucket behind this machine": {
        "url": "s3://bucket/prefix",
        "sealed": sealed(AWS_ENDPOINT_URL_S3="https://169.254.169.254"),
    },
}


@pytest.mark.parametrize("name", PLACES)
def test_a_place_is_refused(desk: Desk, name: str) -> None:
    assert desk.refusal(scheduling(exact(), PLACES[name])).startswith("PlaceRefused: ")


SEALED = {
    "for another space": ({**BOUND, "space": STRANGER.did}, "for another space or place"),
    "for another place": ({**BOUND, "place": "s3://bucket/elsewhere"}, "for another space or place"),
    "in the older form": (KEYS, "older form"),
    "with more": ({**BOUND, "more": 1}, "older form"),
    "of another version": ({**BOUND, "version": 3}, "older form"),
    "as no map": ([BOUND], "older form"),
}


@pytest.mark.parametrize("name", SEALED)
def test_credentials_are_refused_that_were_sealed(desk: Desk, name: str) -> None:
    document, why = SEALED[name]
    refusal = desk.refusal(scheduling(exact(), {"url": BUCKET, "sealed": sealed_as(document)}))
    assert refusal.startswith("PlaceRefused: ")
    assert why in refusal


def test_a_link_leads_out_of_no_permitted_folder(desk: Desk) -> None:
    (desk.root / "link").symlink_to("/etc")
    assert desk.refusal(scheduling(exact(), (desk.root / "link").as_uri())).startswith("PlaceRefused: ")


def test_credentials_that_were_given_before_need_not_be_given_again(desk: Desk) -> None:
    place: dict[str, Value] = {"url": BUCKET, "sealed": sealed()}
    assert "ok" in desk.ask(scheduling(exact(), place))
    assert "ok" in desk.ask(scheduling(exact(), {"url": "s3://bucket/prefix"}))
    assert desk.refusal(scheduling(exact(), {"url": "s3://other/prefix"})).startswith("PlaceRefused: ")


def test_a_server_of_some_spaces_takes_no_others(desk: Desk) -> None:
    desk.spaces = (STRANGER.did,)
    assert desk.refusal(scheduling(exact(), root=desk.root)).startswith("SpaceRefused: ")
    desk.spaces = (STRANGER.did, OWNER.did)
    assert "ok" in desk.ask(scheduling(exact(), root=desk.root))


def test_a_million_accounts_are_as_many_as_the_operator_lets(desk: Desk) -> None:
    desk.limits = Limits(accounts_a_space=1)
    assert "ok" in desk.ask(scheduling(exact(), root=desk.root))
    assert "ok" in desk.ask(scheduling(exact(), root=desk.root, keep="again"))
    other = scheduling(exact(account=OTHER), root=desk.root, account=OTHER)
    assert desk.refusal(other).startswith("TooMuch: this server takes 1 accounts of one space")


ABOUT_ONE = ["status", "now", "pause", "resume", "remove"]


@pytest.mark.parametrize("verb", ABOUT_ONE)
def test_nobody_asks_about_anothers_space(desk: Desk, verb: str) -> None:
    desk.ask(scheduling(exact(), root=desk.root))
    forged = call(f"backup/{verb}", {"account": ACCOUNT}, by=STRANGER)
    assert desk.refusal(forged).startswith("Unauthorized")
    own = call(f"backup/{verb}", {"account": ACCOUNT}, by=STRANGER, space=STRANGER.did)
    assert desk.refusal(own).startswith("NotScheduled: ")
    assert desk.ask(call("backup/status", {"account": ACCOUNT}))["ok"]["state"] == "due"


def test_nobody_schedules_for_anothers_space(desk: Desk) -> None:
    assert desk.refusal(scheduling(exact(), root=desk.root, by=STRANGER)).startswith("Unauthorized")


def test_an_agent_may_ask_what_it_was_delegated(desk: Desk) -> None:
    desk.ask(scheduling(exact(), root=desk.root))
    may = delegate(OWNER, AGENT.did, [Capability("backup/status", OWNER.did)], expires_at_unix=None)
    account: dict[str, Value] = {"account": ACCOUNT}
    assert "ok" in desk.ask(call("backup/status", account, by=AGENT, proofs=(may,)))
    assert desk.refusal(call("backup/remove", account, by=AGENT, proofs=(may,))).startswith("Unauthorized")


def test_paused_resumed_run_and_removed(desk: Desk) -> None:
    desk.ask(scheduling(exact(), root=desk.root))
    account: dict[str, Value] = {"account": ACCOUNT}
    assert desk.ask(call("backup/pause", account))["ok"]["state"] == "paused"
    assert "resume" in desk.refusal(call("backup/now", account))
    assert desk.ask(scheduling(exact(), root=desk.root, keep="renewed"))["ok"]["state"] == "paused"
    assert desk.ask(call("backup/resume", account))["ok"]["state"] == "due"
    assert "ok" in desk.ask(call("backup/now", account))
    assert desk.put == [ACCOUNT]
    assert desk.ask(call("backup/remove", account))["ok"] == {}
    assert desk.refusal(call("backup/status", account)).startswith("NotScheduled: ")


def test_a_bucket_where_the_operator_lets_buckets_be(desk: Desk) -> None:
    credentials = sealed(AWS_ENDPOINT_URL_S3="https://s3.example.com", AWS_REGION="eu-1")
    assert "ok" in desk.ask(scheduling(exact(), {"url": BUCKET, "sealed": credentials}))


def test_a_renewal_brings_nothing_back_that_was_removed_or_revoked(desk: Desk) -> None:
    renewal = scheduling(exact(), root=desk.root, renewal=True)
    assert desk.refusal(renewal).startswith("NotScheduled: ")
    desk.ask(scheduling(exact(), root=desk.root))
    assert desk.ask(renewal)["ok"]["state"] == "due"
    (account,) = desk.database.do(lambda session: account_rows.worst(session, 1))
    desk.database.do(lambda session: account_rows.set_state(session, account, State.ENDED, "it was revoked"))
    assert desk.refusal(renewal).startswith("NotScheduled: ")
    desk.database.do(lambda session: account_rows.set_state(session, account, State.LAPSED, "it is 2099"))
    assert desk.ask(call("backup/status", {"account": ACCOUNT}))["ok"]["state"] == "ended"
    assert desk.ask(renewal)["ok"]["state"] == "due"


@pytest.mark.parametrize("verb", ["now", "pause", "resume"])
def test_what_has_ended_is_taken_up_by_new_delegations_alone(desk: Desk, verb: str) -> None:
    desk.ask(scheduling(exact(), root=desk.root))
    (account,) = desk.database.do(lambda session: account_rows.worst(session, 1))
    desk.database.do(lambda session: account_rows.set_state(session, account, State.ENDED, "it was revoked"))
    assert "it was revoked; `skypail schedule ACCOUNT`" in desk.refusal(
        call(f"backup/{verb}", {"account": ACCOUNT})
    )
    assert desk.ask(scheduling(exact(), root=desk.root, keep="anew"))["ok"]["state"] == "due"


def test_credentials_are_in_no_answer(desk: Desk) -> None:
    credentials = sealed()
    out = desk.ask(scheduling(exact(), {"url": BUCKET, "sealed": credentials}))
    assert "secret" not in str(out)
    assert credentials.hex() not in str(out)
    assert "sealed" not in str(out)
