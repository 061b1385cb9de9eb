"""Servers of names for the tests: they know a few, fail where they are told to, and write down what they were asked.

Run as a program it serves an address until it is killed; each line of its output is a question: name, kind, transport,
who asked, and how large an answer may be.
"""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from harness.engine import Engine, wait_until

FIRST, SECOND = "192.0.2.53", "192.0.2.54"
#: name → records; a name without records exists and has nothing of the kind.
ZONE = {
    "far.example.": ["A 192.0.2.7", "AAAA 2001:db8::7", "MX 10 mail.example."],
    "chain.example.": ["CNAME middle.example."],
    "middle.example.": ["CNAME far.example."],
    "only6.example.": ["AAAA 2001:db8::6"],
    "single.": ["A 192.0.2.9"],
    "short.sea.example.": ["A 192.0.2.8"],
    "large.example.": [f'TXT "{number:03} {"x" * 200}"' for number in range(40)],
    "7.2.0.192.in-addr.arpa.": ["PTR far.example."],
}


def answer(query: dns.message.Message, address: str, *, stream: bool) -> bytes | None:
    """What the server at an address says; None for nothing at all."""
    name = query.question[0].name.to_text().lower()
    reply = dns.message.make_response(query, recursion_available=True)
    if (name.startswith("silent") and address == FIRST) or name.startswith("dead"):
        return None
    if (name.startswith("ill") and address == FIRST) or name.startswith("broken"):
        reply.set_rcode(dns.rcode.SERVFAIL)
    elif name.startswith(("silent", "ill")):
        reply.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "192.0.2.54"))
    elif name not in ZONE:
        reply.set_rcode(dns.rcode.NXDOMAIN)
    else:
        _add(reply, name, query.question[0].rdtype)
    return reply.to_wire(max_size=65535 if stream else max(query.payload, 512), prefer_truncation=True)


def _add(reply: dns.message.Message, name: str, kind: dns.rdatatype.RdataType) -> None:
    """The records of a name, and of those that it stands for."""
    while True:
        records = [record.split(" ", 1) for record in ZONE[name]]
        wanted = [text for type, text in records if dns.rdatatype.from_text(type) == kind]
        alias = next((text for type, text in records if type == "CNAME"), None)
        if wanted:
            reply.answer.append(dns.rrset.from_text_list(name, 60, "IN", kind, wanted))
        if alias is None or wanted:
            return
        reply.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", alias))
        name = alias


def _note(query: dns.message.Message, how: str, peer: str) -> None:
    question = query.question[0]
    line = f"{question.name} {dns.rdatatype.to_text(question.rdtype)} {how} {peer} {query.payload}\n"
    os.write(sys.stdout.fileno(), line.encode())  # whole: there are two threads


def _serve_datagrams(bound: socket.socket, address: str) -> None:
    while True:
        data, peer = bound.recvfrom(4096)
        query = dns.message.from_wire(data)
        _note(query, "udp", peer[0])
        if (reply := answer(query, address, stream=False)) is not None:
            bound.sendto(reply, peer)


def _serve_streams(listening: socket.socket, address: str) -> None:
    while True:
        connection, peer = listening.accept()
        with connection:
            data = connection.recv(4096)
            query = dns.message.from_wire(data[2:])
            _note(query, "tcp", peer[0])
            if (reply := answer(query, address, stream=True)) is not None:
                connection.sendall(len(reply).to_bytes(2, "big") + reply)


def _serve(address: str) -> None:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind((address, 53))
    listening = socket.create_server((address, 53))
    print("ready", flush=True)
    threading.Thread(target=_serve_datagrams, args=(bound, address), daemon=True).start()
    _serve_streams(listening, address)


@dataclass(frozen=True)
class Upstream:
    log: Path

    def asked(self, name: str) -> list[str]:
        """The questions for a name (with its closing dot), each as in the log."""
        return [line for line in self.log.read_text().splitlines() if line.lower().startswith(f"{name} ")]


@contextmanager
def upstream(engine: Engine, directory: Path) -> Iterator[tuple[Upstream, Upstream]]:
    """Two servers on the engine's host, at FIRST and SECOND."""
    with ExitStack() as stack:
        made = []
        for address in (FIRST, SECOND):
            engine.inside("ip", "addr", "add", f"{address}/32", "dev", "lo")
            stack.callback(engine.inside, "ip", "addr", "del", f"{address}/32", "dev", "lo")
            log = directory / f"names-{address}"
            output = stack.enter_context(log.open("w"))
            command = engine.network.command([sys.executable, "-m", "harness.names", address])
            process = subprocess.Popen(command, stdout=output, stdin=subprocess.DEVNULL, cwd=Path(__file__).parents[1])
            stack.callback(process.wait)
            stack.callback(process.kill)
            made.append(Upstream(log))
        for one in made:
            wait_until(lambda one=one: "ready" in one.log.read_text(), "the server of names is ready")
        yield made[0], made[1]


if __name__ == "__main__":
    _serve(sys.argv[1])
