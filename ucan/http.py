"""Which requests a service reads at all: media types, sizes, statuses.

| status | when                                                                    |
|--------|-------------------------------------------------------------------------|
| 200    | a message with one receipt for each invocation, refused ones included   |
| 400    | the body is no message: its CAR, a block's hash, a UCAN is malformed    |
| 406    | the client does not accept application/vnd.ipld.car                     |
| 413    | the body, or a count in it, passes a limit                              |
| 415    | the body is no application/vnd.ipld.car                                 |

Source: RFC 9110, 8.3 and 12.5.1; @ucanto/transport 9.2.1, codec
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ucan.message import CONTENT_TYPE

MAX_BODY_BYTES = 16 << 20
"""Largest request: an event with the pail shards that it touched takes far less."""

MAX_HEADER_CHARS = 4096


class Response(NamedTuple):
    """headers: names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def refuse_headers(headers: Mapping[str, str]) -> Response | None:
    """The response to a request whose headers rule it out, before its body is read; None to go on.

    headers: names in any case, one value each.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    if _media_type(lower.get("content-type", "")) != CONTENT_TYPE:
        return _refusal(415, f"the body must be {CONTENT_TYPE}", {"accept": CONTENT_TYPE})
    if not _accepts(lower.get("accept", "*/*")):
        return _refusal(406, f"the response is {CONTENT_TYPE}", {"accept": CONTENT_TYPE})
    length = lower.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > MAX_BODY_BYTES:
        return too_large(f"a body of {length[:20]} bytes; the limit is {MAX_BODY_BYTES}")
    return None


def malformed(cause: str) -> Response:
    """400: nothing of the message was looked at further."""
    return _refusal(400, f"malformed message: {cause}")


def too_large(cause: str) -> Response:
    """413."""
    return _refusal(413, f"message too large: {cause}")


def answer_with(body: bytes) -> Response:
    """200, with the CAR of a message."""
    return Response(200, {"content-type": CONTENT_TYPE}, body)


def _refusal(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return Response(status, {"content-type": "text/plain; charset=utf-8", **(headers or {})}, text.encode())


def _media_type(value: str) -> str:
    return value[:MAX_HEADER_CHARS].partition(";")[0].strip().lower()


def _accepts(value: str) -> bool:
    """Whether an Accept header admits a CAR: the most specific range that names it decides."""
    quality: dict[str, bool] = {}
    for part in value[:MAX_HEADER_CHARS].split(","):
        media_range, *parameters = part.split(";")
        quality[media_range.strip().lower()] = not any(_is_zero(parameter) for parameter in parameters)
    for media_range in (CONTENT_TYPE, "application/*", "*/*"):
        if media_range in quality:
            return quality[media_range]
    return False


def _is_zero(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip().lower() == "q" and value.strip().strip("0") in ("", ".")
