#!/usr/bin/env python3
"""Two hundred connections ask after a job until it has ended: each is answered each time, and none is dropped."""
import json
import sys
import urllib.request

import crowd
import server

CONNECTIONS = 200


def main() -> int:
    with server.running("--log-level", "error") as (address, process):
        def ask(path: str, content: bytes | None = None, kind: str = "application/json") -> dict:
            request = urllib.request.Request(f"http://{address[0]}:{address[1]}{path}", content, {"Content-Type": kind})
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.loads(answer.read())

        picture = ask("/v1/images", (server.ROOT / "Models/examples/white-cross.png").read_bytes(), "image/png")["id"]
        inputs = [{"image": picture, "prompt": {"text": f"<image>What is it, {number}?"}} for number in range(16)]
        job = ask("/v1/knockouts", json.dumps({"model": "gate", "variants": ["eoi"], "inputs": inputs}).encode())["id"]
        clients = crowd.Crowd(address, crowd.get(address, f"/v1/jobs/{job}"), CONNECTIONS)
        state = {"status": "queued"}

        def ended() -> bool:
            # Everybody is asked at least once, however fast the job is.
            if len(clients.latencies) < 2 * CONNECTIONS and not clients.dropped:
                return False
            state.update(ask(f"/v1/jobs/{job}"))
            return state["status"] not in ("queued", "running")

        clients.run(1000, ended)
        faults = []
        if state["status"] != "succeeded":
            faults.append(f"the job ended as {state['status']}")
        if set(clients.statuses) != {200}:
            faults.append(f"answers had the statuses {clients.statuses}")
        if clients.dropped or len(clients.sockets) != CONNECTIONS:
            faults.append(f"{clients.dropped} connections or requests were dropped")
        clients.close()
        if not server.is_alive(address):
            faults.append("the server does not answer any more")
    for fault in faults:
        print(f"crowd: {fault}", file=sys.stderr)
    if not faults:
        print(f"crowd: {CONNECTIONS} connections, {len(clients.latencies)} answers while a job ran, nothing dropped")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
