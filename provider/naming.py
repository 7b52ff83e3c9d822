"""Handlers whose errors become failures by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from clock_service.errors import StoreUnavailable
from provider.errors import ProviderError
from ucan import Failure, Outcome, Refused, Task

N = TypeVar("N")


def named(work: Callable[[Task[N]], Awaitable[Outcome]]) -> Callable[[Task[N]], Awaitable[Outcome]]:
    """`work`, with what refused it as a failure by name; StoreUnavailable stops the whole request."""

    async def handler(task: Task[N]) -> Outcome:
        try:
            return await work(task)
        except StoreUnavailable:
            raise
        except ProviderError as error:
            raise Refused(failure_of(error)) from error

    return handler


def failure_of(error: ProviderError) -> Failure:
    """What the caller is told; nothing of the machine is in it."""
    return Failure(type(error).__name__, str(error), details=error.details)
