"""What is on its way to a provider, kept on this machine until all of it is there.

A folder for each publishing, whose files have the names that the objects will have. What a crash or a
dead line leaves there is sent by the next writer: so an upload goes on where it stopped.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from secrets import token_hex

from space.drafts import FileDraft
from space.files import Files


class Pending:
    """The folders in `folder`."""

    def __init__(self, folder: Path, files: Files) -> None:
        self._folder = folder
        self._files = files

    def begin(self, drafts: Sequence[tuple[FileDraft, str]]) -> Path:
        """Move the drafts, durably, to a folder of their own; they stay open, and locked by this process."""
        folder = self._folder / token_hex(8)
        self._files.make_folder(folder)
        for draft, name in drafts:
            draft.sync()
            self._files.rename(draft.path, folder / name)
            draft.path = folder / name
        self._files.sync_folder(folder)
        return folder

    def leave(self, drafts: Sequence[tuple[FileDraft, str]]) -> None:
        """Keep their files for later, though the drafts are dropped."""
        for draft, _ in drafts:
            self._files.close(draft.file)
            draft.file = -1

    def end(self, folder: Path) -> None:
        """All of it is there; drafts that are open can still be read."""
        shutil.rmtree(folder, ignore_errors=True)

    def left(self) -> list[tuple[Path, list[Path]]]:
        """The folders that no living process works on, each with its files in the order to be sent."""
        found = sorted(path for path in self._folder.glob("*") if path.is_dir())
        folders = [(folder, sorted(folder.iterdir())) for folder in found]
        return [
            (folder, paths)
            for folder, paths in folders
            if paths and all(self._files.abandoned(path) for path in paths)
        ]
