#!/usr/bin/env python3
"""Sends raw HTTP/2 frames to a server: what RFC 9113 and RFC 7541 forbid, and what attackers do with what they allow.

    Tools/http/http2_suite.py            a server of .build/release, on a free port
    Tools/http/http2_suite.py HOST PORT  one that runs already

After each case somebody else must be served. Needs hpack (Tools/http/requirements.txt).
"""
import sys

import http2_attacks
import http2_cases
import server
from wire import GOAWAY, HEADERS, RST_STREAM, Connection


def verdict(case: http2_cases.Case, address: tuple[str, int]) -> str | None:
    """What was wrong; `None` if nothing was."""
    with Connection(address, greet=case.greet) as peer:
        if callable(case.data):
            case.data(peer)
        else:
            peer.send(case.data)
        kind, values = case.expected
        if kind == "ignored":
            return None if peer.pong() else "the connection ended"
        if kind == "answer":
            status = peer.status(1)
            return None if status == values[0] else f"answered {status}, not {values[0]}"
        if kind == "closed" and peer.pong():
            return None
        graver = lambda f: f.type == GOAWAY or (kind == "stream" and f.type == RST_STREAM and f.stream == 1)
        found = peer.until(graver)
        if found is not None and found.code not in values:
            return f"code {found.code}, not {' or '.join(map(str, values))}"
        if kind == "connection" and found is not None and peer.until(lambda f: False) is not None:
            return "the connection goes on after GOAWAY"
        return None


def check(name: str, run, address: tuple[str, int]) -> int:
    try:
        problem = run()
        if problem is None and not server.is_alive(address):
            problem = "nobody else is served afterwards"
    except TimeoutError:
        problem = "nothing came in 120 seconds"
    if problem:
        print(f"http2: {name}: {problem}", file=sys.stderr)
    return 1 if problem else 0


def main(address: tuple[str, int]) -> int:
    failures = 0
    for case in http2_cases.CASES:
        failures += check(f"{case.section}: {case.what}", lambda: verdict(case, address), address)
    for attack in http2_attacks.ATTACKS:
        failures += check(attack.__doc__.rstrip("."), lambda: attack(address), address)
    print(f"http2: {len(http2_cases.CASES)} cases and {len(http2_attacks.ATTACKS)} attacks, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) == 3:
        sys.exit(main((sys.argv[1], int(sys.argv[2]))))
    with server.running() as (address, _):
        sys.exit(main(address))
