"""Runs in processes of its own: to be killed, and to write at the same time as another."""

import os
import sys
from pathlib import Path

from space import FolderClock, LocalFiles, open_folder
from tests.space.blocks import DID, agent, blocks, put_event
from tests.space.faults import TrippingFiles, kill_this_process

ROUNDS = 3


def back_up(path: Path, files: LocalFiles, first: int, rounds: int) -> None:
    """Publish blocks and advance an event, again and again; say so after each."""
    with (
        (path / "acknowledged").open("a") as said,
        open_folder(path / "folder", cache=path / "cache", did=DID, files=files) as space,
    ):
        clock = FolderClock(space, agent(1))
        for number in range(first, first + rounds):
            with space.stage() as stage:
                stage.put_many(blocks(number * 5, number * 5 + 5))
                stage.publish()
            event, shard = put_event(clock.head(), number)
            clock.advance(event.cid, [event, shard])
            said.write(f"{number + 1}\n")
            said.flush()


def killed_at(path: Path, step: int) -> bool:
    """Whether a process that is killed at its step number `step` came that far."""
    path.mkdir()
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    back_up(path, TrippingFiles(step, kill_this_process), 0, ROUNDS)
    os._exit(0)


def main(what: str, path: Path, first: str = "0") -> None:
    if what == "kill":
        step = 0
        while killed_at(path / str(step), step):
            print(path / str(step))
            step += 1
    else:
        back_up(path, LocalFiles(), int(first), 10)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
