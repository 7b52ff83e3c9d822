"""Backs up in processes of its own, which are to be killed: one for each line of standard input.

A line says where, at which step of `TrippingFiles` the process kills itself, and after how many
milliseconds it is killed. Answered are its pid, and when it has ended, whether it was killed.
"""

import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from backup_agent.run import blobs
from tests.backup_agent.run.desk import desk
from tests.faulty_host import FaultyHost
from tests.space.faults import TrippingFiles, kill_this_process


def back_up(url: str, did: str, folder: str, step: int) -> None:
    blobs.FLUSH_BYTES = 1
    blobs.MAX_AT_ONCE = 2
    host: Any = SimpleNamespace(url=url, demo=SimpleNamespace(recording=SimpleNamespace(did=did)))
    files = TrippingFiles(step, kill_this_process)
    with desk(cast(FaultyHost, host), Path(folder), files=files) as laptop:
        laptop.now_ms = time.time_ns() // 1_000_000
        laptop.back_up()


def main() -> None:
    for line in sys.stdin:
        url, did, folder, step, within_ms = line.rstrip("\n").split("\t")
        child = os.fork()
        if not child:
            back_up(url, did, folder, int(step))
            os._exit(0)
        print(child, flush=True)
        if int(within_ms):
            time.sleep(int(within_ms) / 1000)
            os.kill(child, signal.SIGKILL)  # not waited for yet, so the pid is still its own
        print(os.WIFSIGNALED(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
