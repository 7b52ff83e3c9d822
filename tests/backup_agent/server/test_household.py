"""The household form: one process on SQLite; killed and restarted, nothing is lost. And its HTTP surface."""

from __future__ import annotations

import socket
import string
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backup_agent.server import account_rows
from backup_agent.server.database import open_database
from tests.backup_agent.server.agent_process import AgentProcess, running_child, until
from tests.backup_agent.server.crowd import HEADERS, Owner, ask, run_crowd
from ucan import encode_request
from ucan.http import MAX_BODY_BYTES


def test_killed_in_the_middle_and_restarted_nothing_is_lost(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/agent.db"
    owner = Owner.make("owner", tmp_path)
    with run_crowd(6) as (crowd, plc):
        told = {"root": str(tmp_path), "database": url, "plc": plc}
        with running_child(tmp_path / "first.log", **told) as first:
            crowd.delay_s = 0.5
            for receipt in ask(first.url, *(owner.schedule(first.did, did) for did in crowd.accounts)):
                assert "ok" in receipt.out, receipt.out
            until(lambda: crowd.requests["getRepo"] >= 2)
            first.kill()
        crowd.delay_s = 0.0
        with running_child(tmp_path / "second.log", **told) as second:
            assert second.did == first.did
            database = open_database(url)
            until(
                lambda: all(
                    each.last_good for each in database.do(lambda session: account_rows.worst(session, 10))
                )
            )
            database.close()
            assert second.stop() == 0
    assert owner.snapshots() == dict.fromkeys(crowd.accounts, 1)


def test_two_processes_do_not_share_one_sqlite_file(tmp_path: Path) -> None:
    told = {"root": str(tmp_path), "database": f"sqlite:///{tmp_path}/agent.db", "plc": "http://localhost:1"}
    refused = pytest.raises(AssertionError, match="another `skypail serve` uses this SQLite file")
    first, second = (running_child(tmp_path / f"{name}.log", **told) for name in ("first", "second"))
    with first, refused, second:
        pass


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
    root = tmp_path_factory.mktemp("surface")
    told = {"root": str(root), "database": f"sqlite:///{root}/agent.db", "plc": "http://localhost:1"}
    with running_child(root / "agent.log", **told) as process:
        yield process
        assert 'skypail_agent_accounts{state="active"} 0' in process.get("/metrics").text
        assert '"level": "error"' not in process.log.read_text()


PATHS = st.text(string.printable.replace("#", ""), max_size=30).map(lambda text: f"/{text}")
LETTERS = string.ascii_letters + string.digits + string.punctuation + " "
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=METHODS, path=st.one_of(PATHS, st.sampled_from(["/", "/health", "/metrics"])), body=st.binary())
def test_any_request_gets_an_answer_that_says_so(
    server: AgentProcess, method: str, path: str, body: bytes
) -> None:
    try:
        url = httpx.URL(server.url, raw_path=path.encode())
        answer = httpx.request(method, url, content=body, headers=HEADERS, timeout=10)
    except (httpx.InvalidURL, httpx.LocalProtocolError, ValueError):
        return
    assert answer.status_code < 500


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_call_with_a_turned_bit_is_refused(
    server: AgentProcess, call_body: bytes, at: int, bit: int
) -> None:
    turned = bytearray(call_body)
    turned[at % len(turned)] ^= 1 << bit
    answer = httpx.post(server.url, content=bytes(turned), headers=HEADERS, timeout=10)
    assert answer.status_code in (200, 400, 413)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keep=st.floats(0, 1, exclude_max=True))
def test_a_call_that_is_cut_short_is_refused(server: AgentProcess, call_body: bytes, keep: float) -> None:
    answer = server.post(call_body[: int(len(call_body) * keep)], HEADERS)
    assert answer.status_code == 400


TYPES = st.one_of(st.sampled_from([*HEADERS.values(), "application/json", "*/*", ""]), st.text(LETTERS))
OTHERS = st.dictionaries(
    st.sampled_from(["x-agent-message", "content-encoding", "expect-ct"]), st.text(LETTERS)
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content_type=TYPES, accept=TYPES, others=OTHERS)
def test_a_call_under_any_headers_gets_an_answer_that_says_so(
    server: AgentProcess, call_body: bytes, content_type: str, accept: str, others: dict[str, str]
) -> None:
    headers = {"content-type": content_type.strip(), "accept": accept.strip()}
    stripped = {name: text.strip() for name, text in others.items()}
    answer = server.post(call_body, headers | stripped)
    assert answer.status_code in (200, 400, 406, 415)
    if content_type.strip() != HEADERS["content-type"]:
        assert answer.status_code != 200


@pytest.mark.parametrize("size", [MAX_BODY_BYTES + 1, 10 * MAX_BODY_BYTES])
def test_a_body_that_is_too_large_is_not_waited_for(server: AgentProcess, size: int) -> None:
    """The answer comes after the headers alone: no byte of the body is sent."""
    url = httpx.URL(server.url)
    head = "".join(f"{name}: {text}\r\n" for name, text in HEADERS.items())
    with socket.create_connection((url.host, url.port or 0), timeout=10) as connection:
        connection.sendall(f"POST / HTTP/1.1\r\nhost: x\r\n{head}content-length: {size}\r\n\r\n".encode())
        assert connection.recv(99).startswith(b"HTTP/1.1 413 ")


def test_a_body_without_end_is_ended(server: AgentProcess) -> None:
    sent = list[int]()

    def endless() -> Iterator[bytes]:
        while len(sent) << 20 < 4 * MAX_BODY_BYTES:
            sent.append(1)
            yield bytes(1 << 20)

    try:
        answer = httpx.post(server.url, content=endless(), headers=HEADERS, timeout=20)
        assert answer.status_code == 413
    except httpx.TransportError:
        pass  # it closes without reading on, which may overtake its answer
    assert len(sent) << 20 < 3 * MAX_BODY_BYTES


@pytest.fixture(scope="module")
def call_body(server: AgentProcess, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    owner = Owner.make("owner", tmp_path_factory.mktemp("caller"))
    return encode_request([owner.schedule(server.did, "did:plc:" + "a" * 24)])


def test_what_it_says_of_itself(server: AgentProcess) -> None:
    document = server.get("/.well-known/did.json").json()
    assert document["id"] == server.did
    until(lambda: server.get("/health").status_code == 200)
    assert server.get("/health").json() == {"status": "ok", "did": server.did}
    metrics = server.get("/metrics").text
    for name in ("runs_total", "run_seconds_total", "written_bytes_total", "accounts", "queue_depth"):
        assert f"# TYPE skypail_agent_{name} " in metrics
    assert 'skypail_agent_accounts{state="parked"} 0' in metrics
    assert "skypail_agent_workers 1" in metrics
