#!/usr/bin/env python3
"""Lets the disk fail under a running server, and looks at what it says, what it keeps and how it goes on.

    Tools/faults/faults.py              each fault once
    Tools/faults/faults.py --rounds N   and N more rounds of faults at every so many calls, with kill -9 in between
    Tools/faults/faults.py --seed S     other draws

Faults come and go by strace, attached to the process (-e inject=pwrite64:error=EIO); the full disk is a small tmpfs in a mount
namespace. While every write fails, each change must be refused as a problem (507 disk_full where space is the cause, else 503
with Retry-After), /readyz must answer 503, and no job may fail for it. Afterwards everything that was acknowledged must be
there, every job must have succeeded, each of its cells once, and the file must be sound. Needs strace, and root or the right to
trace and to mount.
"""
import argparse
import contextlib
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / ".build/release/narrowgate"
PATIENCE = 120
# System calls that must not fail unnoticed, with the errors that a disk gives; whether all of the database is behind them.
FAULTS = [
    ("pwrite64", "EIO", True), ("pwrite64", "ENOSPC", True), ("pwrite64", "EROFS", True), ("fdatasync,fsync", "EIO", True),
    ("rename,renameat,renameat2", "EIO", False), ("rename,renameat,renameat2", "ENOSPC", False),
]


class Failure(Exception):
    """What should not have been."""


def expect(condition: bool, problem: str) -> None:
    if not condition:
        raise Failure(problem)


class Server:
    """A server whose database outlives it."""

    processes: list[subprocess.Popen] = []

    def __init__(self, folder: str, prefix: list[str] | None = None):
        self.database = f"{folder}/jobs.sqlite"
        self.log = open(f"{folder}.log", "ab")
        self.prefix = prefix or []
        self.start()

    def start(self) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NARROWGATE_")}
        environment["OMP_WAIT_POLICY"] = "passive"
        self.process = subprocess.Popen(
            [*self.prefix, BINARY, "serve", "--port", "0", "--database", self.database, "--models", ROOT / "Models"],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment)
        Server.processes.append(self.process)
        line = self.process.stdout.readline().strip()
        expect(line.startswith("listening on "), f"no server: {line!r}")
        host, self.port = line.rpartition("//")[2].rsplit(":", 1)
        self.until_ready()

    def ask(self, method: str, path: str, body: bytes | dict | None = None, **fields: str):
        """Status, header fields and the JSON of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", int(self.port), timeout=PATIENCE)
        with contextlib.closing(connection):
            if isinstance(body, dict):
                body, fields = json.dumps(body).encode(), {**fields, "Content-Type": "application/json"}
            connection.request(method, path, body, fields)
            answer = connection.getresponse()
            content = answer.read()
        is_json = (answer.headers["Content-Type"] or "").endswith("json")
        return answer.status, answer.headers, json.loads(content) if is_json else content

    def until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.ask("GET", "/readyz")[0] != 200:
            expect(self.process.poll() is None, "the server ended")
            expect(time.monotonic() < deadline, "the server does not become ready")
            time.sleep(0.05)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self) -> None:
        self.process.terminate()
        expect(self.process.wait(PATIENCE) == 0, "the server did not stop in order")


@contextlib.contextmanager
def fault(server: Server, calls: str, error: str, when: str = "1+"):
    """Lets system calls of the server fail until the end of the block."""
    tracer = subprocess.Popen(
        ["strace", "-f", "-qqq", "-e", "signal=none", "-e", f"trace={calls}", "-e", f"inject={calls}:error={error}:when={when}",
         "-o", "/dev/null", "-p", str(server.process.pid)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        # strace -qqq says nothing: that every thread has a tracer is what the kernel says.
        deadline = time.monotonic() + PATIENCE
        while not is_traced(server.process.pid):
            expect(tracer.poll() is None, f"strace: {tracer.stderr.read() if tracer.poll() is not None else ''}")
            expect(time.monotonic() < deadline, "strace does not attach")
            time.sleep(0.02)
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(PATIENCE)


def is_traced(process: int) -> bool:
    for task in pathlib.Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(OSError):
            if "TracerPid:\t0\n" in (task / "status").read_text():
                return False
    return True


def picture(side: int) -> bytes:
    """A PNG of noise, another one each time."""
    rows = b"".join(b"\0" + random.randbytes(3 * side) for _ in range(side))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


class Work:
    """What was acknowledged."""

    def __init__(self, server: Server):
        self.server = server
        self.pictures: list[str] = []
        self.jobs: list[str] = []
        for _ in range(2):
            expect(self.bring(64) == 201, "a picture is not taken")

    def bring(self, side: int = 64) -> int:
        status, fields, answer = self.server.ask("POST", "/v1/images", picture(side))
        if status == 201:
            self.pictures.append(answer["id"])
        else:
            check_refusal(status, fields, answer)
        return status

    def submit(self) -> int:
        request = {
            "model": "gate", "images": self.pictures[:2], "variants": ["eoi", "image_to_text"], "seed": random.randrange(1 << 40),
            "measure": {"max_tokens": 4, "captures": [{"site": "resid_out", "layers": "all", "positions": random.randrange(19)}]},
        }
        status, fields, answer = self.server.ask("POST", "/v1/knockouts", request)
        if status == 202:
            self.jobs.append(answer["id"])
        else:
            check_refusal(status, fields, answer)
        return status

    def caption(self) -> int:
        status, fields, answer = self.server.ask(
            "POST", "/v1/captions", {"model": "gate", "image": self.pictures[0], "max_tokens": 3, "seed": 1})
        if status == 200:
            self.jobs.append(answer["id"])
        else:
            check_refusal(status, fields, answer)
        return status

    def check(self) -> None:
        """Everything is there, and done: also what was refused when its commit could not be synced, and that a crash kept."""
        status, _, answer = self.server.ask("GET", "/v1/jobs?limit=1000")
        expect(status == 200, "the jobs cannot be listed")
        for job in self.jobs + [job["id"] for job in answer["data"] if job["id"] not in self.jobs]:
            deadline = time.monotonic() + PATIENCE
            while True:
                status, _, answer = self.server.ask("GET", f"/v1/jobs/{job}", Prefer="wait=30")
                expect(status == 200, f"job {job} was acknowledged and is not there: {answer}")
                if answer["ended_at"]:
                    break
                expect(time.monotonic() < deadline, f"job {job} does not end: {answer}")
            expect(answer["status"] == "succeeded", f"job {job} is {answer['status']}: {answer['error']}")
        for digest in self.pictures:
            expect(self.server.ask("HEAD", f"/v1/images/{digest}")[0] == 200, f"picture {digest} is gone")

    def check_file(self) -> None:
        """What the file says by itself, when nobody has it open."""
        with contextlib.closing(sqlite3.connect(self.server.database)) as database:
            ask = lambda sql: database.execute(sql).fetchall()
            expect(ask("PRAGMA integrity_check") == [("ok",)], "the database is damaged")
            expect(ask("PRAGMA foreign_key_check") == [], "a row names one that is not there")
            wrong = ask("SELECT id, status FROM jobs WHERE status <> 'succeeded' OR done <> total OR total <> "
                        "(SELECT count(DISTINCT ordinal) FROM cells WHERE job = id)")
            expect(wrong == [], f"jobs that are not whole: {wrong}")
            ends = ask("SELECT id, count(events.job) FROM jobs LEFT JOIN events ON events.job = id AND events.type = 'state' "
                       "AND events.status IN ('succeeded', 'failed', 'cancelled') GROUP BY id HAVING count(events.job) <> 1")
            expect(ends == [], f"jobs that did not end once: {ends}")
            states = [digest for (digest,) in ask("SELECT digest FROM states")]
        for digest in states:
            file = pathlib.Path(f"{self.server.database}.states/{digest.removeprefix('sha256:')}.safetensors")
            expect(file.exists(), f"the state {digest} has no file")


def check_refusal(status: int, fields, answer, code: str | None = None) -> None:
    expect(fields["Content-Type"] == "application/problem+json", f"{status} is no problem: {answer}")
    found = answer["error"]["code"]
    expect((status, found) in {(507, "disk_full"), (503, "store_failed")}, f"refused as {status} {found}: {answer['detail']}")
    expect(status == 507 or fields["Retry-After"] is not None, "503 without Retry-After")
    expect(code is None or found == code, f"refused as {found}, not {code}: {answer['detail']}")


def every_call_fails(folder: str, calls: str, error: str, of_database: bool) -> None:
    server = Server(folder)
    work = Work(server)
    expect(work.submit() == 202, "a job is not taken")
    with fault(server, calls, error):
        if of_database:
            code = "disk_full" if error == "ENOSPC" else "store_failed"
            for request in (work.bring, work.submit, work.caption):
                status = request()
                expect(status == (507 if code == "disk_full" else 503), f"a change is answered {status} while nothing is written")
            status, fields, answer = server.ask("GET", "/readyz")
            check_refusal(status, fields, answer, code)
            status, _, answer = server.ask("GET", "/v1/jobs")
            expect(status == 200, "what is there cannot be read")
        else:
            # Only the files of states fail: jobs are taken, and wait.
            expect(work.submit() == 202, "a job is not taken")
            deadline = time.monotonic() + PATIENCE
            while "waiting for the disk" not in pathlib.Path(f"{folder}.log").read_text():
                expect(time.monotonic() < deadline, "no worker says that it waits")
                time.sleep(0.05)
        for job in work.jobs:
            answer = server.ask("GET", f"/v1/jobs/{job}")[2]
            expect(answer["status"] in {"queued", "running", "succeeded"}, f"a job is {answer['status']} for the disk's fault")
    server.until_ready()
    for request, status in ((work.bring, 201), (work.submit, 202), (work.caption, 200)):
        expect(request() == status, "the server does not go on")
    work.check()
    server.stop()
    work.check_file()


def killed_while_failing(folder: str) -> None:
    server = Server(folder)
    work = Work(server)
    for calls in ("pwrite64", "fdatasync,fsync"):
        expect(work.submit() == 202, "a job is not taken")
        with fault(server, calls, "EIO"):
            work.submit()
            server.kill()
        server.start()
    work.check()
    server.stop()
    work.check_file()


def full_disk(folder: str) -> None:
    mount = f'mount -t tmpfs -o size=12m tmpfs "{folder}" && exec "$@"'
    server = Server(folder, ["unshare", "--mount", "--propagation", "private", "sh", "-c", mount, "sh"])
    work = Work(server)
    inside = pathlib.Path(f"/proc/{server.process.pid}/root{folder}")
    with open(inside / "filler", "wb", buffering=0) as filler:
        with contextlib.suppress(OSError):
            while filler.write(bytes(1 << 16)):
                pass
    with contextlib.suppress(OSError), open(inside / "filler", "ab", buffering=0) as filler:
        while filler.write(bytes(1)):
            pass
    refused = 0
    for _ in range(40):
        refused += work.bring(256) == 507
        if work.submit() != 202 or refused >= 3:
            break
    expect(refused > 0, "a full disk refuses nothing")
    for job in work.jobs:
        answer = server.ask("GET", f"/v1/jobs/{job}")[2]
        expect(answer["status"] in {"queued", "running", "succeeded"}, f"a job is {answer['status']} for want of space")
    (inside / "filler").unlink()
    server.until_ready()
    expect(work.bring(256) == 201 and work.submit() == 202, "the server does not go on")
    work.check()
    server.stop()


def now_and_then(folder: str, rounds: int) -> None:
    server = Server(folder)
    work = Work(server)
    for number in range(rounds):
        calls, error, _ = random.choice(FAULTS)
        first, step = random.randint(1, 9), random.randint(2, 7)
        with fault(server, calls, error, f"{first}+{step}"):
            for _ in range(random.randint(2, 6)):
                random.choice((work.bring, work.submit, work.submit, work.caption))()
            if number % 3 == 2:
                server.kill()
        if server.process.poll() is not None:
            server.start()
        server.until_ready()
    work.check()
    server.stop()
    work.check_file()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="cases whose name has this in it")
    options = parser.parse_args()
    random.seed(options.seed)
    if shutil.which("strace") is None:
        print("faults: strace is missing (apt-get install strace)", file=sys.stderr)
        return 1
    cases = {f"every {calls} fails with {error}": (lambda folder, fault=(calls, error, all_): every_call_fails(folder, *fault))
             for calls, error, all_ in FAULTS}
    cases["killed while the disk fails"] = killed_while_failing
    cases["a full disk"] = full_disk
    if options.rounds:
        cases[f"{options.rounds} rounds of faults now and then, seed {options.seed}"] = lambda folder: now_and_then(folder, options.rounds)
    failures = 0
    for name, case in cases.items():
        if options.only and options.only not in name:
            continue
        with tempfile.TemporaryDirectory(prefix="narrowgate-faults.") as scratch:
            folder = f"{scratch}/data"
            os.mkdir(folder)
            start = time.monotonic()
            try:
                case(folder)
                print(f"faults: {name}: ok, {time.monotonic() - start:.1f} s")
            except (Failure, OSError, http.client.HTTPException, subprocess.TimeoutExpired) as problem:
                failures += 1
                print(f"faults: {name}: {problem!r}", file=sys.stderr)
                log = pathlib.Path(f"{folder}.log")
                sys.stderr.write("".join(f"    {line}\n" for line in log.read_text().splitlines()[-15:]))
            finally:
                for process in Server.processes:
                    if process.poll() is None:
                        process.kill()
                        process.wait()
                Server.processes.clear()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
