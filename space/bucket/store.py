"""Opens the store that an address means, with the credentials that its ecosystem would use.

S3: `AWS_*` of the environment, else the profile (`AWS_PROFILE`) in `~/.aws`, by boto3 where that has
no keys of its own, else the role of the machine. Google: `GOOGLE_*` and application default
credentials. Azure: `AZURE_*`. None is ever kept, printed or part of a URL (T5).
"""

from __future__ import annotations

import configparser
import ipaddress
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, ObjectStore, S3Store

from space.bucket.address import Address
from space.bucket.borrowed import borrowed
from space.errors import BadAddress, SpaceUnavailable

if TYPE_CHECKING:
    from obstore.auth.boto3 import Boto3CredentialProvider
    from obstore.store import ClientConfig, RetryConfig, S3Config

ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
"""What names another server than the ecosystem's own; the first that is set counts."""

_VARIABLES = {
    "access_key_id": ("AWS_ACCESS_KEY_ID",),
    "secret_access_key": ("AWS_SECRET_ACCESS_KEY",),
    "session_token": ("AWS_SESSION_TOKEN", "AWS_TOKEN"),
    "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
}
_OTHER_KEYS = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
)
"""Credentials of other kinds, which the client library takes from the environment itself."""

_YES = ("1", "on", "t", "true", "y", "yes")
"""What the client library takes for it."""

_PROFILE = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
    "region": "region",
    "endpoint_url": "endpoint",
}

ANSWER_TIMEOUT_S = 90.0
"""How long a request may be without a byte of an answer; what it sends counts too, so not too short."""

RETRY: RetryConfig = {
    "max_retries": 2,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=2),
        "base": 2,
    },
}
"""Of one request; `faults.Asking` tries the whole operation again."""


def open_store(
    address: Address,
    environ: Mapping[str, str],
    *,
    allow_private: bool = False,
    retry: RetryConfig = RETRY,
    proxy: str | None = None,
) -> ObjectStore:
    """The store, rooted at the address's prefix. No request is made yet.

    allow_private: plain HTTP to this very machine is allowed. proxy: the URL of one that all goes through.
    Raises BadAddress, SpaceUnavailable.
    """
    config: S3Config = _s3_config(environ) if address.scheme == "s3" else {}
    endpoint = endpoint_of(address, environ) or config.get("endpoint")
    client: ClientConfig = {
        "allow_http": _is_http(endpoint, allow_private=allow_private) if endpoint else False,
        "connect_timeout": timedelta(seconds=5),
        "read_timeout": timedelta(seconds=ANSWER_TIMEOUT_S),
        "timeout": timedelta(minutes=10),
        "user_agent": "skypail",
    }
    if proxy is not None:
        client["proxy_url"] = proxy
    prefix = address.prefix or None
    try:
        if address.scheme == "s3":
            if endpoint:
                config["endpoint"] = endpoint
            config["disable_bulk_delete"] = True  # of the kin of S3, not all have it
            return S3Store(
                address.bucket,
                prefix=prefix,
                config=config,
                client_options=client,
                retry_config=retry,
                credential_provider=_borrowed(environ, config),
            )
        if address.scheme == "gs":
            return GCSStore(address.bucket, prefix=prefix, client_options=client, retry_config=retry)
        return AzureStore(address.bucket, prefix=prefix, client_options=client, retry_config=retry)
    except (BaseError, ValueError) as error:
        raise SpaceUnavailable(
            f"{address} cannot be opened: its credentials or settings are missing or wrong"
        ) from error


def endpoint_of(address: Address, environ: Mapping[str, str]) -> str | None:
    """The server that the environment names, None for the ecosystem's own."""
    return next((url for name in ENDPOINTS[address.scheme] if (url := environ.get(name))), None)


def _is_http(endpoint: str, *, allow_private: bool) -> bool:
    """Whether it is plain HTTP. Raises BadAddress unless it may be asked (T4)."""
    wrong = BadAddress(endpoint, "an endpoint is https://HOST or https://HOST:PORT")
    try:
        url = urlsplit(endpoint)
    except ValueError as error:
        raise wrong from error
    if url.scheme not in ("http", "https") or not url.hostname or "@" in url.netloc:
        raise wrong
    if url.scheme == "http" and not (allow_private and _is_loopback(url.hostname)):
        raise BadAddress(
            endpoint,
            "an endpoint is HTTPS; plain HTTP is for this very machine, with SKYPAIL_ALLOW_PRIVATE_HOSTS=1",
        )
    return url.scheme == "http"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _s3_config(environ: Mapping[str, str]) -> S3Config:
    """Keys and region of the environment, else of the profile. Raises SpaceUnavailable."""
    config: S3Config = {"unsigned_payload": False}  # the hash that a request is signed with proves a part
    if environ.get("AWS_SKIP_SIGNATURE", "").lower() in _YES:
        config["skip_signature"] = True
    for option, names in _VARIABLES.items():
        if value := next((value for name in names if (value := environ.get(name))), None):
            config[option] = value
    if "access_key_id" not in config and not any(environ.get(name) for name in _OTHER_KEYS):
        config = _profile(environ) | config
    return config


def _borrowed(environ: Mapping[str, str], config: S3Config) -> Boto3CredentialProvider | None:
    """What gets credentials for a profile that was named and has none. Raises SpaceUnavailable."""
    profile = environ.get("AWS_PROFILE")
    if not profile or "access_key_id" in config or any(environ.get(name) for name in _OTHER_KEYS):
        return None
    return borrowed(profile)


def _profile(environ: Mapping[str, str]) -> S3Config:
    """What the profile in ~/.aws says. Raises SpaceUnavailable."""
    name = environ.get("AWS_PROFILE") or "default"
    found: dict[str, str] = {}
    for variable, file, section in (
        ("AWS_CONFIG_FILE", "config", name if name == "default" else f"profile {name}"),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", name),
    ):
        path = Path(environ.get(variable) or Path.home() / ".aws" / file).expanduser()
        parser = configparser.RawConfigParser()
        try:
            parser.read(path)
            found |= dict(parser[section]) if parser.has_section(section) else {}
        except (configparser.Error, OSError, ValueError) as error:
            raise SpaceUnavailable(f"{path} cannot be read as a file of AWS profiles") from error
    config: S3Config = {}
    for key, option in _PROFILE.items():
        if found.get(key):
            config[option] = found[key]
    return config
