"""What a schedule must bring along, and what it must not."""

from __future__ import annotations

import json

import pytest

from backup_agent.sealing import seal, ssh_recipient
from backup_agent.server import revocation_rows
from backup_agent.server.admission import OPS
from backup_agent.server.limits import Limits
from backup_agent.snapshot import backups_prefix
from pail import Value
from tests.backup_agent.server.desk import (
    ACCOUNT,
    AGENT,
    BUCKET,
    HOUR_S,
    KEYS,
    OTHER,
    OWNER,
    SERVER,
    STRANGER,
    Desk,
    call,
    exact,
    scheduling,
    sealed,
)
from ucan import Capability, delegate

BOUND = {"version": 2, "space": OWNER.did, "place": BUCKET, "credentials": KEYS}


def sealed_as(document: object) -> bytes:
    return seal(json.dumps(document).encode(), [ssh_recipient(SERVER.did)])


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
    "too often": ({"every": 1}, "from every 15 minutes to every 31 days, not every second"),
    "never": ({"every": 10**9}, "from every 15 minutes to every 31 days"),
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


def test_nobody_schedules_for_anothers_space(desk: Desk) -> None:
    assert desk.refusal(scheduling(exact(), root=desk.root, by=STRANGER)).startswith("Unauthorized")


def test_a_bucket_where_the_operator_lets_buckets_be(desk: Desk) -> None:
    credentials = sealed(AWS_ENDPOINT_URL_S3="https://s3.example.com", AWS_REGION="eu-1")
    assert "ok" in desk.ask(scheduling(exact(), {"url": BUCKET, "sealed": credentials}))


def test_credentials_are_in_no_answer(desk: Desk) -> None:
    credentials = sealed()
    out = desk.ask(scheduling(exact(), {"url": BUCKET, "sealed": credentials}))
    assert "secret" not in str(out)
    assert credentials.hex() not in str(out)
    assert "sealed" not in str(out)
