"""Whatever comes from outside, only our errors escape."""

import json
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from backup_agent.errors import AgentError, HostError, HostRefused
from backup_agent.net import Answer
from backup_agent.net.address import parse_address, why_not_public
from backup_agent.net.retry import asked_wait_s
from backup_agent.net.url import check_url, host_of
from backup_agent.session_file import decode_session
from backup_agent.xrpc import body_of, decode_object

PIECES = [
    "https://",
    "http://",
    "localhost",
    "127.0.0.1",
    "[::1]",
    "example.com",
    "@",
    ":",
    "/",
    "\\",
    "%",
    "..",
    "0x7f",
    "1",
]
URLS = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=6).map("".join)


@settings(max_examples=500)
@given(st.text() | URLS)
def test_a_url_is_refused_or_names_a_public_host(text: str) -> None:
    try:
        url = check_url(text, allow_private=False)
    except HostRefused:
        return
    assert url.scheme == "https"
    assert not url.userinfo
    address = parse_address(host_of(url))
    assert address is None or why_not_public(address) is None
    assert text.lower().startswith("https://" + (f"[{host_of(url)}" if ":" in host_of(url) else host_of(url)))


@given(st.dictionaries(st.sampled_from(["retry-after", "ratelimit-reset"]), st.text()), st.integers(0, 2**40))
def test_any_headers_ask_for_no_negative_wait(headers: dict[str, str], now: int) -> None:
    wait_s = asked_wait_s(headers, now)
    assert wait_s is None or wait_s >= 0


def fault(call: Callable[[], object]) -> Exception | None:
    """What `call` raises, if it is of the kinds that it may raise."""
    try:
        call()
    except (AgentError, ValueError) as error:
        return error
    return None


@given(st.binary() | st.text().map(str.encode))
def test_any_body_is_an_object_or_a_host_error(body: bytes) -> None:
    error = fault(lambda: decode_object("host", body))
    assert error is None or (isinstance(error, HostError) and str(error).isprintable())


TOLD = st.fixed_dictionaries({"error": st.text(), "message": st.text()}).map(json.dumps).map(str.encode)


@given(st.integers(201, 599), st.binary() | TOLD)
def test_any_error_is_one_printable_sentence(status: int, body: bytes) -> None:
    error = fault(lambda: body_of(Answer("host", status, {}, body), "did:plc:x"))
    assert isinstance(error, AgentError)
    assert str(error).isprintable()


@given(st.binary())
def test_any_session_file_is_a_session_or_a_value_error(data: bytes) -> None:
    error = fault(lambda: decode_session(data))
    assert error is None or str(error) == "not a session file"
