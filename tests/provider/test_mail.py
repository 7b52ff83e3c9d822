"""A mail on its way: to a server that speaks SMTP, or into the log."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator

import pytest

from clock_service.errors import BadOption, StoreUnavailable
from provider.accounts import address_of
from provider.errors import ProviderError
from provider.mail import SENDER, SMTP_URL, LogMail, SmtpMail, mail_of_environment


class MailServer:
    """Takes one mail; said: what the client sent."""

    def __init__(self, greeting: bytes = b"220 hello\r\n", offers: bytes = b"250 fine\r\n") -> None:
        self._offers = offers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._greeting = greeting
        self.port = self._listener.getsockname()[1]
        self.said = b""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        with client, client.makefile("rb") as lines:
            client.sendall(self._greeting)
            is_text = False
            for line in lines:
                self.said += line
                if is_text and line != b".\r\n":
                    continue
                is_text = line.upper().startswith(b"DATA")
                is_end = line.upper().startswith(b"QUIT")
                if line.upper().startswith(b"EHLO"):
                    client.sendall(self._offers)
                    continue
                client.sendall(b"354 go on\r\n" if is_text else b"221 bye\r\n" if is_end else b"250 fine\r\n")

    def stop(self) -> None:
        self._listener.close()
        self._thread.join(5)


@pytest.fixture
def server() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.stop()


def test_a_mail_is_sent_by_smtp(server: MailServer) -> None:
    mail = SmtpMail(f"smtp://127.0.0.1:{server.port}", "provider@example.com")
    asyncio.run(mail.send("alice@example.com", "Confirm", "https://provider.test/link"))
    assert b"MAIL FROM:<provider@example.com>" in server.said.replace(b"mail", b"MAIL")
    assert b"<alice@example.com>" in server.said
    assert b"https://provider.test/link" in server.said


def test_a_server_that_takes_no_mail_is_asked_again_later() -> None:
    refusing = MailServer(b"554 no\r\n")
    mail = SmtpMail(f"smtp://127.0.0.1:{refusing.port}", "provider@example.com")
    with pytest.raises(StoreUnavailable):
        asyncio.run(mail.send("alice@example.com", "Confirm", "link"))
    refusing.stop()
    with pytest.raises(StoreUnavailable):
        asyncio.run(mail.send("alice@example.com", "Confirm", "link"))


def test_without_a_server_the_link_is_the_operators_to_pass_on(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.WARNING):
        asyncio.run(LogMail().send("alice@example.com", "Confirm", "Open:\n\nhttps://provider.test/link\n"))
    assert vars(caplog.records[0])["why"] == "alice@example.com: Open:\n\nhttps://provider.test/link\n"
    assert "\nhttps://provider.test/link\n" in f"\n{capsys.readouterr().err}"


def test_the_environment_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SMTP_URL, raising=False)
    assert isinstance(mail_of_environment(), LogMail)
    monkeypatch.setenv(SMTP_URL, "smtps://user:pass@mail.example.com")
    monkeypatch.setenv(SENDER, "provider@example.com")
    assert isinstance(mail_of_environment(), SmtpMail)
    for url, sender in (
        ("http://x", "a@b"),
        ("smtp://", "a@b"),
        ("smtp://x", "nobody"),
        ("smtp://u:p/w@x:25", "a@b"),
        ("smtp://x:port", "a@b"),
        ("smtp://x:99999", "a@b"),
    ):
        monkeypatch.setenv(SMTP_URL, url)
        monkeypatch.setenv(SENDER, sender)
        with pytest.raises(BadOption):
            mail_of_environment()


@pytest.mark.parametrize(
    "account",
    [
        "did:mailto:example.com:a%0d%0aBcc%3A%20x",
        "did:mailto:example.com:a%2Cb",
        "did:mailto:example.com:a%40b.c",
        "did:mailto:exa%20mple.com:a",
        "did:mailto:example.com:1%3Avictim",
        "did:mailto:x.com:%3D%3Futf-8%3Fq%3Fv%3D40x.com%3D2C%3F%3Dq",
        "did:mailto:x.com:%3D%3Futf-8%3Fq%3Fa%3D0aBcc%3Ae%40f%3F%3D",
        "did:mailto:x.com:a%E2%80%A8b",
        "did:mailto:x..com:a",
    ],
)
def test_an_address_is_one_address(account: str) -> None:
    with pytest.raises(ProviderError):
        address_of(account)


@pytest.mark.parametrize("user", ["", "user:secret@"])
def test_where_tls_is_offered_nothing_goes_without(user: str) -> None:
    """This server offers it, and cannot."""
    offering = MailServer(offers=b"250-fine\r\n250 STARTTLS\r\n")
    mail = SmtpMail(f"smtp://{user}127.0.0.1:{offering.port}", "provider@example.com")
    with pytest.raises(StoreUnavailable):
        asyncio.run(mail.send("alice@example.com", "Confirm", "link"))
    offering.stop()
    assert b"STARTTLS" in offering.said
    assert b"alice" not in offering.said


def test_a_password_is_not_sent_in_the_clear(caplog: pytest.LogCaptureFixture) -> None:
    plain = MailServer(offers=b"250-fine\r\n250 AUTH PLAIN LOGIN\r\n")
    mail = SmtpMail(f"smtp://user:secret@127.0.0.1:{plain.port}", "provider@example.com")
    with caplog.at_level(logging.ERROR), pytest.raises(StoreUnavailable):
        asyncio.run(mail.send("alice@example.com", "Confirm", "link"))
    plain.stop()
    assert b"AUTH" not in plain.said
    assert "offers no STARTTLS" in vars(caplog.records[0])["why"]
