"""Whom the service hosts, and what it is told of them: added, followed, taken back."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from clock_service import Guard, Limits, Provision, Registration
from tests.clock_service.calls import AGENT, SERVICE, SPACE, SPACE_KEY, STRANGER, advance, give, head, signer
from tests.clock_service.client import caller, error_of
from ucan import Capability, Signer, delegate, view_delegation
from ucan.token import encode_ucan


@pytest.fixture
def url(tmp_path: Path) -> str:
    """SQLite is enough: what differs between databases is tested elsewhere."""
    return f"sqlite:///{tmp_path}/clock.db"


def test_what_is_not_hosted_is_refused_by_name_and_stores_nothing(store, author) -> None:
    client = caller(store, provision=Provision.REGISTERED)
    event = author.put((), "a").head[0]
    assert error_of(client.out(advance(event, author.all()))) == "NotProvisioned"
    for can in ("clock/follow", "clock/unfollow"):
        assert error_of(client.out(follow(can, {}))) == "NotProvisioned"


def provide(issuer: Signer, *proofs, resource: str = SERVICE.did, provider: str = SERVICE.did):
    nb = {"provider": provider, "consumer": SPACE}
    capability = Capability("provider/add", resource, nb)
    return delegate(issuer, SERVICE.did, [capability], expires_at_unix=None, proofs=proofs)


def test_a_holder_of_the_operators_delegation_adds_a_space(store, author) -> None:
    client = caller(store, provision=Provision.REGISTERED)
    proof = give(SERVICE, AGENT, "provider/add", resource=SERVICE.did)
    assert error_of(client.out(provide(STRANGER))) == "Unauthorized"
    assert client.out(provide(AGENT, proof)) == {"ok": {}}
    event = author.put((), "a").head[0]
    assert client.out(advance(event, author.all())) == {"ok": {"head": [event]}}


@pytest.mark.parametrize(
    "stranger",
    [{}, {"resource": STRANGER.did}, {"resource": STRANGER.did, "provider": STRANGER.did}],
)
def test_nobody_adds_a_space_in_his_own_name(store, stranger) -> None:
    assert error_of(caller(store).out(provide(STRANGER, **stranger))) == "Unauthorized"
    assert asyncio.run(store.registrations()) == []


def test_provider_add_leaves_the_limits_that_the_operator_set(store) -> None:
    own = Registration(SPACE, Limits(1, 1), Guard.REQUIRE)
    asyncio.run(store.register(own))
    assert caller(store).out(provide(SERVICE)) == {"ok": {}}
    assert asyncio.run(store.registrations()) == [own]


def revoke(issuer: Signer, what, *, proofs=()):
    nb = {"ucan": what.cid, "proof": list(what.ucan.proofs)}
    capability = Capability("ucan/revoke", issuer.did, nb)
    return delegate(
        issuer, SERVICE.did, [capability], expires_at_unix=None, proofs=proofs, attached=list(what.export())
    )


@pytest.mark.parametrize("revoker", [SPACE_KEY, AGENT])
def test_a_delegation_that_was_revoked_is_worth_nothing(store, revoker) -> None:
    client = caller(store)
    proof = give(SPACE_KEY, AGENT, "clock/head")
    assert "ok" in client.out(head(AGENT, proofs=[proof]))
    assert "time" in client.out(revoke(revoker, proof))["ok"]
    assert error_of(client.out(head(AGENT, proofs=[proof], nonce="again"))) == "Unauthorized"


def test_whoever_is_upstream_revokes_what_was_passed_on(store) -> None:
    client = caller(store)
    first = give(SPACE_KEY, AGENT, "clock/head")
    second = give(AGENT, signer(5), "clock/head", proofs=[first])
    assert "ok" in client.out(revoke(SPACE_KEY, second))
    assert error_of(client.out(head(signer(5), proofs=[second]))) == "Unauthorized"
    assert "ok" in client.out(head(AGENT, proofs=[first]))


def test_a_strangers_revocation_has_no_effect(store) -> None:
    client = caller(store)
    proof = give(SPACE_KEY, AGENT, "clock/head")
    assert error_of(client.out(revoke(STRANGER, proof))) == "UnauthorizedRevocation"
    assert "ok" in client.out(head(AGENT, proofs=[proof]))


@pytest.mark.parametrize("resource", [STRANGER.did, "ucan:*", "https://example.com/"])
def test_a_revocation_of_what_concerns_no_hosted_space_is_refused_and_not_stored(store, resource) -> None:
    asyncio.run(store.register(Registration(SPACE)))
    own = give(STRANGER, signer(5), "clock/head", resource=resource)
    assert (
        error_of(caller(store, provision=Provision.REGISTERED).out(revoke(STRANGER, own))) == "NotProvisioned"
    )
    assert asyncio.run(store.revocations([own.cid])) == frozenset()


@pytest.mark.parametrize("forge", ["own", "no proof", "stolen proof", "signature"])
def test_a_stranger_stores_no_revocation_by_naming_a_hosted_space(store, forge: str) -> None:
    asyncio.run(store.register(Registration(SPACE)))
    real = give(SPACE_KEY, AGENT, "clock/head")
    proofs = {"own": [give(STRANGER, STRANGER, "clock/head")], "stolen proof": [real]}.get(forge, [])
    made = give(STRANGER, signer(5), "clock/head", proofs=proofs)
    if forge == "signature":  # as if the space had given it to the stranger
        ucan = replace(real.ucan, audience=STRANGER.did)
        block = encode_ucan(ucan)
        made = view_delegation(block.cid, {block.cid: block.data})
    out = caller(store, provision=Provision.REGISTERED).out(revoke(STRANGER, made))
    assert error_of(out) == "NotProvisioned"
    assert asyncio.run(store.revocations([made.cid])) == frozenset()


@pytest.mark.parametrize("resource", [SPACE, "ucan:*", SERVICE.did])
def test_a_revocation_of_what_concerns_a_hosted_space_or_the_service_is_stored(store, resource) -> None:
    asyncio.run(store.register(Registration(SPACE)))
    issuer = SERVICE if resource == SERVICE.did else SPACE_KEY
    given = give(issuer, AGENT, "clock/head", resource=resource)
    passed_on = give(AGENT, signer(5), "clock/head", resource="ucan:*", proofs=[given])
    client = caller(store, provision=Provision.REGISTERED)
    for delegation in (given, passed_on):
        assert "ok" in client.out(revoke(issuer, delegation))
        assert [each.delegation for each in asyncio.run(store.revocations([delegation.cid]))] == [
            delegation.cid
        ]


def follow(can: str, nb=None):
    return delegate(SPACE_KEY, SERVICE.did, [Capability(can, SPACE, nb)], expires_at_unix=None)


def test_a_clock_follows_unfollows_and_tells_whom(store) -> None:
    client = caller(store)
    assert client.out(follow("clock/follow", {"iss": AGENT.did})) == {"ok": {}}
    assert client.out(follow("clock/following"))["ok"]["following"] == [{"iss": AGENT.did, "with": SPACE}]
    assert client.out(follow("clock/unfollow", {"iss": AGENT.did})) == {"ok": {}}
    assert client.out(follow("clock/following")) == {"ok": {"following": []}}
