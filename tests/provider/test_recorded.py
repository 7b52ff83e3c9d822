"""A recorded run of the original's client: its requests, sent to our provider under the same key and time."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from clock_service.policy import Policy, Provision
from pail import CID, parse_cid
from provider import tasks
from provider.app import ProviderApp, Setup
from provider.capabilities import Blob
from provider.store import open_provider_store
from tests.clock_service.calls import HEADERS
from tests.provider.made import Promise, Provider
from ucan import Delegation, Message, NamedSigner, Receipt, Signer, decode_message, view_delegation

RECORDED: Any = json.loads((Path(__file__).parents[2] / "spec/vectors/js/upload.public.json").read_text())
SERVICE = NamedSigner(RECORDED["service_did"], Signer.from_seed(bytes.fromhex(RECORDED["service_seed_hex"])))


Pairs = dict[str, list[tuple[Any, Any]]]
"""By ability, what we answer and what they did."""


class Exchange(NamedTuple):
    can: str
    request: bytes
    theirs: Receipt


def exchanges() -> Iterator[Exchange]:
    for each in RECORDED["exchanges"]:
        request = base64.b64decode(each["request"])
        yield Exchange(each["can"], request, only_receipt(decode_message(base64.b64decode(each["response"]))))


def only_receipt(message: Message) -> Receipt:
    ((ran, _),) = message.report.items()
    receipt = message.receipt(parse_cid(ran))
    assert receipt is not None
    return receipt


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Pairs]:
    store = open_provider_store(f"sqlite:///{tmp_path}/provider.db", now=lambda: RECORDED["now"])
    provider = Provider(store, tmp_path / "store")
    setup = Setup("http://provider.test", policy=Policy(Provision.OPEN))
    provider.serve(ProviderApp(store, provider.blobs, SERVICE, setup, now=lambda: RECORDED["now"]))
    found: Pairs = {}
    for each in exchanges():
        if each.can in ("ucan/conclude", "space/index/add"):
            continue  # about what their storage nodes did
        answer = provider.request("POST", "/", headers=HEADERS, content=each.request)
        receipt = only_receipt(decode_message(answer.content))
        found.setdefault(each.can, []).append((receipt, each.theirs))
    yield found
    store.close()


def test_each_request_is_answered_as_the_original_did(ours: Pairs) -> None:
    for can, pairs in ours.items():
        for mine, theirs in pairs if can != "upload/list" else pairs[:-1]:
            assert mine.out.keys() == theirs.out.keys(), (can, mine.out)
            assert mine.out["ok"].keys() >= theirs.out["ok"].keys() - {"before", "after", "cursor"}, can
    for can in ("access/delegate", "provider/add", "upload/add", "filecoin/offer"):
        assert [mine.out for mine, _ in ours[can]] == [theirs.out for _, theirs in ours[can]]


def test_a_revoked_delegation_is_refused_where_the_originals_test_service_looks_away(
    ours: Pairs,
) -> None:
    mine, theirs = ours["upload/list"][-1]
    assert (mine.out["error"]["name"], "ok" in theirs.out) == ("Unauthorized", True)


def test_a_login_and_its_session_are_the_originals_to_the_byte(
    ours: Pairs,
) -> None:
    for can in ("access/authorize", "access/claim"):
        mine, theirs = ours[can][0]
        assert (mine.out, mine.join) == (theirs.out, theirs.join)


def test_the_put_task_is_the_originals_to_the_byte() -> None:
    for each in exchanges():
        if each.can == "space/blob/add":
            promise = Promise(each.theirs)
            theirs = promise.tasks["http/put"]
            body: Any = (theirs.ucan.capabilities[0].nb or {})["body"]
            allocate = promise.tasks["blob/allocate"].cid
            assert tasks.put_task(Blob(body["digest"], body["size"]), allocate).data == theirs.data


def test_accept_and_location_have_the_originals_fields(ours: Pairs) -> None:
    for mine, theirs in ours["space/blob/add"]:
        for can in ("blob/allocate", "blob/accept", "http/put", "ucan/conclude"):
            of_mine, of_theirs = (forked(receipt)[can] for receipt in (mine, theirs))
            assert (of_mine.ucan.capabilities[0].nb or {}).keys() == (
                of_theirs.ucan.capabilities[0].nb or {}
            ).keys()
            assert of_mine.ucan.expires_at_unix is of_theirs.ucan.expires_at_unix is None
        site: Any = mine.out["ok"]["site"]
        assert site["ucan/await"] == [".out.ok.site", forked(mine)["blob/accept"].cid]


def caveats(task: Delegation) -> list[str]:
    return sorted(task.ucan.capabilities[0].nb or {})


def forked(receipt: Receipt) -> dict[str, Any]:
    views = [view_delegation(cid, receipt.blocks) for cid in receipt.fork]
    return {view.ucan.capabilities[0].can: view for view in reversed(views)}


def test_the_vectors_hold_what_they_say() -> None:
    assert isinstance(next(exchanges()).theirs.ran, CID)
    assert len(RECORDED["exchanges"]) > 20
