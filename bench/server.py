"""The server agent: `python -m bench.server [--accounts N] [--rounds N]`. Prints one JSON object.

One worker on SQLite backs up N small accounts of a loopback host, which is a process of its own, again
and again. Measured are the worker's own processor time and memory, as the kernel counts them, and how a
run with one new post compares with `skypail backup` of the same account, one after the other.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from backup_agent.server import account_rows, run_rows
from backup_agent.server.database import Database, open_database
from tests.backup_agent.server.agent_process import AgentProcess, running_child
from tests.backup_agent.server.crowd import Owner, ask, run_crowd

TICKS = os.sysconf("SC_CLK_TCK")


def serve_crowd(number: int, pipe: Connection) -> None:
    """The host. Told "post" all accounts have one record more; told "count" it says what it was asked."""
    with run_crowd(number) as (crowd, url):
        pipe.send((url, list(crowd.accounts)))
        while (told := pipe.recv()) != "end":
            if told == "count":
                pipe.send(dict(crowd.requests))
                crowd.requests.clear()
            else:
                for did in crowd.accounts:
                    crowd.post(did, int(told))
                pipe.send(None)


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


class Round:
    """All accounts once more."""

    def __init__(self, database: Database, server: AgentProcess) -> None:
        self._database, self._server = database, server
        self.done = 0

    def run(self, *, first: bool = False) -> dict[str, float]:
        """Make all due, wait until they are done; what the worker took for each."""
        pid, began, cpu = self._server.pid, time.monotonic(), cpu_s(self._server.pid)
        if not first:
            self._database.do(lambda session: session.run("UPDATE agent_host SET tokens = 1000000"))
            self._database.do(lambda session: session.run("UPDATE agent_account SET next_due = 0"))
        accounts = self._database.do(account_rows.count)
        self.done += accounts
        while self._database.do(self._count) < self.done:
            time.sleep(0.2)
        runs = self._database.do(lambda session: run_rows.newest(session, accounts))
        assert all(run.result in ("recorded", "unchanged") for run in runs), [run.reason for run in runs][:3]
        return {
            "seconds": time.monotonic() - began,
            "cpuMillisecondsEach": (cpu_s(pid) - cpu) / accounts * 1000,
            "rssMiB": rss_mib(pid),
            "medianRunMilliseconds": median(run.ended - run.started for run in runs),
        }

    def _count(self, session: Any) -> int:
        return session.rows("SELECT count(*) FROM agent_run WHERE result IN ('recorded', 'unchanged')")[0][0]


def files_of(root: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in root.glob("space-*/**/*") if path.is_file()}


def alone(root: Path, url: str, did: str, post: Any) -> dict[str, float]:
    """`skypail backup` of one account, the first time and with one post more, as processes."""
    environ = os.environ | {
        "SKYPAIL_HOME": str(root / "alone"),
        "SKYPAIL_PLC_URL": url,
        "SKYPAIL_ALLOW_PRIVATE_HOSTS": "1",
    }
    command = [Path(sys.executable).with_name("skypail"), "backup", did, "--json"]
    subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)
    post(2)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": time.monotonic() - began, "cpuMilliseconds": cpu * 1000}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=20)
    chosen = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    host = context.Process(target=serve_crowd, args=(chosen.accounts, theirs), daemon=True)
    host.start()
    url, dids = ours.recv()

    def post(number: int) -> None:
        ours.send(str(number))
        ours.recv()

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        owner = Owner.make("owner", root)
        sqlite = f"sqlite:///{root}/agent.db"
        told = {"root": folder, "database": sqlite, "plc": url, "slots": 8, "maxInLine": 1000}
        with running_child(root / "agent.log", **told) as server:
            database = open_database(sqlite)
            ask(server.url, *(owner.schedule(server.did, did) for did in dids))
            rounds = Round(database, server)
            result: dict[str, Any] = {"accounts": chosen.accounts, "first": rounds.run(first=True)}
            rounds.run()
            ours.send("count")
            ours.recv()
            before = files_of(root)
            unchanged = [rounds.run() for _ in range(chosen.rounds)]
            ours.send("count")
            asked = ours.recv()
            result["unchanged"] = unchanged[-1]
            result["requestsToTheHostEach"] = sum(asked.values()) / chosen.accounts / chosen.rounds
            result["writesToTheSpace"] = len(files_of(root).items() ^ before.items())
            result["unchangedAccountsAnHourOnOneCore"] = round(
                3_600_000 / median(each["cpuMillisecondsEach"] for each in unchanged)
            )
            post(1)
            result["changed"] = rounds.run()
            result["rssMiB"] = [round(each["rssMiB"], 1) for each in unchanged]
            database.close()
        result["alone"] = alone(root, url, dids[0], post)
        result["changedAgainstAlone"] = {
            "cpu": round(result["changed"]["cpuMillisecondsEach"] / result["alone"]["cpuMilliseconds"], 2),
            "wall": round(
                result["changed"]["medianRunMilliseconds"] / (result["alone"]["seconds"] * 1000), 2
            ),
        }
    ours.send("end")
    host.join()
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
