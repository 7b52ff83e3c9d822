"""Where a bucket is: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`.

No credentials are ever part of it (T5): they come from where the ecosystem keeps them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from space.errors import BadAddress

SCHEMES = {"s3": "S3", "gs": "Google Cloud Storage", "az": "Azure"}

MAX_PREFIX_CHARS = 512
"""Names of objects come after it; S3 allows 1024 bytes in all."""

_URL = re.compile(r"([a-z0-9]+)://([^/?#@]*)(?:/(.*))?", re.DOTALL)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,220}[A-Za-z0-9]")
_SEGMENT = re.compile(r"[A-Za-z0-9!'()*+,.=_~-]+")


class Address(NamedTuple):
    """prefix: without a slash at either end; empty for the whole bucket."""

    scheme: str
    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


def is_address(text: str) -> bool:
    """Whether `text` means a bucket, rightly written or not."""
    return text.split("://", 1)[0] in SCHEMES and "://" in text


def parse_address(text: str) -> Address:
    """Strict: one form for each place, nothing that a server might take for another name.

    Raises BadAddress.
    """
    match = _URL.fullmatch(text)
    if not match or match[1] not in SCHEMES:
        raise BadAddress(text, "write s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX")
    scheme, bucket, path = match[1], match[2], match[3] or ""
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise BadAddress(text, "a bucket's name has 3 to 222 letters, digits, dots, dashes and underscores")
    prefix = path.removesuffix("/")
    if len(prefix) > MAX_PREFIX_CHARS:
        raise BadAddress(text, f"a prefix has at most {MAX_PREFIX_CHARS} characters")
    for segment in prefix.split("/") if path else ():
        if segment in (".", "..") or not _SEGMENT.fullmatch(segment):
            raise BadAddress(text, f"{segment!r} cannot be part of a prefix")
    return Address(scheme, bucket, prefix)
