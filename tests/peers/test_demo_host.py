"""The demo host is no kinder than the reference PDS: the same requests get the same status and error name."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from backup_agent.demo.host import DemoHost
from backup_agent.demo.serve import run_host
from tests.peers.bed import PdsBed
from tests.peers.pds_client import PASSWORD, Owner, seed_account

STRANGER = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
UNKNOWN_BLOB = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
CREATE_SESSION = "com.atproto.server.createSession"
REFRESH_SESSION = "com.atproto.server.refreshSession"
GET_PREFERENCES = "app.bsky.actor.getPreferences"


class Account(NamedTuple):
    pds: str
    did: str


class Ask(NamedTuple):
    """token: what is sent, or which one of a fresh session.

    `did` in params and body stands for the account's own.
    """

    method: str
    nsid: str
    params: dict[str, str] | None = None
    body: dict[str, str] | None = None
    token: str = ""


QUESTIONS = [
    Ask("GET", "com.atproto.sync.getLatestCommit", {"did": "did"}),
    Ask("GET", "com.atproto.sync.getLatestCommit", {"did": STRANGER}),
    Ask("GET", "com.atproto.sync.getRepo", {"did": "did"}),
    Ask("GET", "com.atproto.sync.getRepo", {"did": STRANGER}),
    Ask("GET", "com.atproto.sync.getRepo", {"did": "did", "since": "7777777777777"}),
    Ask("GET", "com.atproto.sync.listBlobs", {"did": "did", "limit": "2"}),
    Ask("GET", "com.atproto.sync.listBlobs", {"did": "did", "cursor": "c"}),
    Ask("GET", "com.atproto.sync.listBlobs", {"did": STRANGER}),
    Ask("GET", "com.atproto.sync.getBlob", {"did": "did", "cid": UNKNOWN_BLOB}),
    Ask("GET", "com.atproto.identity.resolveHandle", {"handle": "nobody.a.test"}),
    Ask("POST", CREATE_SESSION, body={"identifier": "did", "password": PASSWORD}),
    Ask("POST", CREATE_SESSION, body={"identifier": "did", "password": "wrong"}),
    Ask("POST", REFRESH_SESSION, token="refreshJwt"),
    Ask("POST", REFRESH_SESSION, token="accessJwt"),
    Ask("POST", REFRESH_SESSION, token="e30.e30.e30"),
    Ask("POST", REFRESH_SESSION),
    Ask("GET", GET_PREFERENCES, token="accessJwt"),
    Ask("GET", GET_PREFERENCES, token="refreshJwt"),
    Ask("GET", GET_PREFERENCES, token="e30.e30.e30"),
    Ask("GET", GET_PREFERENCES),
]


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoHost]:
    with run_host() as host:
        yield host


@pytest.fixture(scope="module")
def owner(pds_bed: PdsBed) -> Owner:
    return seed_account(pds_bed.a, "likeness.a.test", records=10, blobs=3)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.nsid.rpartition(".")[2])
def test_the_answer_is_of_the_same_kind(demo: DemoHost, owner: Owner, question: Ask) -> None:
    reference = ask(Account(owner.pds, owner.did), question)
    assert ask(Account(demo.url, demo.recording.did), question) == reference


def ask(account: Account, question: Ask) -> tuple[Any, ...]:
    """What is alike between accounts: status; error and fields, or media type and whether it has a length."""
    params, body = _filled(question.params, account.did), _filled(question.body, account.did)
    token = login(account)[question.token] if question.token.endswith("Jwt") else question.token
    headers = {"authorization": f"Bearer {token}"} if token else {}
    url = f"{account.pds}/xrpc/{question.nsid}"
    answer = httpx.request(question.method, url, params=params, json=body, headers=headers)
    media = answer.headers["content-type"].partition(";")[0]
    if media == "application/json":
        return answer.status_code, answer.json().get("error"), sorted(answer.json())
    return answer.status_code, media, "content-length" in answer.headers


def login(account: Account) -> dict[str, str]:
    body = {"identifier": account.did, "password": PASSWORD}
    return httpx.post(f"{account.pds}/xrpc/{CREATE_SESSION}", json=body).raise_for_status().json()


def _filled(values: dict[str, str] | None, did: str) -> dict[str, str] | None:
    return values and {name: did if value == "did" else value for name, value in values.items()}
