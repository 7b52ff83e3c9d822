"""The names of atproto: the published lists of what is one and what is not."""

from collections.abc import Callable

import pytest

from backup_agent.atproto.errors import InvalidSyntax
from backup_agent.atproto.syntax import (
    AtUri,
    parse_at_uri,
    parse_did,
    parse_handle,
    parse_nsid,
    parse_record_key,
    parse_tid,
)
from tests.backup_agent.atproto.trees import VECTORS

PARSERS: dict[str, Callable[[str], object]] = {
    "did": parse_did,
    "handle": parse_handle,
    "nsid": parse_nsid,
    "recordkey": parse_record_key,
    "tid": parse_tid,
    "aturi": parse_at_uri,
}


def lines(name: str, verdict: str) -> list[str]:
    text = (VECTORS / f"atproto-interop/syntax/{name}_syntax_{verdict}.txt").read_text()
    return [line for line in text.split("\n") if line and not line.startswith("# ")]


VALID = [(name, text) for name in PARSERS for text in lines(name, "valid")]
INVALID = [(name, text) for name in PARSERS for text in lines(name, "invalid")]


def test_the_lists_hold_each_kind() -> None:
    assert len(VALID) > 130
    assert len(INVALID) > 180


@pytest.mark.parametrize(("name", "text"), VALID)
def test_a_valid_name_is_taken(name: str, text: str) -> None:
    parsed = PARSERS[name](text)
    assert name == "aturi" or parsed == (text.lower() if name == "handle" else text)


@pytest.mark.parametrize(("name", "text"), INVALID)
def test_an_invalid_name_is_refused(name: str, text: str) -> None:
    with pytest.raises(InvalidSyntax):
        PARSERS[name](text)


@pytest.mark.parametrize("name", PARSERS)
def test_a_newline_at_the_end_is_refused(name: str) -> None:
    with pytest.raises(InvalidSyntax):
        PARSERS[name](lines(name, "valid")[0] + "\n")


def test_an_at_uri_comes_apart() -> None:
    assert parse_at_uri("at://did:plc:a/com.example.thing/self") == AtUri(
        "did:plc:a", "com.example.thing", "self"
    )
    assert parse_at_uri("at://Alice.example.com") == AtUri("alice.example.com", None, None)
