"""The database that an operator's command wrote to or read, as people are told of it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from backup_agent.cli.output import print_error
from clock_service.open_store import SQLITE


class NamedDatabase(NamedTuple):
    """shown: a path, or a URL without credentials. is_new: no file was there; of PostgreSQL never said."""

    shown: str
    is_new: bool

    @classmethod
    def before_opening(cls, url: str) -> NamedDatabase:
        """What `url` names; opening it makes the file."""
        if url.startswith(SQLITE):
            path = Path(url.removeprefix(SQLITE)).absolute()
            return cls(str(path), not path.exists())
        return cls(_without_credentials(url), is_new=False)

    def warn_if_new(self, service: str) -> None:
        """service: the command whose database was meant."""
        if self.is_new:
            print_error(
                f"{self.shown} is a new database that no service has used yet: "
                f"--database or SKYPAIL_HOME must be those of `{service}`"
            )


def _without_credentials(url: str) -> str:
    """Without user and password, and without the parameters, which may say them again."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    host = authority.rpartition("@")[2]
    return f"{scheme}://{host}{slash}{path}".partition("?")[0]
