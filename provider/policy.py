"""What an operator gives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quota:
    """bytes: of the blobs of one space. spaces: of one account."""

    bytes: int = 100 << 30
    spaces: int = 16
