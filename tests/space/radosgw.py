"""Ceph's object gateway in processes of its own, all in memory: a monitor, a store and the gateway.

Debian and Ubuntu: `apt install --no-install-recommends radosgw ceph-mon ceph-osd`, 300 MB.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

NEEDED = ("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
NOT_TESTED = "no real bucket server: install radosgw, ceph-mon and ceph-osd"
KEY = "test"
START_TIMEOUT_S = 60.0

_SETTINGS = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon_port}/0]
public addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
ms mon cluster mode = crc
ms mon service mode = crc
ms bind ipv6 = false
ms bind msgr1 = false
run dir = {folder}
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
keyring = {folder}/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data = {folder}/mon
osd data = {folder}/osd
osd objectstore = memstore
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{port}
"""


def is_installed() -> bool:
    return all(shutil.which(name) for name in NEEDED)


@contextmanager
def run_radosgw(folder: Path) -> Generator[str]:
    """The endpoint's URL, with one user whose keys are KEY and KEY."""
    (port, mon_port), fsid = _free_ports(), uuid.uuid4()
    for name in ("mon", "osd", "rgw"):
        (folder / name).mkdir(parents=True)
    conf = folder / "ceph.conf"
    conf.write_text(_SETTINGS.format(fsid=fsid, folder=folder, port=port, mon_port=mon_port))

    def run(*command: str | Path) -> None:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=START_TIMEOUT_S, env=_environ(conf), check=False
        )
        assert done.returncode == 0, (command, done.stderr)

    with ExitStack() as stack:

        def start(*command: str | Path) -> None:
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_environ(conf)
            )
            stack.callback(process.wait)
            stack.callback(process.kill)

        allowed = ("--cap", "mon", "allow *", "--cap", "osd", "allow *")
        run(
            "ceph-authtool",
            "--create-keyring",
            folder / "keyring",
            "--gen-key",
            "-n",
            "client.admin",
            *allowed,
        )
        monmap = folder / "monmap"
        where = f"[v2:127.0.0.1:{mon_port}]"
        run("monmaptool", "--create", "--fsid", str(fsid), "--addv", "a", where, monmap)
        run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap)
        start("ceph-mon", "-i", "a", "-f")
        run("ceph", "osd", "create")
        run("ceph-osd", "-i", "0", "--mkfs")
        start("ceph-osd", "-i", "0", "-f")
        user = ("--uid=test", "--display-name=test", f"--access-key={KEY}", f"--secret-key={KEY}")
        run("radosgw-admin", "user", "create", *user)
        start("radosgw", "-n", "client.admin", "-f")
        url = f"http://127.0.0.1:{port}"
        _wait_for(url)
        yield url


def _environ(conf: Path) -> dict[str, str]:
    return {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "CEPH_CONF": str(conf)}


def _wait_for(url: str) -> None:
    ends_at = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < ends_at:
        try:
            httpx.get(url)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"radosgw does not listen at {url}")


def _free_ports() -> tuple[int, int]:
    """Two that differ: both are held until both are known."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]
