"""A blob on its way into a space: promised, put, accepted."""

from __future__ import annotations

import httpx
import pytest

from pail import CID
from provider.capabilities import MAX_BLOB_BYTES
from provider.digest import name_of
from tests.provider.made import NOW, OTHER, OTHER_KEY, URL, Promise, Provider, digest_of, invoke, retrieve
from ucan import decode_message, view_delegation

DATA = b"some bytes"


def test_a_blob_that_was_put_and_concluded_is_in_the_space(provider: Provider) -> None:
    digest = provider.upload(DATA)
    listed = provider.out("space/blob/list")
    assert [(each["blob"]["digest"], each["blob"]["size"]) for each in listed["results"]] == [(digest, 10)]
    assert provider.out("space/blob/get/0/1", {"digest": digest})["blob"] == {"digest": digest, "size": 10}
    assert provider.out("space/info")["usage"] == {"bytes": 10, "limit": 1 << 20, "blobs": 1}
    assert provider.get(digest, headers=retrieve()).content == DATA


def test_accept_has_a_receipt_with_a_claim_of_where_the_blob_is(provider: Provider) -> None:
    promise = provider.promise(DATA)
    assert isinstance(promise, Promise)
    path = f"/receipt/{promise.accept}"
    assert provider.request("GET", path).status_code == 404
    provider.put(promise, DATA)
    assert provider.request("GET", path).status_code == 404
    provider.conclude(promise)
    message = decode_message(provider.request("GET", path).content)
    receipt = message.receipt(promise.accept)
    assert receipt is not None
    out: dict = receipt.out["ok"]  # type: ignore[assignment]
    (claim,) = view_delegation(out["site"], message.blocks).ucan.capabilities
    assert claim.can == "assert/location"
    assert (claim.nb or {})["location"] == [f"{URL}/blob/{name_of(digest_of(DATA))}"]


def test_nothing_is_accepted_before_its_bytes_came(provider: Provider) -> None:
    promise = provider.promise(DATA)
    assert isinstance(promise, Promise)
    assert provider.conclude(promise) == "AllocatedMemoryHadNotBeenWrittenTo"
    assert provider.out("space/blob/list")["results"] == []


def test_a_receipt_by_another_than_the_puts_principal_concludes_nothing(provider: Provider) -> None:
    promise = provider.promise(DATA)
    assert isinstance(promise, Promise)
    provider.put(promise, DATA)
    assert provider.conclude(promise, by=OTHER_KEY) == "ReceiptNotValid"
    assert "time" in provider.conclude(promise)


def test_putting_and_concluding_twice_is_once(provider: Provider) -> None:
    promise = provider.promise(DATA)
    assert isinstance(promise, Promise)
    for _ in range(2):
        assert provider.put(promise, DATA).status_code == 200
        assert "time" in provider.conclude(promise)
    assert provider.out("space/info")["usage"]["bytes"] == len(DATA)
    assert len(provider.out("space/blob/list")["results"]) == 1


def test_what_the_space_holds_needs_no_bytes_again(provider: Provider) -> None:
    provider.upload(DATA)
    again = provider.promise(DATA, nonce="again")
    assert isinstance(again, Promise)
    assert (again.size, again.address) == (0, None)
    assert "site" in again.receipts[again.accept]["ok"]
    assert provider.request("GET", f"/receipt/{again.accept}").status_code == 200


def test_the_same_invocation_again_leads_to_the_same_tasks(provider: Provider) -> None:
    first, second = provider.promise(DATA), provider.promise(DATA)
    assert isinstance(first, Promise)
    assert isinstance(second, Promise)
    assert first.tasks == second.tasks


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"some bytez", "WrongHash"),
        (b"some byte", "WrongLength"),
        (b"some bytes and more", "WrongLength"),
        (b"", "WrongLength"),
    ],
)
def test_other_bytes_than_announced_are_refused_and_leave_nothing(
    provider: Provider, content: bytes, name: str, tmp_path
) -> None:
    promise = provider.promise(DATA)
    assert isinstance(promise, Promise)
    answer = provider.put(promise, content)
    assert (answer.status_code, answer.json()["name"]) == (400, name)
    assert provider.conclude(promise) == "AllocatedMemoryHadNotBeenWrittenTo"
    assert [each for each in (tmp_path / "store").rglob("*") if each.is_file()] == []
    assert provider.put(promise, DATA).status_code == 200


def test_after_its_time_a_url_is_worth_nothing(tmp_path, store) -> None:
    clock = [NOW]
    provider = Provider(store, tmp_path / "store", now=lambda: clock[0])
    provider.host()
    promise = provider.promise(DATA)
    assert isinstance(promise, Promise)
    clock[0] = promise.address["expires"] - 1
    assert provider.put(promise, DATA).status_code == 200
    clock[0] += 1
    answer = provider.put(promise, DATA)
    assert (answer.status_code, answer.json()["name"]) == (410, "UploadExpired")


@pytest.mark.parametrize("change", [0, 40, 49, 60])
def test_a_url_that_was_changed_is_refused(provider: Provider, change: int) -> None:
    promise = provider.promise(DATA)
    assert isinstance(promise, Promise)
    other = "A" if promise.url[8 + change] != "A" else "B"
    url = promise.url[: 8 + change] + other + promise.url[9 + change :]
    answer = provider.request("PUT", url, content=DATA)
    assert (answer.status_code, answer.json()["name"]) == (404, "UploadRefused")


@pytest.mark.parametrize("ticket", ["x", "ä", "AAAA", "%2e%2e%2fkey", "A" * 110])
def test_what_is_no_ticket_is_refused(provider: Provider, ticket: str) -> None:
    assert provider.request("PUT", f"/upload/{ticket}", content=DATA).status_code == 404


def test_a_url_is_for_nothing_else_than_putting(provider: Provider) -> None:
    promise = provider.promise(DATA)
    assert isinstance(promise, Promise)
    assert provider.request("GET", promise.url).status_code == 405


@pytest.mark.parametrize(
    ("blob", "name"),
    [
        ({"digest": b"\x12\x20short", "size": 1}, "DigestNotSupported"),
        ({"digest": b"\x13\x20" + bytes(32), "size": 1}, "DigestNotSupported"),
        ({"digest": digest_of(b""), "size": -1}, "BlobSizeOutsideOfSupportedRange"),
        ({"digest": digest_of(b""), "size": MAX_BLOB_BYTES + 1}, "BlobSizeOutsideOfSupportedRange"),
        ({"digest": "../../key", "size": 1}, "Unauthorized"),
        ({"digest": digest_of(b"")}, "Unauthorized"),
    ],
)
def test_what_names_no_blob_is_refused(provider: Provider, blob, name: str) -> None:
    assert provider.out("space/blob/add", {"blob": blob}) == name


def test_an_empty_blob_is_one_too(provider: Provider) -> None:
    digest = provider.upload(b"")
    assert provider.get(digest, headers=retrieve()).content == b""


def test_a_space_that_is_not_hosted_has_no_room(provider: Provider) -> None:
    assert provider.promise(DATA, issuer=OTHER_KEY, resource=OTHER) == "InsufficientStorage"


def test_a_receipt_that_did_not_come_along_concludes_nothing(provider: Provider) -> None:
    nb = {"receipt": CID(b"\x01\x71" + digest_of(b"nowhere"))}
    assert provider.out("ucan/conclude", nb) == "DelegationNotFound"


def test_a_delegation_of_one_space_is_none_of_another(provider: Provider) -> None:
    provider.host(OTHER)
    assert provider.promise(DATA, resource=OTHER) == "Unauthorized"
    assert provider.execute(invoke("space/blob/list", resource=OTHER)).out["error"]["name"] == "Unauthorized"  # type: ignore[index, call-overload]


def test_a_blob_larger_than_a_chunk_arrives_in_any_pieces(tmp_path, store) -> None:
    provider = Provider(store, tmp_path / "store", quota=1 << 24)
    provider.host()
    data = bytes(range(256)) * 12_000
    promise = provider.promise(data)
    assert isinstance(promise, Promise)

    async def pieces():
        for at in range(0, len(data), 70_001):
            yield data[at : at + 70_001]

    answer: httpx.Response = provider.put(promise, pieces())
    assert answer.status_code == 200
    assert "time" in provider.conclude(promise)
    assert provider.get(digest_of(data), headers=retrieve()).content == data
