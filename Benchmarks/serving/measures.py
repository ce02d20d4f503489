"""The rows of the page's part about the server. Each is a function of the options that gives sides → turns."""
import json
import pathlib
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import load
import servers

sys.path.insert(0, str(servers.ROOT / "Tools" / "http"))
import crowd  # noqa: E402

PICTURE = servers.ROOT / "Models" / "examples" / "white-cross.png"
CLIENTS = 64


def alternate(turns, sides):
    """Each side's turns, in alternation."""
    results = {name: [] for name in sides}
    for _ in range(turns):
        for name, side in sides.items():
            results[name].append(side())
    return results


def timed(server, measure):
    """What was measured, with the server's processor time a request."""
    before = server.processor_seconds
    result = measure()
    user, system = (after - earlier for after, earlier in zip(server.processor_seconds, before))
    return result | {"user_us": user / result["requests"] * 1e6, "system_us": system / result["requests"] * 1e6}


def livez_h1(options):
    """Requests a second over HTTP/1.1, ours and Hummingbird's hello world."""
    load.need("wrk")
    results = {}
    with servers.ours() as ours, servers.hello() as hello:
        for threads in (1, 2):
            def side(server, threads=threads):
                return lambda: timed(server, lambda: load.wrk(server.url + "/livez", options.seconds, CLIENTS, threads))

            for name, turns in alternate(options.turns, {"ours": side(ours), "hummingbird": side(hello)}).items():
                results[f"{name}_t{threads}"] = turns
    return results


def livez_h2(options):
    """Requests a second over HTTP/2 in the clear, ours and nghttpd."""
    load.need("h2load", "nghttpd")
    results = {}
    with servers.ours() as ours, servers.nghttpd() as nghttpd:
        for streams in (1, 32):
            def side(server, streams=streams):
                return lambda: timed(server, lambda: load.h2load(server.url + "/livez", options.seconds, CLIENTS, streams))

            for name, turns in alternate(options.turns, {"ours": side(ours), "nghttpd": side(nghttpd)}).items():
                results[f"{name}_m{streams}"] = turns
    return results


def tls(options):
    """The same over TLS, and handshakes: a connection for each request."""
    load.need("wrk", "h2load")
    with tempfile.TemporaryDirectory() as folder, servers.ours() as plain, servers.ours(*servers.certificate(folder)) as secure:
        def handshakes():
            context = ssl.create_default_context(cafile=f"{folder}/certificate.pem")
            begin, count = time.perf_counter(), 0
            while time.perf_counter() - begin < options.seconds:
                with socket.create_connection((secure.host, secure.port)) as bare, context.wrap_socket(
                        bare, server_hostname="localhost") as one:
                    one.sendall(crowd.get((secure.host, secure.port), "/livez", "Connection: close"))
                    while one.recv(4096):
                        pass
                count += 1
            seconds = time.perf_counter() - begin
            return {"speed": count / seconds, "requests": count, "errors": 0}

        return alternate(options.turns, {
            "plain_h1": lambda: timed(plain, lambda: load.wrk(plain.url + "/livez", options.seconds, CLIENTS)),
            "tls_h1": lambda: timed(secure, lambda: load.wrk(secure.url + "/livez", options.seconds, CLIENTS)),
            "plain_h2": lambda: timed(plain, lambda: load.h2load(plain.url + "/livez", options.seconds, CLIENTS, 32)),
            "tls_h2": lambda: timed(secure, lambda: load.h2load(secure.url + "/livez", options.seconds, CLIENTS, 32)),
            "handshakes": lambda: timed(secure, handshakes),
        })


class Jobs:
    """Jobs of a checkpoint that are computed one after the other while something else is measured."""

    def __init__(self, server, model):
        self.server, self.model, self.ids = server, model, []
        deadline = time.perf_counter() + 120
        while True:
            try:
                server.get("/readyz")
                break
            except OSError:
                if time.perf_counter() > deadline:
                    raise
                time.sleep(0.1)
        self.image = self.ask("/v1/images", PICTURE.read_bytes(), "image/png")["id"]

    def ask(self, path, content, kind="application/json"):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        request = urllib.request.Request(self.server.url + path, data, {"Content-Type": kind})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.loads(answer.read())

    def begin(self, count):
        """Asks for so many knockout jobs of 64 prompts, and waits until the first computes."""
        for number in range(count):
            inputs = [{"image": self.image, "prompt": {"text": f"<image>Describe it, {number}, {line}."}} for line in range(64)]
            job = self.ask("/v1/knockouts", {
                "model": self.model, "variants": ["eoi", "image_to_text"], "measure": {"max_tokens": 20}, "inputs": inputs})
            self.ids.append(job["id"])
        while self.states()[0]["status"] == "queued":
            time.sleep(0.05)

    def states(self):
        return [json.loads(self.server.get(f"/v1/jobs/{name}")) for name in self.ids]

    def end(self):
        """Cancels what is not done; (jobs, cells that were computed, cells that failed)."""
        states = self.states()
        for state in states:
            if state["status"] in ("queued", "running"):
                self.ask(f"/v1/jobs/{state['id']}/cancel", b"")
        progress = [state["progress"] for state in states]
        return len(states), sum(one["done"] for one in progress), sum(one["failed"] for one in progress)


def machine_share(server, seconds):
    """How much of the machine's processors a process uses, 1 being one of them."""
    before, begin = sum(server.processor_seconds), time.perf_counter()
    time.sleep(seconds)
    return (sum(server.processor_seconds) - before) / (time.perf_counter() - begin)


def steady(address, path, rate, seconds, connections=8):
    """Latencies at so many requests a second."""
    end = time.perf_counter() + seconds
    clients = crowd.Crowd(address, crowd.get(address, path), connections)
    clients.run(rate, lambda: time.perf_counter() > end)
    clients.close()
    return {"p50": crowd.percentile(clients.latencies, 0.5), "p99": crowd.percentile(clients.latencies, 0.99),
            "max": max(clients.latencies), "requests": len(clients.latencies), "errors": clients.dropped,
            "statuses": {str(status): count for status, count in clients.statuses.items()}}


def livez_busy(options):
    """Latency of /livez, 200 requests a second, with nothing else to do and while jobs fill both cores."""
    with servers.ours(models=options.checkpoint) as server:
        address, jobs = (server.host, server.port), Jobs(server, pathlib.Path(options.checkpoint).name)
        idle = [steady(address, "/livez", 200, options.seconds) for _ in range(options.turns)]
        jobs.begin(4)
        share = machine_share(server, 2)
        busy = [steady(address, "/livez", 200, options.seconds) | {"processors": share} for _ in range(options.turns)]
        jobs.end()
    return {"idle": idle, "busy": busy}


def jobs(options):
    """1,000 connections that ask after jobs, 500 times a second, while these are computed; memory before and after."""
    # Without clean runs that are kept, what grows is not the engine's cache filling up.
    with servers.ours("--connections", 1100, "--clean-run-cache", 0, models=options.checkpoint) as server:
        address, work = (server.host, server.port), Jobs(server, pathlib.Path(options.checkpoint).name)
        work.begin(8)
        time.sleep(5)  # what computing takes is taken
        results, rate = [], options.rate
        clients = crowd.Crowd(address, crowd.get(address, f"/v1/jobs/{work.ids[0]}"), 1000)
        for _ in range(options.turns):
            clients.latencies, clients.statuses = [], {}
            before, start, end = server.resident_bytes, server.processor_seconds, time.perf_counter() + options.seconds
            clients.run(rate, lambda: time.perf_counter() > end)
            user, system = (after - earlier for after, earlier in zip(server.processor_seconds, start))
            results.append({
                "p50": crowd.percentile(clients.latencies, 0.5), "p99": crowd.percentile(clients.latencies, 0.99),
                "max": max(clients.latencies), "requests": len(clients.latencies), "errors": clients.dropped,
                "statuses": {str(status): count for status, count in clients.statuses.items()},
                "open": len(clients.sockets), "bytes_before": before, "bytes_after": server.resident_bytes,
                "processors": (user + system) / options.seconds})
        clients.close()
        count, cells, failed = work.end()
    return {"connections": [turn | {"cells": cells, "failed": failed, "jobs": count} for turn in results]}


def http2_request():
    """The preface, no settings of our own, and `GET /livez` on stream 1 as HPACK's table of fixed fields has it."""
    fields = bytes([0x82, 0x86, 0x04, 6]) + b"/livez" + bytes([0x01, 9]) + b"localhost"
    frame = struct.pack(">I", len(fields))[1:] + bytes([1, 0x5]) + struct.pack(">I", 1) + fields
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]) + frame


def idle_bytes(server, count, over_http2, folder=None):
    """Resident bytes a connection that has made one request and then does nothing."""
    crowd.raise_descriptor_limit(count)
    context = None
    if folder:
        context = ssl.create_default_context(cafile=f"{folder}/certificate.pem")
        context.set_alpn_protocols(["h2" if over_http2 else "http/1.1"])
    request = http2_request() if over_http2 else crowd.get((server.host, server.port), "/livez")

    def connect():
        one = socket.create_connection((server.host, server.port), timeout=60)
        if context:
            one = context.wrap_socket(one, server_hostname="localhost")
        one.sendall(request)
        answer = b""
        while b'"alive"}' not in answer:
            piece = one.recv(4096)
            if not piece:
                raise SystemExit("idle: a connection was closed")
            answer += piece
        return one

    kept = [connect() for _ in range(50)]  # what the first ones make is there
    time.sleep(1)
    before = server.resident_bytes
    kept += [connect() for _ in range(count)]
    time.sleep(1)
    used = server.resident_bytes - before
    for one in kept:
        one.close()
    return {"bytes": used / count, "connections": count, "errors": 0}


def idle(options):
    """Memory of idle connections, each kind on a server of its own."""
    results, count = {}, options.idle
    with tempfile.TemporaryDirectory() as folder:
        flags = servers.certificate(folder)
        for name, over_http2, secure in (
                ("h1", False, False), ("h2c", True, False), ("tls_h1", False, True), ("tls_h2", True, True)):
            with servers.ours("--connections", count + 200, *(flags if secure else ())) as server:
                servers_ready(server, folder if secure else None)
                results[name] = [idle_bytes(server, count, over_http2, folder if secure else None)]
    return results


def servers_ready(server, folder):
    """Waits until the default model is loaded, so that its memory is not the connections'."""
    context = ssl.create_default_context(cafile=f"{folder}/certificate.pem") if folder else None
    for _ in range(600):
        try:
            urllib.request.urlopen(server.url.replace("127.0.0.1", "localhost") + "/readyz", timeout=20, context=context).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("idle: the server does not get ready")


def slow(options):
    """slowhttptest's slow headers, bodies and reads, with 900 connections; somebody else asks for /livez meanwhile."""
    load.need("slowhttptest")
    modes = {
        "headers": ["-H", "-i", "5"], "body": ["-B", "-i", "5", "-s", "65536"],
        "read": ["-X", "-w", "1", "-y", "2", "-n", "5", "-z", "1", "-k", "3"],
    }
    results = {}
    for name, flags in modes.items():
        with servers.ours("--connections", 1100) as server:
            servers_ready(server, None)
            path = {"headers": "/livez", "body": "/v1/captions", "read": "/openapi.json"}[name]
            before = server.resident_bytes
            attack = subprocess.Popen(
                ["slowhttptest", "-c", "900", "-r", "300", "-l", str(options.attack), "-t", "POST" if name == "body" else "GET",
                 "-p", "5", *flags, "-u", server.url + path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            words = []
            reader = threading.Thread(target=lambda: words.append(attack.stdout.read()))
            reader.start()
            most, answers = 0, []

            def attacked():
                nonlocal most
                most = max(most, server.resident_bytes)
                return attack.poll() is not None

            address = (server.host, server.port)
            others = crowd.Crowd(address, crowd.get(address, "/livez"), 4)
            others.run(50, attacked)
            reader.join()
            answers = others.latencies
            others.close()
            results[name] = [{
                "p50": crowd.percentile(answers, 0.5), "p99": crowd.percentile(answers, 0.99), "max": max(answers),
                "requests": len(answers), "errors": others.dropped, "grown_bytes": most - before, "seconds": options.attack,
                "left": open_sockets(server)}]
    return results


def open_sockets(server):
    """How many connections the server has once the attack has ended and their time is over."""
    time.sleep(2)
    links = (link for link in pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir())
    return sum(1 for link in links if str(link.readlink()).startswith("socket:"))


def metrics(options):
    """GET /metrics, and what it costs a request to be routed, counted and, at `info`, logged."""
    load.need("wrk")
    with servers.ours() as quiet, servers.ours("--log-level", "info") as talkative:
        def side(server, path):
            return lambda: timed(server, lambda: load.wrk(server.url + path, options.seconds, 8))

        return alternate(options.turns, {
            "metrics": side(quiet, "/metrics"), "routed": side(quiet, "/docs/errors/not-found"),
            "logged": side(talkative, "/docs/errors/not-found")})


ROWS = {row.__name__: row for row in (livez_h1, livez_h2, tls, livez_busy, jobs, idle, slow, metrics)}
