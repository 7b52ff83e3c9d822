"""Accounts without keys: authorized by whoever reads their mail, and what is delegated to them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from clock_service.policy import Provision
from pail import CID
from pail.car import CarReader
from provider import throttle
from provider.accounts import kept
from provider.records import HostedSpace
from provider.store import ProviderStore, open_provider_store
from provider.throttle import MAX_MAILS_AN_HOUR
from tests.clock_service.calls import AGENT, signer
from tests.provider.made import (
    ACCOUNT,
    NOW,
    OTHER,
    OTHER_KEY,
    SERVICE,
    SPACE,
    SPACE_KEY,
    Provider,
    give,
    invoke,
    token,
)
from ucan import (
    ALL_OF_ISSUER,
    Absentee,
    Capability,
    Delegation,
    NamedSigner,
    delegate,
    view_delegation,
)

BOB = "did:mailto:example.com:bob"
ASKED = {"iss": ACCOUNT, "att": [{"can": "*"}]}
CONFIRMED = {**ASKED, "aud": AGENT.did, "cause": CID(b"\x01\x71\x12\x20" + bytes(32))}


class Post:
    """Mails as they were sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    async def send(self, to: str, subject: str, text: str) -> None:
        self.sent.append((to, text))

    @property
    def link(self) -> str:
        url = next(line for line in self.sent[-1][1].splitlines() if line.startswith("http"))
        return url.removeprefix("http://provider.test")


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def mailed(tmp_path: Path, post: Post):
    store = open_provider_store(f"sqlite:///{tmp_path}/provider.db", now=lambda: NOW)
    yield Provider(store, tmp_path / "store", mail=post)
    store.close()


def authorize(provider: Provider, account: str = ACCOUNT, nonce: str | None = None):
    nb = {"iss": account, "att": [{"can": "*"}]}
    return provider.out("access/authorize", nb, issuer=AGENT, resource=AGENT.did, nonce=nonce)


def claim(provider: Provider, issuer=AGENT) -> list[Delegation]:
    answer = provider.out("access/claim", issuer=issuer, resource=issuer.did)
    found = []
    for name, car in answer["delegations"].items():
        reader = CarReader()
        blocks = dict(reader.feed(car))
        assert [str(root) for root in reader.roots or ()] == [name]
        found.append(view_delegation((reader.roots or ())[0], blocks))
    return found


def login(provider: Provider) -> list[Delegation]:
    """The session of an agent whom the account let in."""
    authorize(provider)
    return claim(provider)


def test_a_link_goes_to_the_address_and_lets_the_agent_in(mailed: Provider, post: Post) -> None:
    answer = authorize(mailed)
    assert answer["expiration"] == NOW + 900
    assert post.sent[0][0] == "alice@example.com"
    assert claim(mailed) == []
    assert "<button>" in mailed.request("GET", post.link).text
    assert claim(mailed) == []
    assert mailed.request("POST", post.link).status_code == 200
    given, attested = sorted(claim(mailed), key=lambda each: each.issuer)
    assert (given.issuer, given.audience) == (ACCOUNT, AGENT.did)
    assert given.ucan.capabilities == (Capability("*", ALL_OF_ISSUER),)
    assert given.ucan.facts[0]["access/request"] == answer["request"]
    assert attested.ucan.capabilities[0].nb == {"proof": given.cid}


def test_the_agent_is_not_told_the_link(mailed: Provider) -> None:
    receipt = mailed.execute(invoke("access/authorize", ASKED, issuer=AGENT, resource=AGENT.did))
    assert receipt.join is not None
    assert receipt.join not in dict(receipt.export())


@pytest.mark.parametrize("change", ["cut", "nonsense", "empty", "another"])
def test_another_link_lets_nobody_in(mailed: Provider, post: Post, change: str) -> None:
    authorize(mailed)
    path, query = urlsplit(post.link)[2:4]
    forged = token(invoke("access/confirm", CONFIRMED, resource=SERVICE.did))
    ucan = {
        "cut": query.removeprefix("ucan=")[:200],
        "nonsense": "x" * 50,
        "empty": "",
        "another": forged["authorization"].removeprefix("Bearer u"),
    }[change]
    assert mailed.request("POST", f"{path}?ucan={ucan}").status_code in (400, 403)
    assert claim(mailed) == []


def test_nobody_confirms_for_the_provider(mailed: Provider) -> None:
    assert mailed.out("access/confirm", CONFIRMED, issuer=AGENT, resource=AGENT.did) == "Unauthorized"
    assert mailed.out("access/confirm", CONFIRMED, issuer=AGENT, resource=SERVICE.did) == "Unauthorized"


def test_a_link_is_good_for_a_quarter_of_an_hour(tmp_path: Path, post: Post) -> None:
    clock = [NOW]
    store = open_provider_store(f"sqlite:///{tmp_path}/provider.db", now=lambda: clock[0])
    provider = Provider(store, tmp_path / "store", mail=post, now=lambda: clock[0])
    authorize(provider)
    clock[0] += 900
    assert provider.request("POST", post.link).status_code == 403
    assert claim(provider) == []
    store.close()


def test_nobody_is_flooded_with_mail(mailed: Provider, post: Post) -> None:
    for number in range(MAX_MAILS_AN_HOUR):
        assert "request" in authorize(mailed, nonce=str(number))
    assert authorize(mailed, nonce="more") == "AccountBlocked"
    assert "request" in authorize(mailed, BOB)
    assert len(post.sent) == MAX_MAILS_AN_HOUR + 1


def test_one_mailbox_is_flooded_under_no_other_name(mailed: Provider, post: Post) -> None:
    for number in range(MAX_MAILS_AN_HOUR):
        authorize(mailed, f"did:mailto:example.com:Victim%2B{number}")
    assert authorize(mailed, "did:mailto:example.com:victim") == "AccountBlocked"
    assert len(post.sent) == MAX_MAILS_AN_HOUR


@pytest.mark.parametrize(
    "account", ["did:key:z6Mkx", "did:mailto:example.com", "alice@example.com", "did:web:x:y"]
)
def test_an_account_is_a_mail_address(mailed: Provider, account: str) -> None:
    assert authorize(mailed, account) == "Unauthorized"


def test_an_account_adds_a_space_and_reaches_it_from_a_new_agent(provider: Provider) -> None:
    session = login(provider)
    nb = {"provider": SERVICE.did, "consumer": OTHER}
    added = provider.out("provider/add", nb, issuer=AGENT, resource=ACCOUNT, proofs=tuple(session))
    assert added == {"id": f"{ACCOUNT}:{OTHER}@{SERVICE.did}"}
    recovery = give("*", to=ACCOUNT, issuer=OTHER_KEY, resource=OTHER)
    kept_for = {"delegations": {str(recovery.cid): recovery.cid}}
    assert (
        provider.out("access/delegate", kept_for, issuer=OTHER_KEY, resource=OTHER, proofs=(recovery,)) == {}
    )
    session = claim(provider)
    listed = provider.out("space/blob/list", issuer=AGENT, resource=OTHER, proofs=tuple(session))
    assert listed == {"size": 0, "results": []}


def test_a_space_has_one_account_and_an_account_so_many_spaces(provider: Provider) -> None:
    session = tuple(login(provider))

    def add(space: str, **nb) -> object:
        asked = {"provider": SERVICE.did, "consumer": space, **nb}
        return provider.out("provider/add", asked, issuer=AGENT, resource=ACCOUNT, proofs=session)

    assert add(SPACE) == "SpaceAlreadyProvisioned"
    assert "id" in add(OTHER)
    assert "id" in add(OTHER)
    assert "id" in add(AGENT.did)
    assert add(signer(77).did, provider="did:web:other") == "InvalidProvider"
    for wrong in ("did:web:no.space", "did:key:z6Mkx"):
        assert add(wrong) == "SpaceUnknown"
    assert add(signer(77).did) == "InsufficientStorage"


def test_a_provider_that_is_not_open_adds_nobodys_space(tmp_path: Path, store: ProviderStore) -> None:
    provider = Provider(store, tmp_path / "store", provision=Provision.REGISTERED)
    session = tuple(login(provider))
    nb = {"provider": SERVICE.did, "consumer": OTHER}
    assert provider.out("provider/add", nb, issuer=AGENT, resource=ACCOUNT, proofs=session) == "NotOpen"
    operators = delegate(SERVICE, AGENT.did, [Capability("provider/add", SERVICE.did)], expires_at_unix=None)
    assert "id" in provider.out("provider/add", nb, issuer=AGENT, resource=SERVICE.did, proofs=(operators,))
    asked = {"consumer": OTHER}
    has = delegate(SERVICE, AGENT.did, [Capability("consumer/has", SERVICE.did)], expires_at_unix=None)
    assert provider.out("consumer/has", asked, issuer=AGENT, resource=SERVICE.did, proofs=(has,)) is True


def test_an_attestation_that_another_made_up_is_not_made_anew(provider: Provider) -> None:
    """Anybody may keep delegations here, also some that say the provider made them."""
    facts = [{"x": 1}]
    stolen = delegate(
        Absentee(BOB), AGENT.did, [Capability("*", ALL_OF_ISSUER)], expires_at_unix=None, facts=facts
    )
    word = Capability("ucan/attest", SERVICE.did, {"proof": stolen.cid})
    forged = delegate(NamedSigner(SERVICE.did, AGENT), AGENT.did, [word], expires_at_unix=None)
    asyncio.run(provider.store.keep_delegations([kept(stolen), kept(forged)], SPACE))
    claimed = claim(provider)
    assert {each.cid for each in claimed} == {stolen.cid, forged.cid}
    asked = {"provider": SERVICE.did, "consumer": OTHER}
    out = provider.out("provider/add", asked, issuer=AGENT, resource=BOB, proofs=tuple(claimed))
    assert out == "Unauthorized"


def test_only_what_came_along_as_a_proof_is_kept_and_for_hosted_spaces_alone(provider: Provider) -> None:
    given = give("space/*")
    nb = {"delegations": {"x": given.cid}}
    assert provider.out("access/delegate", nb) == "DelegationNotFound"
    mine = give("space/*", issuer=OTHER_KEY, resource=OTHER)
    nb = {"delegations": {"x": mine.cid}}
    out = provider.out("access/delegate", nb, issuer=OTHER_KEY, resource=OTHER, proofs=(mine,))
    assert out == "InsufficientStorage"


def test_what_is_too_large_is_not_kept(provider: Provider) -> None:
    fact = {"x": "y" * 70_000}
    given = delegate(SPACE_KEY, AGENT.did, [Capability("*", SPACE)], expires_at_unix=None, facts=[fact])
    nb = {"delegations": {"x": given.cid}}
    assert provider.out("access/delegate", nb, proofs=(given,)) == "TooMuch"


def test_nobody_claims_what_is_kept_for_others(provider: Provider) -> None:
    login(provider)
    assert provider.out("access/claim", issuer=OTHER_KEY, resource=AGENT.did) == "Unauthorized"
    assert claim(provider, OTHER_KEY) == []
    assert provider.out("plan/get", issuer=AGENT, resource=ACCOUNT) == "Unauthorized"
    assert (
        provider.out("plan/get", issuer=AGENT, resource=ACCOUNT, proofs=tuple(claim(provider)))
        == "PlanNotFound"
    )


def test_who_revokes_a_session_ends_its_login_whatever_the_account_is_given_later(provider: Provider) -> None:
    def lend(nonce: str) -> None:
        given = delegate(SPACE_KEY, ACCOUNT, [Capability("*", SPACE)], expires_at_unix=None, nonce=nonce)
        nb = {"delegations": {"x": given.cid}}
        assert provider.out("access/delegate", nb, proofs=(given,)) == {}

    login(provider)
    lend("first")
    session = claim(provider)
    attestation = next(each for each in session if each.issuer == SERVICE.did)
    asked = {"issuer": AGENT, "resource": SPACE}
    assert provider.out("space/info", proofs=tuple(session), **asked)["did"] == SPACE
    more = {"facts": [{"x": attestation.cid}], "attached": list(attestation.export())}
    revoked = provider.out("ucan/revoke", {"ucan": attestation.cid}, issuer=AGENT, resource=AGENT.did, **more)
    assert "time" in revoked
    assert provider.out("space/info", proofs=tuple(session), nonce="2", **asked) == "Unauthorized"
    lend("second")
    assert claim(provider) == []


def test_nobody_is_kept_from_his_own_by_what_others_heap_on_him(provider: Provider) -> None:
    provider.host(OTHER)
    wanted, facts = [Capability("space/*", SPACE)], [{"x": "y" * 40_000}]
    heap = [
        delegate(SPACE_KEY, AGENT.did, wanted, expires_at_unix=None, facts=facts, nonce=str(number))
        for number in range(300)
    ]
    own = delegate(OTHER_KEY, AGENT.did, [Capability("*", OTHER)], expires_at_unix=None)
    asyncio.run(provider.store.keep_delegations([kept(own)], OTHER))
    asyncio.run(provider.store.keep_delegations([kept(each) for each in heap], SPACE))
    assert len(login(provider)) > 2
    claimed = {each.cid for each in claim(provider)}
    assert own.cid in claimed
    assert sum(each.issuer in (ACCOUNT, SERVICE.did) for each in claim(provider)) == 2
    assert len(claimed) < 257


def test_a_user_is_mailed_though_new_addresses_are_not(
    mailed: Provider, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "MAX_MAILS_TO_NEW", 0)
    asyncio.run(mailed.store.host(HostedSpace(SPACE, ACCOUNT, 1000)))
    assert "request" in authorize(mailed)
    assert authorize(mailed, BOB) == "AccountBlocked"


def chain() -> tuple[Delegation, Delegation]:
    """What bob gives the agent of what the space gave him; without that proof, and with it."""
    bob = signer(21)
    first = delegate(SPACE_KEY, bob.did, [Capability("*", SPACE)], expires_at_unix=None)
    whole = delegate(bob, AGENT.did, [Capability("*", SPACE)], expires_at_unix=None, proofs=[first])
    return view_delegation(whole.cid, {whole.cid: dict(whole.export())[whole.cid]}), whole


def claimed_blocks(provider: Provider, cid: CID) -> int:
    (found,) = [each for each in claim(provider) if each.cid == cid]
    return len(dict(found.export()))


@pytest.mark.parametrize("is_whole_first", [True, False])
def test_of_a_delegation_that_came_twice_the_one_with_more_of_its_proofs_is_kept(
    provider: Provider, is_whole_first: bool
) -> None:
    for each in chain() if not is_whole_first else reversed(chain()):
        asyncio.run(provider.store.keep_delegations([kept(each)], SPACE))
    assert claimed_blocks(provider, chain()[1].cid) == 2


def test_who_keeps_anothers_delegation_first_keeps_it_from_nobody(provider: Provider) -> None:
    provider.host(OTHER)
    bare, whole = chain()
    asyncio.run(provider.store.keep_delegations([kept(bare)], OTHER))
    asyncio.run(provider.store.keep_delegations([kept(whole)], SPACE))
    assert claimed_blocks(provider, whole.cid) == 2
    of_space = provider.store.delegations_of(SPACE, AGENT.did)
    assert [each.cid for each in asyncio.run(of_space)] == [whole.cid]


def test_a_stranger_who_adds_a_space_gets_nothing_by_it_and_keeps_its_owner_from_nothing(
    provider: Provider,
) -> None:
    session = tuple(login(provider))
    nb = {"provider": SERVICE.did, "consumer": OTHER}
    assert "id" in provider.out("provider/add", nb, issuer=AGENT, resource=ACCOUNT, proofs=session)
    asked = {"issuer": AGENT, "resource": OTHER, "proofs": session}
    for can in ("space/info", "space/blob/list", "upload/list"):
        assert provider.out(can, **asked) == "Unauthorized"
    assert provider.promise(b"stranger's", **asked) == "Unauthorized"
    provider.upload(b"owner's", issuer=OTHER_KEY, resource=OTHER)
    assert provider.out("space/info", issuer=OTHER_KEY, resource=OTHER)["usage"]["blobs"] == 1
    asyncio.run(provider.store.host(HostedSpace(OTHER, None, 1000)))  # as the operator
    space = asyncio.run(provider.store.space(OTHER))
    assert space is not None
    assert (space.account, space.blobs) == (None, 1)
