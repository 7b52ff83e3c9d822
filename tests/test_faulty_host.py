"""The faulty host does what a test orders, so that a test that passes against it has met the fault."""

from collections.abc import Iterator

import httpx
import pytest

from backup_agent.demo.k256 import K256Key
from pail import decode_dag_cbor, parse_cid
from tests.faults import (
    dropped,
    edited,
    endless,
    flipped,
    rate_limited,
    refused,
    replaced,
    slow,
    status,
    truncated,
)
from tests.faulty_host import (
    GET_BLOB,
    GET_LATEST_COMMIT,
    GET_REPO,
    PLC_DOCUMENT,
    PLC_LOG,
    FaultyHost,
    run_faulty_host,
)
from tests.forged import forge, read_car


@pytest.fixture
def host() -> Iterator[FaultyHost]:
    with run_faulty_host() as host:
        yield host


def get(host: FaultyHost, nsid: str = GET_REPO, **params: str) -> httpx.Response:
    return httpx.get(f"{host.url}/xrpc/{nsid}", params={"did": host.demo.recording.did, **params})


def test_without_faults_it_is_the_demo_host(host: FaultyHost) -> None:
    assert get(host).content == host.demo.recording.first.car


def test_a_truncated_answer_ends_well(host: FaultyHost) -> None:
    host.fault(GET_REPO, truncated(1000))
    assert get(host).content == host.demo.recording.first.car[:1000]


@pytest.mark.parametrize("size_bytes", [0, 1000, 100_000])
def test_a_dropped_connection_is_an_error_of_the_protocol(host: FaultyHost, size_bytes: int) -> None:
    host.fault(GET_REPO, dropped(size_bytes))
    with pytest.raises(httpx.RemoteProtocolError):
        get(host)


def test_one_bit_is_flipped(host: FaultyHost) -> None:
    host.fault(GET_REPO, flipped(70, bit=3))
    car, served = host.demo.recording.first.car, get(host).content
    assert [(at, a ^ b) for at, (a, b) in enumerate(zip(car, served, strict=True)) if a != b] == [(70, 8)]


def test_a_fault_is_used_up(host: FaultyHost) -> None:
    host.fault(GET_REPO, status(500), times=2)
    assert [get(host).status_code for _ in range(3)] == [500, 500, 200]
    assert host.requests == {GET_REPO: 3}


def test_healing_ends_all_faults(host: FaultyHost) -> None:
    host.fault(GET_REPO, status(500))
    host.heal()
    assert get(host).status_code == 200


def test_a_fault_may_be_for_one_blob(host: FaultyHost) -> None:
    one, other, *_ = host.demo.recording.blobs
    host.fault(GET_BLOB, replaced(b"another"), cid=one)
    assert get(host, GET_BLOB, cid=one).content == b"another"
    assert get(host, GET_BLOB, cid=other).content == host.demo.recording.blob(other)


def test_a_rate_limit_says_when_to_come_again(host: FaultyHost) -> None:
    host.fault(GET_REPO, rate_limited(7))
    answer = get(host)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


def test_an_account_may_be_refused(host: FaultyHost) -> None:
    host.fault(GET_LATEST_COMMIT, refused("RepoDeactivated", "Repo has been deactivated"))
    assert get(host, GET_LATEST_COMMIT).json()["error"] == "RepoDeactivated"


def test_a_slow_answer_is_whole_in_the_end(host: FaultyHost) -> None:
    host.fault(GET_LATEST_COMMIT, slow(16, 0.001))
    assert get(host, GET_LATEST_COMMIT).json()["rev"] == host.demo.recording.first.rev


def test_an_endless_answer_outgrows_any_limit(host: FaultyHost) -> None:
    host.fault(GET_REPO, endless())
    with httpx.stream("GET", f"{host.url}/xrpc/{GET_REPO}?did={host.demo.recording.did}") as answer:
        received = 0
        for chunk in answer.iter_bytes():
            received += len(chunk)
            if received > 10 * len(host.demo.recording.first.car):
                break
    assert received > 10 * len(host.demo.recording.first.car)


def test_a_directory_may_lie(host: FaultyHost) -> None:
    host.fault(PLC_DOCUMENT, edited(lambda document: document | {"alsoKnownAs": []}))
    assert httpx.get(f"{host.url}/{host.demo.recording.did}").json()["alsoKnownAs"] == []


def test_a_swapped_key_is_proved_by_the_log(host: FaultyHost) -> None:
    key = K256Key(bytes(31) + b"\7")
    host.swap_signing_key(key)
    document = httpx.get(f"{host.url}/{host.demo.recording.did}").json()
    assert "did:key:" + document["verificationMethod"][0]["publicKeyMultibase"] == key.did
    log = httpx.get(f"{host.url}/{host.demo.recording.did}/log/audit").json()
    assert [entry["cid"] for entry in log] == [entry["cid"] for entry in host.demo.plc_log]
    assert host.requests == {PLC_DOCUMENT: 1, PLC_LOG: 1}


def test_a_moved_account_is_proved_by_the_log(host: FaultyHost) -> None:
    host.move_account("https://192.168.1.2")
    document = httpx.get(f"{host.url}/{host.demo.recording.did}").json()
    assert document["service"][0]["serviceEndpoint"] == "https://192.168.1.2"


def test_what_was_asked_is_kept_in_order(host: FaultyHost) -> None:
    get(host, GET_REPO, since="3n")
    get(host, GET_LATEST_COMMIT)
    did = host.demo.recording.did
    assert host.queries == [(GET_REPO, {"did": did, "since": "3n"}), (GET_LATEST_COMMIT, {"did": did})]


def test_a_forged_commit_differs_as_asked(host: FaultyHost) -> None:
    forged = forge(host.demo.recording.first, K256Key(bytes(31) + b"\7"), did="did:plc:somebody")
    root = read_car(forged.car)[0]
    assert root.cid == parse_cid(forged.cid)
    assert decode_dag_cbor(root.data)["did"] == "did:plc:somebody"
