"""Counts what a vector file wants and what it gets."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Vectors = Any
"""The JSON of a vector file, or a part of it."""

MAX_SHOWN_CHARS = 300

# What code says when it refuses (errors of this project among them), and a file outside its schema.
_FAILURES = (AssertionError, LookupError, TypeError, ValueError)


class Mismatch(AssertionError):
    """The code's answer is not the one that the vector wants."""


@dataclass(slots=True)
class Report:
    """One case per vector that stands alone; it fails as a whole with its first mismatch."""

    errors: tuple[type[Exception], ...]
    passed: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    @contextmanager
    def case(self, name: str) -> Generator[None]:
        try:
            yield
        except (*_FAILURES, *self.errors) as error:
            self.failures.append((name, f"{type(error).__name__}: {error}"))
        else:
            self.passed += 1


def expect(what: str, got: object, wanted: object) -> None:
    """Raises Mismatch unless the two are equal."""
    if got != wanted:
        raise Mismatch(f"{what} is {_shown(got)}, not {_shown(wanted)}")


@contextmanager
def expect_error(what: str, error: type[Exception]) -> Generator[None]:
    """Raises Mismatch unless the block raises `error`."""
    try:
        yield
    except error:
        return
    raise Mismatch(f"{what} is accepted, not refused as {error.__name__}")


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= MAX_SHOWN_CHARS else text[:MAX_SHOWN_CHARS] + "…"
