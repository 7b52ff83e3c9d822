"""The service's key: made on the first start, in a file that only its owner can read (T5)."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from clock_service.errors import BadKeyFile
from ucan import InvalidPrincipal, Signer

MAX_KEY_FILE_BYTES = 1024
SEED_BYTES = 32


def load_or_make_key(path: Path) -> Signer:
    """The key in `path`, in the original's text form (`Mg…`). Raises BadKeyFile, OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        raise BadKeyFile(f"others can read the key in {path}; chmod 600 it")
    try:
        with path.open() as file:
            return Signer.parse(file.read(MAX_KEY_FILE_BYTES).strip())
    except (InvalidPrincipal, UnicodeDecodeError):
        raise BadKeyFile(f"{path} holds no key of a service") from None  # its content stays unsaid


def _make(path: Path) -> None:
    """Whole or not at all, and never over another that was made meanwhile."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "w") as text:
            text.write(Signer.from_seed(secrets.token_bytes(SEED_BYTES)).format() + "\n")
            text.flush()
            os.fsync(text.fileno())
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
