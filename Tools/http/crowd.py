#!/usr/bin/env python3
"""Many connections to one server, from one thread: opened, asked on, left idle, and every one that fails is counted.

    Tools/http/crowd.py ADDRESS PATH [--connections 1000] [--seconds 5]

asks on every connection one request after the other and says how long the answers took.
"""
import argparse
import resource
import select
import socket
import time



def raise_descriptor_limit(count: int) -> None:
    """So many sockets and some files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count + 64:
        if hard != resource.RLIM_INFINITY and hard < count + 64:
            raise SystemExit(f"crowd: {count} connections need ulimit -n {count + 64}; the hard limit is {hard}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (count + 64, hard))


class Crowd:
    """HTTP/1.1 connections that all ask for the same, each as soon as `pause` seconds have passed since its last answer."""

    def __init__(self, address: tuple[str, int], request: bytes, count: int):
        raise_descriptor_limit(count)
        self.address, self.request = address, request
        self.set = select.epoll()
        self.sockets: dict[int, socket.socket] = {}
        self.input: dict[int, bytes] = {}
        self.asked: dict[int, float] = {}
        self.latencies: list[float] = []
        self.statuses: dict[int, int] = {}
        #: Connections that were refused or closed on us.
        self.dropped = 0
        for _ in range(count):
            try:
                one = socket.create_connection(address, timeout=60)
            except OSError:
                self.dropped += 1
                continue
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets[one.fileno()] = one
            self.input[one.fileno()] = b""
            self.set.register(one, select.EPOLLIN)

    def ask(self, descriptor: int) -> None:
        self.asked[descriptor] = time.perf_counter()
        try:
            self.sockets[descriptor].send(self.request)
        except OSError:
            self.drop(descriptor)

    def drop(self, descriptor: int) -> None:
        self.dropped += 1
        self.set.unregister(descriptor)
        self.sockets.pop(descriptor).close()
        self.asked.pop(descriptor, None)

    def read(self, descriptor: int) -> bool:
        """Whether an answer is complete."""
        try:
            data = self.sockets[descriptor].recv(65536)
        except OSError:
            data = b""
        if not data:
            self.drop(descriptor)
            return False
        text = self.input[descriptor] + data
        head, found, content = text.partition(b"\r\n\r\n")
        if found:
            lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            if len(content) >= int(lengths[0] if lengths else 0):
                self.input[descriptor] = b""
                status = int(head.split(b" ", 2)[1])
                self.statuses[status] = self.statuses.get(status, 0) + 1
                self.latencies.append(time.perf_counter() - self.asked.pop(descriptor))
                return True
        self.input[descriptor] = text
        return False

    def run(self, rate: float, until) -> None:
        """Asks `rate` times a second, each connection in its turn, until `until()`; then waits for what is asked."""
        order, start, sent = list(self.sockets), time.perf_counter(), 0
        ends = None
        while ends is None or (self.asked and time.perf_counter() < ends):
            now = time.perf_counter()
            if ends is None and until():
                ends = now + 60
            due = int((now - start) * rate) if ends is None else sent
            while sent < due:
                descriptor = order[sent % len(order)]
                sent += 1
                # One that still waits for its answer is passed over: it has its latency coming.
                if descriptor in self.sockets and descriptor not in self.asked:
                    self.ask(descriptor)
            for descriptor, _ in self.set.poll(0.001):
                self.read(descriptor)
        self.dropped += len(self.asked)

    def once(self) -> None:
        """One request on each connection, a hundred at a time, until all are answered."""
        waiting = list(self.sockets)
        limit = time.perf_counter() + 120
        while (waiting or self.asked) and time.perf_counter() < limit:
            while waiting and len(self.asked) < 100:
                self.ask(waiting.pop())
            for descriptor, _ in self.set.poll(0.1):
                self.read(descriptor)
        self.dropped += len(self.asked)

    def close(self) -> None:
        for one in self.sockets.values():
            one.close()
        self.set.close()


def get(address: tuple[str, int], path: str, *fields: str) -> bytes:
    """A request as HTTP/1.1 has it."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {address[0]}:{address[1]}", *fields, "", ""]
    return "\r\n".join(lines).encode()


def percentile(values: list[float], share: float) -> float:
    """The smallest of `values` that so many are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="HOST:PORT")
    parser.add_argument("path")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rate", type=float, default=500, help="requests a second, of all connections together")
    options = parser.parse_args()
    host, port = options.address.rsplit(":", 1)
    address = (host, int(port))
    crowd = Crowd(address, get(address, options.path), options.connections)
    end = time.perf_counter() + options.seconds
    crowd.run(options.rate, lambda: time.perf_counter() > end)
    print(f"{len(crowd.sockets)} connections, {len(crowd.latencies)} answers {crowd.statuses}, {crowd.dropped} dropped; "
          + ", ".join(f"p{share * 100:g} {percentile(crowd.latencies, share) * 1e3:.1f} ms" for share in (0.5, 0.99, 1)))
    crowd.close()


if __name__ == "__main__":
    main()
