"""The connection goes to a checked address, and TLS still verifies the name."""

import asyncio
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from backup_agent.errors import HostRefused
from backup_agent.net import Request
from tests.backup_agent.net.host import Time, http_in, reply, serving

PROVED = reply(200, b"proved")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate for pds.example.com."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    names = x509.SubjectAlternativeName([x509.DNSName("pds.example.com")])
    made = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    path = tmp_path_factory.mktemp("tls") / "host.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


def get(name: str, certificate: Path, trusted: ssl.SSLContext, answer: bytes = PROVED) -> bytes:
    async def lookup(_: str) -> Sequence[str]:
        return ["127.0.0.1"]

    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)

    async def main() -> bytes:
        async with (
            serving(lambda _: answer, tls=served) as host,
            http_in(Time(), lookup=lookup, tls=trusted) as http,
        ):
            return (await http.fetch(Request(f"https://{name}:{host.port}/"))).content

    return asyncio.run(main())


def test_a_name_that_the_certificate_proves(certificate: Path) -> None:
    trusted = ssl.create_default_context(cafile=certificate)
    assert get("pds.example.com", certificate, trusted) == b"proved"


def test_a_name_that_it_does_not_prove(certificate: Path) -> None:
    trusted = ssl.create_default_context(cafile=certificate)
    with pytest.raises(HostRefused, match="certificate"):
        get("other.example.com", certificate, trusted)


def test_an_issuer_that_nobody_trusts(certificate: Path) -> None:
    with pytest.raises(HostRefused, match="certificate"):
        get("pds.example.com", certificate, ssl.create_default_context())


def test_a_redirect_does_not_leave_tls(certificate: Path) -> None:
    trusted = ssl.create_default_context(cafile=certificate)
    away = reply(302, location="http://localhost:2583/")
    with pytest.raises(HostRefused, match="from https to http"):
        get("pds.example.com", certificate, trusted, away)
