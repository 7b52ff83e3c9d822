"""The reference PLC directory takes the demo's log: the operation that moves the account is truly signed."""

import httpx

from backup_agent.demo.k256 import K256Key
from backup_agent.demo.plc_log import document, moved
from backup_agent.demo.recording import load_recording
from tests.peers.bed import PdsBed


def test_the_reference_directory_takes_the_move(pds_bed: PdsBed) -> None:
    recording = load_recording()
    log = moved(recording.plc_log, recording.rotation_key, "http://localhost:2583")
    url = f"{pds_bed.plc}/{recording.did}"
    for entry in log:
        httpx.post(url, json=entry["operation"]).raise_for_status()
    assert httpx.get(url).json() == document(log)
    assert [entry["cid"] for entry in httpx.get(f"{url}/log/audit").json()] == [entry["cid"] for entry in log]


def test_the_reference_directory_refuses_a_move_by_a_stranger(pds_bed: PdsBed) -> None:
    recording = load_recording()
    log = moved(recording.plc_log, K256Key(bytes(31) + b"\7"), "http://localhost:2583")
    url = f"{pds_bed.plc}/{recording.did}"
    httpx.post(url, json=log[0]["operation"])  # refused when it is there already, which is as good
    answer = httpx.post(url, json=log[-1]["operation"])
    assert answer.status_code == 400
    assert "Invalid signature" in answer.text
