"""A text that must not be seen: tokens and passwords (T5)."""

from __future__ import annotations

import re

_VISIBLE = re.compile(r"[!-~]+", re.ASCII)


class Secret:
    """Hides its text from `repr`, logs and tracebacks; whoever needs it says `reveal()`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    @property
    def fits_header(self) -> bool:
        """Whether it is visible ASCII. An HTTP library quotes what it must refuse, so look before."""
        return _VISIBLE.fullmatch(self._text) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(…)"
