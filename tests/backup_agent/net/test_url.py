"""Which URLs a request may go to (T4)."""

import json
from pathlib import Path
from typing import Any

import pytest

from backup_agent.errors import HostRefused
from backup_agent.net.url import check_url

WHATWG = Path(__file__).parents[3] / "spec/vectors/whatwg-url/tests/models/whatwg.json"
CASES: list[dict[str, Any]] = [case for case in json.loads(WHATWG.read_text()) if isinstance(case, dict)]


def accepted(text: str, *, allow_private: bool = False) -> str | None:
    try:
        return check_url(text, allow_private=allow_private).host
    except HostRefused:
        return None


def over_tls(text: str) -> str:
    return "https" + text.removeprefix("http") if text.startswith("http:") else text


@pytest.mark.parametrize("allow_private", [False, True])
def test_what_passes_is_what_a_browser_reads(allow_private: bool) -> None:
    passed = 0
    for case in CASES:
        for text in (case["input"], over_tls(case["input"])):
            host = accepted(text, allow_private=allow_private)
            passed += host is not None
            if host is not None:
                assert not case.get("failure"), case
                assert host == case["hostname"].strip("[]"), case
                assert not case["username"], case
    assert len(CASES) > 600
    assert passed >= 20


def test_an_unreadable_address_of_the_vectors_never_passes() -> None:
    failing = [case["input"] for case in CASES if case.get("failure")]
    assert len(failing) > 200
    assert [text for text in failing if accepted(over_tls(text), allow_private=True)] == []


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com",
        "https://pds.example.com/xrpc/a.b.c?did=did:plc:abc#frag",
        "HTTPS://EXAMPLE.com/",
        "https://example.com:443/",
        "https://example.com:8443/",
        "https://example.com:65535/",
        "https://xn--bcher-kva.example/",
        "https://1.1.1.1/",
        "https://[2606:4700::1111]/",
        "https://" + "a" * 63 + ".com/",
    ],
)
def test_taken(text: str) -> None:
    assert accepted(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "//example.com/",
        "https:/example.com/",
        "https:example.com",
        "https://",
        "https:///path",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://example.com@127.0.0.1/",
        "https://example.com\\@127.0.0.1/",
        "https://example.com\\.evil.com/",
        "https://example.com/\\",
        "https://exam\tple.com/",
        "https://example.com /",
        " https://example.com/",
        "https://example.com/\n",
        "https://example.com./",
        "https://localhost./",
        "https://.example.com/",
        "https://a..b/",
        "https://-a.com/",
        "https://under_score.com/",
        "https://ex%61mple.com/",
        "https://127%2e0%2e0%2e1/",
        "https://bücher.example/",
        "https://１２７.0.0.1/",
        "https://①②⑦.⓪.⓪.①/",
        "https://127。0。0。1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://0x7f.0.0.1/",
        "https://127.1/",
        "https://1.2.3/",
        "https://1.2.3.4.5/",
        "https://256.1.1.1/",
        "https://foo.0x/",
        "https://foo.09/",
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:1.1.1.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://[v1.x]/",
        "https://localhost/",
        "https://a.localhost/",
        "https://example.com:0/",
        "https://example.com:22/",
        "https://example.com:80/",
        "https://example.com:6379x/",
        "https://example.com:6667/",
        "https://example.com:65536/",
        "https://example.com:-1/",
        "https://" + "a" * 64 + ".com/",
        "https://" + "a." * 127 + "com/",
        "https://example.com/" + "a" * 4096,
        "",
    ],
)
def test_refused(text: str) -> None:
    assert accepted(text) is None


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("http://localhost:2583/", True),
        ("http://pds.localhost:2583/", True),
        ("http://127.0.0.1:2583/", True),
        ("http://[::1]:2583/", True),
        ("https://localhost:2583/", True),
        ("http://localhost:22/", False),
        ("http://localhost:2583@evil.com/", False),
        ("http://user@localhost:2583/", False),
        ("http://example.com/", False),
        ("http://10.0.0.1:2583/", False),
        ("https://10.0.0.1/", False),
        ("http://[::ffff:127.0.0.1]:2583/", False),
        ("http://127.1:2583/", False),
        ("http://notlocalhost:2583/", False),
    ],
)
def test_allow_private_means_loopback_alone(text: str, taken: bool) -> None:
    assert (accepted(text, allow_private=True) is not None) is taken


def test_a_refusal_does_not_quote_the_path() -> None:
    with pytest.raises(HostRefused) as refusal:
        check_url("https://10.0.0.1/secret?token=hidden", allow_private=False)
    assert "10.0.0.1" in str(refusal.value)
    assert "secret" not in str(refusal.value)
    assert "hidden" not in str(refusal.value)


def test_a_refusal_does_not_quote_user_information() -> None:
    with pytest.raises(HostRefused) as refusal:
        check_url("https://me:hunter2@example.com/", allow_private=False)
    assert "hunter2" not in str(refusal.value)
