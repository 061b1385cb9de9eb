"""Requests for networks that cannot be: refused_networks.json has dockerd's (28.5) answers to them."""

import json
from pathlib import Path

from harness.wharfd import Wharfd

CASES = json.loads(Path(__file__).with_name("refused_networks.json").read_text())


def test_each_is_refused_as_by_dockerd_and_nothing_is_made(wharfd: Wharfd) -> None:
    before = devices(wharfd), wharfd.docker("network", "ls", "-q").text
    answers = [(case, wharfd.request("POST", "/v1.51/networks/create", case["body"])) for case in CASES]
    assert [(case["body"], answer.status, answer.message) for case, answer in answers] == [
        (case["body"], case["status"], case["message"]) for case in CASES
    ]
    assert (devices(wharfd), wharfd.docker("network", "ls", "-q").text) == before


def devices(wharfd: Wharfd) -> set[str]:
    return {link["ifname"] for link in json.loads(wharfd.inside("ip", "-j", "link"))}
