#!/usr/bin/env python3
"""Sends pictures that lie, swell and break off to a server of this build, and looks at its answers, time and memory.

Every answer must be a success or a problem (4xx, application/problem+json), and afterwards a plain caption must work. With
--limits every answer must also come within SECONDS, and the server's resident memory stay within MEMORY: on a machine that
does other things too these would say nothing of the server. -v shows each file. With the standard library alone.
"""
import concurrent.futures
import http.client
import json
import pathlib
import random
import sys
import time
from typing import Iterator

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "http"))
import server  # noqa: E402
from files import bombs, jpeg, png  # noqa: E402

GOLDENS = server.ROOT / "Tests/ImagingTests/Goldens"
PLAIN = server.ROOT / "Models/examples/green-cross.png"
LIMITS = "--limits" in sys.argv
# An answer takes a second at most where nothing else runs.
SECONDS = 20
# MiB at most, with pictures of 64 megapixels side by side; 600 where there are two processors.
MEMORY = 1024


def damaged() -> Iterator[tuple[str, bytes]]:
    """Real files cut off, and with bytes changed; always the same ones."""
    chance = random.Random(1)
    for name in ["rgb8.png", "rgba8-interlaced.png", "palette4-alpha.png", "rgb16.png", "baseline-420.jpg", "progressive-444.jpg", "cmyk.jpg",
                 "restarts.jpg", "grey-progressive.jpg"]:
        content = (GOLDENS / name).read_bytes()
        for length in range(0, len(content), max(1, len(content) // 12)):
            yield f"{name}, {length} of {len(content)} bytes", content[:length]
        for turn in range(25):
            changed = bytearray(content)
            for _ in range(chance.randint(1, 4)):
                changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
            yield f"{name}, changed, {turn}", bytes(changed)


class Client:
    """One connection, and what was wrong on it."""

    def __init__(self, address: tuple[str, int]):
        self.address = address
        self.connection = None
        self.faults: list[str] = []
        self.slowest = (0.0, "nothing")
        self.statuses: dict[int, int] = {}

    def send(self, name: str, content: bytes, path: str = "/v1/images") -> tuple[int, bytes]:
        if self.connection is None:
            self.connection = http.client.HTTPConnection(*self.address, timeout=10 * SECONDS)
        begin = time.monotonic()
        try:
            self.connection.request("POST", path, content, {"Content-Type": "application/octet-stream"})
            answer = self.connection.getresponse()
            status, kind, body = answer.status, answer.getheader("Content-Type", ""), answer.read()
            if answer.will_close:
                self.connection = None
        except (OSError, http.client.HTTPException) as error:
            self.connection = None
            self.faults.append(f"{name}: no answer: {error!r}")
            return 0, b""
        seconds = time.monotonic() - begin
        self.slowest = max(self.slowest, (seconds, name))
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if not (200 <= status < 300 or (400 <= status < 500 and kind == "application/problem+json")):
            self.faults.append(f"{name}: {status} {kind} {body[:200]!r}")
        if LIMITS and seconds > SECONDS:
            self.faults.append(f"{name}: {seconds:.1f} s")
        return status, body


def memory(process) -> int:
    """The most that was ever resident, in MiB."""
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    return 0


def main() -> int:
    with server.running() as (address, process):
        client = Client(address)
        plain = PLAIN.read_bytes()
        client.send("a plain caption", plain, "/v1/captions")
        before = memory(process)
        count = 0
        for name, content in damaged():
            client.send(name, content)
            count += 1
        for name, content, expected in bombs():
            begin = time.monotonic()
            status, body = client.send(name, content)
            count += 1
            if expected and status != expected:
                client.faults.append(f"{name}: {status}, and not {expected}: {body[:200]!r}")
            if "-v" in sys.argv:
                print(f"{name}: {len(content)} bytes, {status}, {time.monotonic() - begin:.2f} s, {memory(process)} MiB", flush=True)
        # Long and thin ones go through the model as well.
        for width, height in [(1, 32768), (32768, 1)]:
            client.send(f"a caption of {width}×{height}", png(width, height), "/v1/captions?max_tokens=1")
            count += 1
        large = [("64 megapixels, PNG", png(8192, 8192)), ("64 megapixels, interlaced", png(8192, 8192, colour=6, interlace=1)),
                 ("64 megapixels, progressive", jpeg(8192, 8192, 3, scans=10)), ("64 megapixels, CMYK", jpeg(8192, 8192, 4, scans=4))]
        clients = [Client(address) for _ in large]
        with concurrent.futures.ThreadPoolExecutor(len(large)) as pool:
            list(pool.map(lambda pair: pair[0].send(*pair[1]), zip(clients, large)))
        count += len(large)
        # Whatever was answered, the next one is served.
        status, body = client.send("the plain caption, afterwards", plain, "/v1/captions")
        if status != 200 or not json.loads(body)["caption"]:
            client.faults.append(f"the plain caption, afterwards: {status} {body[:200]!r}")
        after = memory(process)
        faults = [fault for each in [client, *clients] for fault in each.faults]
        if LIMITS and after > MEMORY:
            faults.append(f"{after} MiB were resident; {MEMORY} are allowed")
        seconds, name = max(each.slowest for each in [client, *clients])
    for fault in faults:
        print(fault, file=sys.stderr)
    statuses = ", ".join(f"{count} × {status}" for status, count in sorted(client.statuses.items()))
    print(f"pictures: {count} hostile files, {len(faults)} faults ({statuses}); the slowest took {seconds:.1f} s ({name}); "
          f"{before} MiB resident before, {after} at most")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
