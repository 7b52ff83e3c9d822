"""The network side of the agent against the reference PDS."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from backup_agent.errors import AccountDeactivated, AccountNotFound, AccountTakendown, BlobNotFound
from backup_agent.identity import Identity, Resolver
from backup_agent.net import Http, Retry
from backup_agent.secret import Secret
from backup_agent.session import login
from backup_agent.session_errors import LoginFailed, SessionExpired
from backup_agent.session_file import load_session
from backup_agent.source import Source
from pail import RAW, cid_of, parse_cid
from tests.peers.bed import PdsBed
from tests.peers.pds_client import PASSWORD, Owner, seed_account, take_down

T = TypeVar("T")

NOBODY = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"


@pytest.fixture(scope="module")
def owner(pds_bed: PdsBed) -> Owner:
    return seed_account(pds_bed.a, "read-from.a.test")


@pytest.fixture(scope="module")
def asleep(pds_bed: PdsBed) -> Owner:
    """A deactivated account."""
    owner = seed_account(pds_bed.a, "asleep.a.test", records=5, blobs=1)
    owner.call("POST", "com.atproto.server.deactivateAccount", json={})
    return owner


def with_http(ask: Callable[[Http], Awaitable[T]]) -> T:
    async def main() -> T:
        async with Http(allow_private=True, retry=Retry(attempts=1)) as http:
            return await ask(http)

    return asyncio.run(main())


def resolve(bed: PdsBed, did: str) -> Identity:
    return with_http(lambda http: Resolver(http, plc_url=bed.plc).resolve(did))


async def whole(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def test_the_identity(pds_bed: PdsBed, owner: Owner) -> None:
    identity = resolve(pds_bed, owner.did)
    assert (identity.did, identity.pds, identity.claimed_handle) == (owner.did, owner.pds, owner.handle)
    assert identity.handle is None
    assert identity.signing_key.startswith("did:key:zQ3s")
    assert identity.plc_log is not None
    assert json.loads(identity.document)["id"] == json.loads(identity.plc_log)[0]["did"] == owner.did


def test_the_repository_starts_with_its_latest_commit(owner: Owner) -> None:
    async def read(http: Http) -> None:
        source = Source(http, owner.pds)
        latest = await source.latest_commit(owner.did)
        car = await whole(source.repo(owner.did))
        assert bytes(latest.cid) in car[:100]
        assert len(await whole(source.repo(owner.did, since=latest.rev))) < 100 < len(car)

    with_http(read)


def test_every_blob(owner: Owner) -> None:
    async def read(http: Http) -> None:
        source = Source(http, owner.pds)
        cids = [cid async for cid in source.blobs(owner.did)]
        assert [str(cid) for cid in cids] == sorted(blob["ref"]["$link"] for blob in owner.blobs)
        for cid in cids:
            assert cid_of(RAW, await whole(source.blob(owner.did, cid))) == cid

    with_http(read)


def test_a_blob_that_is_not_there(owner: Owner) -> None:
    with pytest.raises(BlobNotFound):
        with_http(lambda http: whole(Source(http, owner.pds).blob(owner.did, cid_of(RAW, b"nowhere"))))


def test_an_account_that_is_not_there(owner: Owner) -> None:
    with pytest.raises(AccountNotFound):
        with_http(lambda http: Source(http, owner.pds).latest_commit(NOBODY))


def test_a_deactivated_account_is_not_served(asleep: Owner) -> None:
    for ask in (
        lambda http: Source(http, asleep.pds).latest_commit(asleep.did),
        lambda http: whole(Source(http, asleep.pds).repo(asleep.did)),
    ):
        with pytest.raises(AccountDeactivated):
            with_http(ask)


def test_its_owner_still_reads_it(pds_bed: PdsBed, asleep: Owner, tmp_path: Path) -> None:
    identity = resolve(pds_bed, asleep.did)

    async def read(http: Http) -> None:
        session = await login(http, identity, Secret(PASSWORD), tmp_path)
        source = Source(http, asleep.pds, auth=session)
        latest = await source.latest_commit(asleep.did)
        assert bytes(latest.cid) in (await whole(source.repo(asleep.did)))[:100]
        blob = parse_cid(asleep.blobs[0]["ref"]["$link"])
        assert cid_of(RAW, await whole(source.blob(asleep.did, blob))) == blob

    with_http(read)


def test_preferences_with_an_app_password(pds_bed: PdsBed, owner: Owner, tmp_path: Path) -> None:
    made = owner.call("POST", "com.atproto.server.createAppPassword", json={"name": "skypail"})
    identity = resolve(pds_bed, owner.did)

    async def read(http: Http) -> None:
        session = await login(http, identity, Secret(made["password"]), tmp_path)
        before = load_session(tmp_path, owner.did)
        assert json.loads(await session.get_preferences())["preferences"]
        await session.token(refused=await session.token())
        assert load_session(tmp_path, owner.did) != before
        assert json.loads(await session.get_preferences())["preferences"]
        owner.call("POST", "com.atproto.server.revokeAppPassword", json={"name": "skypail"})
        with pytest.raises(SessionExpired):
            await session.token(refused=await session.token())

    with_http(read)


def test_a_wrong_password(pds_bed: PdsBed, owner: Owner, tmp_path: Path) -> None:
    identity = resolve(pds_bed, owner.did)
    with pytest.raises(LoginFailed):
        with_http(lambda http: login(http, identity, Secret("wrong"), tmp_path))


def test_an_account_taken_down_is_read_by_its_owner_alone(pds_bed: PdsBed, tmp_path: Path) -> None:
    owner = seed_account(pds_bed.a, "fallen.a.test", records=5, blobs=1)
    identity = resolve(pds_bed, owner.did)
    before = with_http(lambda http: Source(http, owner.pds).latest_commit(owner.did))
    take_down(owner)

    async def read(http: Http) -> None:
        with pytest.raises(AccountTakendown):
            await Source(http, owner.pds).latest_commit(owner.did)
        session = await login(http, identity, Secret(PASSWORD), tmp_path)
        source = Source(http, owner.pds, auth=session)
        assert await source.latest_commit(owner.did) == before
        assert [str(cid) async for cid in source.blobs(owner.did)] == [owner.blobs[0]["ref"]["$link"]]

    with_http(read)
