"""Asking in the owner's name: the seam between whoever has a session and whoever needs its token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from backup_agent.errors import TokenRefused
from backup_agent.secret import Secret

T = TypeVar("T")


class Auth(Protocol):
    """The owner's session, as far as the source needs it."""

    async def token(self, *, refused: Secret | None = None) -> Secret:
        """The access token; a fresh one if `refused` is the present one. Raises SessionExpired."""
        ...


async def with_token(auth: Auth, ask: Callable[[Secret], Awaitable[T]]) -> T:
    """What `ask` gives with the owner's token, refreshed once if it has expired.

    A token that is refused for what it may do (InvalidToken) would be refused again: that is raised.
    """
    token = await auth.token()
    try:
        return await ask(token)
    except TokenRefused as error:
        if error.name == "InvalidToken":
            raise
        return await ask(await auth.token(refused=token))
