"""The way to providers: guarded HTTP (T4) in a thread of its own, since spaces are read where loops run."""

from __future__ import annotations

from backup_agent.clock_host import ClockHost
from backup_agent.clock_list import KnownClock
from backup_agent.errors import HostRefused
from backup_agent.hosted.asking import Asking, MayAsk, cause_of
from backup_agent.hosted.blobs import HostedBlobs
from backup_agent.net import Http, Retry, check_url
from backup_agent.other_thread import OtherThread
from clock_service.errors import RemoteClockError
from space.errors import SpaceUnavailable
from space.kept_bytes import KeptBytes

ATTEMPTS = 4


class ProviderLine:
    """To the provider at `url`. Use `close` at the end."""

    def __init__(self, url: str, *, allow_private: bool, retry: Retry | None = None) -> None:
        self.url = url
        self.finish = OtherThread()
        self.http = Http(allow_private=allow_private, retry=retry or Retry(attempts=ATTEMPTS))
        self._host = ClockHost(self.http)

    def did(self) -> str:
        """Who the provider is by its own word. Raises SpaceUnavailable."""
        try:
            check_url(self.url, allow_private=self.http.allow_private)
            return self.finish(self._host.find(self.url)).did
        except (RemoteClockError, HostRefused) as error:
            raise SpaceUnavailable(f"{self.url} cannot be asked: {cause_of(error)}") from error

    def asking(self, did: str, authority: MayAsk) -> Asking:
        """did: of the provider, which signs what it says. Raises SpaceUnavailable if its keys are not had."""
        try:
            check_url(self.url, allow_private=self.http.allow_private)
            connection = self.finish(self._host.connect(KnownClock(self.url, did)))
        except (RemoteClockError, HostRefused) as error:
            raise SpaceUnavailable(f"{self.url} cannot be asked: {cause_of(error)}") from error
        return Asking(connection, authority)

    def blobs(self, asking: Asking, kept: KeptBytes) -> HostedBlobs:
        """Of one space; closing them closes the line."""
        return HostedBlobs(asking, self.http, self.finish, kept, close=self.close)

    def close(self) -> None:
        self.finish(self._close())
        self.finish.close()

    async def _close(self) -> None:
        async with self.http:
            pass
