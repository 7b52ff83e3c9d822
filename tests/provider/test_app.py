"""What is around the abilities: health, clocks, browsers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from clock_service.errors import BadOption
from pail.event import encode_event
from provider.errors import BlobsUnavailable
from provider.folder_blobs import FolderBlobs
from provider.records import HostedSpace
from provider.serve import Options, serve
from provider.store import ProviderStore
from tests.provider.made import OTHER, OTHER_KEY, SERVICE, SPACE, Promise, Provider


def test_it_is_healthy_if_database_and_store_answer(provider: Provider, tmp_path: Path) -> None:
    assert provider.request("GET", "/health").json() == {"status": "ok", "did": SERVICE.did}
    (tmp_path / "file").write_text("in the way")
    broken = Provider(provider.store, FolderBlobs(tmp_path / "file" / "store"))
    assert broken.request("GET", "/health").status_code == 503


def test_it_says_who_it_is(provider: Provider) -> None:
    document = provider.request("GET", "/.well-known/did.json").json()
    assert document["id"] == SERVICE.did
    assert document["verificationMethod"][0]["publicKeyMultibase"] in SERVICE.signer.did


def test_a_hosted_space_has_its_clock_here_unless_clocks_are_elsewhere(
    tmp_path: Path, store: ProviderStore
) -> None:
    both = Provider(store, tmp_path / "store")
    assert both.out("clock/head") == {"head": []}
    apart = Provider(store, tmp_path / "store", has_clocks=False)
    assert apart.out("clock/head") == "HandlerNotFound"
    apart.host()
    assert apart.out("space/info")["did"] == SPACE


def test_a_web_page_may_ask(provider: Provider) -> None:
    page = {"origin": "https://page.example", "access-control-request-method": "PUT"}
    asked = provider.request(
        "OPTIONS", "/upload/x", headers=page | {"access-control-request-headers": "content-type"}
    )
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, "*")
    promise = provider.promise(b"x")
    assert isinstance(promise, Promise)
    answer = provider.request("PUT", promise.url, content=b"x", headers={"origin": "https://page.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://x"},
        {"url": "https://"},
        {"url": "https://x/?a"},
        {"did": "did:key:z6Mk"},
        {"blobs": ""},
        {"host": "0.0.0.0"},
        {"host": "::"},
    ],
)
def test_what_it_cannot_be_run_as_is_refused(tmp_path: Path, wrong: dict[str, str]) -> None:
    options = {"key": tmp_path / "key", "database": f"sqlite:///{tmp_path}/db", "blobs": str(tmp_path / "b")}
    with pytest.raises(BadOption):
        serve(Options(**{**options, **wrong}), print)  # type: ignore[arg-type]


def test_it_does_not_start_where_blobs_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    blobs = str(tmp_path / "file" / "store")
    with pytest.raises(BlobsUnavailable):
        serve(Options(key=tmp_path / "key", database=f"sqlite:///{tmp_path}/db", blobs=blobs), print)


def test_an_open_provider_hosts_no_clock_without_its_space(provider: Provider) -> None:
    event = encode_event((), "anything")
    nb = {"event": event.cid}
    attached = {"facts": [{"x": event.cid}], "attached": [event]}
    assert provider.out("clock/advance", nb, issuer=OTHER_KEY, resource=OTHER, **attached) == "NotProvisioned"


def test_a_clock_is_hosted_as_long_as_its_space(provider: Provider) -> None:
    def hosted() -> bool:
        return asyncio.run(provider.store.clocks.known(SPACE)).clock.is_registered

    assert hosted()
    provider.host(quota=5)
    assert hosted()
    asyncio.run(provider.store.host(HostedSpace(SPACE, None, 5, is_hosted=False)))
    assert not hosted()
    provider.host()
    assert hosted()
