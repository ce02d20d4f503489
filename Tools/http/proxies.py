#!/usr/bin/env python3
"""Sends requests made for smuggling through nginx, HAProxy and h2o, and checks that each of them and the server agree about where
requests end.

    Tools/http/proxies.py [nginx] [haproxy] [h2o]

A tap between the proxy and the server counts on every connection the requests that the proxy has sent, by a field that the proxy
adds to each, and the answers of the server. More answers than requests would be a request that only the server has seen. After
each case a request through the same proxy must get its own answer, not one that was meant for somebody else.
"""
import contextlib
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import http1_cases
import server
from tap import Tap

MARK = "x-counted-by-the-proxy"


def nginx(port: int, upstream: int, folder: pathlib.Path) -> tuple[list[str], bytes]:
    (folder / "nginx.conf").write_text(f"""
        daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log crit;
        events {{ worker_connections 64; }}
        http {{
            access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
            fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
            upstream narrowgate {{ server 127.0.0.1:{upstream}; keepalive 4; }}
            server {{
                listen 127.0.0.1:{port};
                location / {{
                    proxy_pass http://narrowgate; proxy_http_version 1.1; proxy_request_buffering off;
                    proxy_set_header Connection ""; proxy_set_header Host localhost; proxy_set_header {MARK} 1;
                }}
            }}
        }}""")
    return ["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")], MARK.encode()


def haproxy(port: int, upstream: int, folder: pathlib.Path) -> tuple[list[str], bytes]:
    (folder / "haproxy.cfg").write_text(f"""
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend all
    bind 127.0.0.1:{port}
    http-request set-header {MARK} 1
    default_backend narrowgate
backend narrowgate
    http-reuse always
    server narrowgate 127.0.0.1:{upstream}
""")
    return ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")], MARK.encode()


def h2o(port: int, upstream: int, folder: pathlib.Path) -> tuple[list[str], bytes]:
    (folder / "h2o.conf").write_text(f"""
listen: {{ host: 127.0.0.1, port: {port} }}
user: {pathlib.Path.home().owner()}
num-threads: 1
error-log: {folder}/error.log
temp-buffer-path: {folder}
hosts:
  default:
    paths:
      "/":
        proxy.reverse.url: "http://127.0.0.1:{upstream}/"
""")
    # It cannot be told to add a field; it adds this one to every request.
    return ["h2o", "-c", str(folder / "h2o.conf")], b"x-forwarded-proto"


PROXIES = {"nginx": nginx, "haproxy": haproxy, "h2o": h2o}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(name: str, upstream: int):
    """The proxy's port, and what it adds to every request."""
    with tempfile.TemporaryDirectory(prefix=f"narrowgate-{name}.") as folder:
        port = free_port()
        command, mark = PROXIES[name](port, upstream, pathlib.Path(folder))
        log = open(pathlib.Path(folder) / "output", "wb")
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            for _ in range(200):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                if process.poll() is not None:
                    raise SystemExit(f"proxies: {name} does not start: {(pathlib.Path(folder) / 'output').read_text()}")
                time.sleep(0.05)
            yield port, mark
        finally:
            process.terminate()
            process.wait(30)
            log.close()


def exchange(port: int, data: bytes, patience: float) -> bytes:
    """What is answered until the connection ends or nothing has come for `patience` seconds."""
    answered = b""
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as peer:
        with contextlib.suppress(OSError):
            peer.sendall(data)
            while more := peer.recv(65536):
                answered += more
    return answered


def probe(port: int, path: str) -> str | None:
    """What was wrong with the answer to a request of its own."""
    answered = exchange(port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode(), 10)
    head, _, content = answered.partition(b"\r\n\r\n")
    found = re.search(rb"\{.*\}", content, re.DOTALL)
    instance = json.loads(found.group())["instance"] if found else None
    return None if instance == path else f"{path} was answered {head[:40]!r} for {instance}"


def check(name: str, address: tuple[str, int]) -> int:
    tap = Tap(address)
    failures = 0
    with running(name, tap.port) as (port, mark):
        pattern = re.compile(rb"\r\n" + mark + rb": ", re.IGNORECASE)
        for number, (what, data) in enumerate(http1_cases.CASES):
            exchange(port, data, 0.25)
            problem = probe(port, f"/probe-{name}-{number}")
            for link in tap.links:
                requests, answers = len(pattern.findall(link.asked)), len(link.answers)
                if answers > requests:
                    problem = f"{requests} requests of the proxy, {answers} answers: {link.asked[-400:]!r}"
            if problem:
                failures += 1
                print(f"proxies: {name}: {what}: {problem}", file=sys.stderr)
        requests = sum(len(pattern.findall(link.asked)) for link in tap.links)
        answers = sum(len(link.answers) for link in tap.links)
        # Each probe is one; without them and the cases that are right the counting itself would be at fault.
        if requests < len(http1_cases.CASES):
            failures += 1
            print(f"proxies: {name}: only {requests} requests were counted", file=sys.stderr)
    tap.listener.close()
    print(f"proxies: {name}: {len(http1_cases.CASES)} cases, {requests} requests of the proxy, {answers} answers of the server, "
          f"{failures} disagreements")
    return failures


def main(names: list[str]) -> int:
    missing = [name for name in names if not shutil.which(name)]
    if missing:
        raise SystemExit(f"proxies: not installed: {' '.join(missing)}; apt-get install nginx-light haproxy h2o")
    with server.running() as (address, _):
        return 1 if sum(check(name, address) for name in names) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(PROXIES)))
