"""A bucket's credentials as the server opens them: no others than those that their owner sealed are used."""

from __future__ import annotations

import json
from typing import Any, cast

from backup_agent.bucket_credentials import ENDPOINT, BadCredentials, check_names
from backup_agent.errors import HostRefused, SealedForOthers
from backup_agent.net import check_url
from backup_agent.sealing import unseal
from backup_agent.server.errors import WrongPlace
from backup_agent.server.schedule import PlaceOf


def check_credentials(place: PlaceOf, seed: bytes, *, allow_private: bool) -> dict[str, str]:
    """The credentials of `place`, opened with the server's key. Raises WrongPlace."""
    if place.sealed is None:
        raise WrongPlace("a bucket wants credentials, sealed to this server's key")
    try:
        found: Any = json.loads(unseal(place.sealed, seed))
    except (SealedForOthers, ValueError):
        raise WrongPlace("the credentials of the place are not sealed to this server's key") from None
    credentials = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    try:
        check_names(credentials)
    except BadCredentials as error:
        raise WrongPlace(str(error)) from error
    if ENDPOINT in credentials:
        try:
            check_url(credentials[ENDPOINT], allow_private=allow_private)
        except HostRefused as error:
            raise WrongPlace(f"the endpoint of the bucket: {error}") from error
    return credentials
