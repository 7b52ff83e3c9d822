"""Caveats are read strictly: whatever they are, they are taken or refused, and nothing else escapes."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pail import CAR, RAW, DecodeError, cid_of
from provider import capabilities
from provider.capabilities import Blob
from provider.digest import name_of, parse_name
from provider.errors import ProviderError
from provider.upload_url import Ticket, TicketOffice, owner_of
from tests.provider.made import ACCOUNT, NOW, SERVICE, SPACE, digest_of
from ucan import Definition

DIGEST = digest_of(b"x")
LINK, SHARD = cid_of(RAW, b"x"), cid_of(CAR, b"x")

VALID: dict[str, dict[str, Any]] = {
    "BLOB_ADD": {"blob": {"digest": DIGEST, "size": 1}},
    "BLOB_LIST": {"cursor": "5", "size": 3},
    "BLOB_REMOVE": {"digest": DIGEST},
    "BLOB_GET": {"digest": DIGEST},
    "INDEX_ADD": {"index": SHARD, "content": LINK},
    "SPACE_INFO": {},
    "UPLOAD_ADD": {"root": LINK, "shards": [SHARD]},
    "UPLOAD_LIST": {"cursor": "5", "size": 3, "pre": True},
    "UPLOAD_SHARD_LIST": {"root": LINK, "cursor": "5"},
    "UPLOAD_GET": {"root": LINK},
    "UPLOAD_REMOVE": {"root": LINK},
    "RETRIEVE": {"blob": {"digest": DIGEST}, "range": [0, 9]},
    "AUTHORIZE": {"iss": ACCOUNT, "att": [{"can": "*"}]},
    "CONFIRM": {"iss": ACCOUNT, "aud": SPACE, "att": [{"can": "*"}], "cause": LINK},
    "DELEGATE": {"delegations": {"x": LINK}},
    "CONSUMER_HAS": {"consumer": SPACE},
    "CONCLUDE": {"receipt": LINK},
    "FILECOIN_OFFER": {"content": LINK, "piece": LINK},
}

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 63), (1 << 64) - 1),
    st.text(max_size=20),
    st.binary(max_size=40),
    st.sampled_from([LINK, SHARD, SPACE, ACCOUNT, "9" * 19, "did:mailto:a", [LINK] * 1025]),
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner)
)


def definition(name: str) -> Definition[Any]:
    return getattr(capabilities, name)


@pytest.mark.parametrize("name", VALID)
def test_what_is_meant_is_taken_and_more_is_not(name: str) -> None:
    definition(name).decode(VALID[name])
    with pytest.raises(DecodeError):
        definition(name).decode({**VALID[name], "more": 1})


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_anything_else_is_refused_by_one_error(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(VALID)))
    fields = sorted(VALID[name]) or ["x"]
    nb = {**VALID[name], data.draw(st.sampled_from(fields)): data.draw(values)}
    with suppress(DecodeError):
        taken = definition(name).decode(nb)
        if isinstance(taken, Blob):
            with suppress(ProviderError):
                taken.check()


@given(st.text(max_size=140))
def test_a_name_is_a_digest_or_refused(text: str) -> None:
    with suppress(DecodeError):
        assert name_of(parse_name(text).multihash)


@given(st.integers(0, (1 << 63) - 1), st.integers(NOW + 1, 1 << 40), st.integers(0, 151), st.integers(1, 63))
def test_a_ticket_is_good_as_it_was_made_and_not_otherwise(size: int, expires: int, at: int, by: int) -> None:
    office = TicketOffice(SERVICE.signer)
    ticket = Ticket(Blob(DIGEST, size), expires, owner_of(SPACE), owner_of(ACCOUNT))
    text = office.issue(ticket)
    assert office.redeem(text, NOW) == ticket
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = letters[(letters.index(text[at]) + by) % 64]
    with pytest.raises(ProviderError):
        office.redeem(text[:at] + other + text[at + 1 :], NOW)
