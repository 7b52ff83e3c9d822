"""Where a service of this machine keeps its key, and its database unless another is named."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from backup_agent.cli.workbench import settings
from backup_agent.errors import HomeUnusable
from backup_agent.home import Home


class ServiceFolder(NamedTuple):
    """A folder in the home. database_name: of the SQLite file in it."""

    name: str
    database_name: str

    def path(self) -> Path:
        """Made on first use, for this user alone. Raises HomeUnusable."""
        folder = Home.open(settings().home).folder / self.name
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise HomeUnusable(folder, error) from error
        return folder

    def database(self, named: str | None) -> str:
        """The URL of the database that is meant; no folder is made for one that is named."""
        return named or f"sqlite:///{self.path() / self.database_name}"
