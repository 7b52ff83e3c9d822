"""A bucket's credentials as the server opens them: no others than those that their owner sealed are used."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from backup_agent.bucket_credentials import ENDPOINT, BadCredentials, decode_credentials
from backup_agent.errors import HostRefused, SealedForOthers
from backup_agent.net import check_url
from backup_agent.sealing import unseal
from backup_agent.server.errors import WrongPlace
from backup_agent.server.schedule import PlaceOf


def check_credentials(
    place: PlaceOf, space: str, seed: bytes, *, allow_private: bool, endpoints: Sequence[str]
) -> dict[str, str]:
    """The credentials of `place`, opened with the server's key; they must have been sealed for it and for
    `space`, since whoever saw them go by could send them again as their own. Raises WrongPlace.

    endpoints: domains in which the endpoint may be. Any other is refused: the client library takes in
    whatever a server answers, without end, so that its memory is in the hands of whoever runs that server.
    """
    if place.sealed is None:
        raise WrongPlace("a bucket wants credentials, sealed to this server's key")
    try:
        credentials = decode_credentials(unseal(place.sealed, seed), space, place.url)
    except SealedForOthers:
        raise WrongPlace("the credentials of the place are not sealed to this server's key") from None
    except BadCredentials as error:
        raise WrongPlace(str(error)) from None
    if ENDPOINT in credentials:
        _check_endpoint(credentials[ENDPOINT], endpoints, allow_private=allow_private)
    return credentials


def _check_endpoint(url: str, endpoints: Sequence[str], *, allow_private: bool) -> None:
    try:
        check_url(url, allow_private=allow_private)
    except HostRefused as error:
        raise WrongPlace(f"the endpoint of the bucket: {error}") from error
    host = (urlsplit(url).hostname or "").rstrip(".")
    if not any(host == domain or host.endswith(f".{domain}") for domain in endpoints):
        raise WrongPlace(
            f"this server does not go to buckets at {host[:80]}; its operator can allow it by --endpoint"
        )
