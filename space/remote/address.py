"""Where a space at a provider is: `https://provider`, or `https://provider/did:key:…` for one of several."""

from __future__ import annotations

import re
from typing import NamedTuple

from space.errors import BadAddress

_URL = re.compile(r"(https?://[A-Za-z0-9.:\[\]-]{1,260}(?:/[A-Za-z0-9._~-]{1,128}){0,8}?)/?", re.ASCII)
_WITH_SPACE = re.compile(r"(.*?)/(did:key:z[1-9A-HJ-NP-Za-km-z]{1,200})/?", re.ASCII | re.DOTALL)


class ProviderAddress(NamedTuple):
    """url: of the provider, without a slash at the end. space: None if it is not said."""

    url: str
    space: str | None

    def __str__(self) -> str:
        return self.url if self.space is None else f"{self.url}/{self.space}"


def is_provider(text: str) -> bool:
    """Whether `text` means a provider, rightly written or not."""
    return text.startswith(("https://", "http://"))


def parse_provider(text: str) -> ProviderAddress:
    """One form for each place. Whether it may be asked is for the guard of requests. Raises BadAddress."""
    named = _WITH_SPACE.fullmatch(text)
    match = _URL.fullmatch(named[1] if named else text)
    if match is None or any(part in (".", "..") for part in match[1].split("/")):
        raise BadAddress(text, "a provider is https://HOST, or https://HOST/did:key:… for one of its spaces")
    return ProviderAddress(match[1], named[2] if named else None)
