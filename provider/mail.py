"""How the link that confirms an account gets to its owner: by mail, or into the operator's log."""

from __future__ import annotations

import asyncio
import logging
import os
import smtplib
import ssl
import sys
from email.message import EmailMessage
from email.utils import localtime, make_msgid
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from clock_service.errors import BadOption
from provider.errors import BlobsUnavailable

SMTP_URL = "SKYPAIL_SMTP_URL"
"""`smtp://user:password@host:587` (STARTTLS) or `smtps://…:465`. Without a user, a relay of one's own."""

SENDER = "SKYPAIL_MAIL_FROM"

TIMEOUT_S = 20.0

log = logging.getLogger(__name__)


class Mail(Protocol):
    """Brings `text`, whose last line is the link, to an address.

    Raises StoreUnavailable if that cannot be done now.
    """

    async def send(self, to: str, subject: str, text: str) -> None: ...


class LogMail:
    """For an operator who lets people in by hand: the text is in his log, its link also on a line alone."""

    async def send(self, to: str, subject: str, text: str) -> None:
        log.warning("no mail is set up, pass this on: %s", subject, extra={"why": f"{to}: {text}"})
        sys.stderr.write(text.rstrip().rpartition("\n")[2] + "\n")  # in JSON it is hard to take by hand
        sys.stderr.flush()


class SmtpMail:
    """Sends through the server at `url`, of `SMTP_URL`."""

    def __init__(self, url: str, sender: str) -> None:
        parts = _split(url)
        if parts is None or parts.scheme not in ("smtp", "smtps") or not parts.hostname or "@" not in sender:
            raise BadOption(
                f"{SMTP_URL} is smtp://USER:PASSWORD@HOST:PORT or smtps://…, and {SENDER} an address"
            )
        self._parts = parts
        self._sender = sender

    async def send(self, to: str, subject: str, text: str) -> None:
        message = EmailMessage()
        try:
            message["From"], message["To"], message["Subject"] = self._sender, to, subject
            message["Date"] = localtime()
            message["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2])
            message.set_content(text)
            await asyncio.to_thread(self._deliver, message)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            why = str(error) if isinstance(error, _NoTls) else type(error).__name__
            log.error("mail not sent", extra={"why": why})
            raise BlobsUnavailable("the mail server does not take the mail") from error

    def _deliver(self, message: EmailMessage) -> None:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "smtps":
            context = ssl.create_default_context()
            server = smtplib.SMTP_SSL(host, port or 465, timeout=TIMEOUT_S, context=context)
        else:
            server = smtplib.SMTP(host, port or 587, timeout=TIMEOUT_S)
        with server:
            if self._parts.scheme == "smtp":
                self._secure(server)
            if self._parts.username:
                server.login(unquote(self._parts.username), unquote(self._parts.password or ""))
            server.send_message(message)

    def _secure(self, server: smtplib.SMTP) -> None:
        """TLS where it is offered. A password goes to nobody who cannot show who he is.

        Without one any certificate is better than none: who could read the mail needs an active attack.
        """
        server.ehlo()
        if server.has_extn("starttls"):
            context = ssl.create_default_context()
            if not self._parts.username:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            server.starttls(context=context)
        elif self._parts.username:
            raise _NoTls(f"{self._parts.hostname} offers no STARTTLS: {SMTP_URL}'s password was not sent")


class _NoTls(smtplib.SMTPException):
    """Its text holds no secret."""


def _split(url: str) -> SplitResult | None:
    """None if it is no URL, or its port no number: a message of the library's would show the password."""
    try:
        parts = urlsplit(url)
        return None if parts.port == 0 else parts
    except ValueError:
        return None


def mail_of_environment() -> Mail:
    """As the operator's environment says; the log without. Raises BadOption."""
    url = os.environ.get(SMTP_URL)
    return SmtpMail(url, os.environ.get(SENDER, "")) if url else LogMail()
