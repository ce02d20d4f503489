#!/usr/bin/env python3
"""Holds what a dry run says against what happens: seconds and bytes of jobs that are asked for both ways.

    Benchmarks/suite/estimates.py [FOLDER …]

Each folder (default: the shipped gate) gets a server of its own, in float32 where it is gate and bfloat16 else. A row is a
job: first `"dry_run": true`, then the job itself, from its start to its end as the server says. `cold` asks for pictures and
prompts that no cache has; `warm` repeats the same job. Bytes are the process's peak during the job (VmHWM after clear_refs).
Printed are estimate over outcome, 1 being exact, and marked where it is not within 2. Everything lands in
.build/bench/estimates.json.
"""
import argparse
import datetime
import json
import pathlib

import narrowgate
import record
import rows

GATE = narrowgate.ROOT / "Models" / "gate"
BOUND = 2


def knockouts(count, layers):
    """So many cuts, at layers in turn."""
    keys = ("eoi", "image", "soi", "bos")
    return [{"name": f"v{index}", "knockouts": [{"keys": keys[index % 4], "layers": index // 4 % layers}]}
            for index in range(count)]


def jobs(layers):
    """Rows by name: the route, and the job for two pictures."""

    def cuts(count, caption, **more):
        return "/v1/knockouts", lambda a, b: {
            "images": [a, b], "prompt": {"text": rows.fresh_text()},
            "variants": knockouts(count, layers), "measure": {"caption": caption, "max_tokens": 20}} | more

    def patches(**more):
        return "/v1/patches", lambda a, b: {
            "pairs": [{"base": a, "source": b}], "prompt": {"text": rows.fresh_text()}, "layers": "each"} | more

    return {
        "captions": ("/v1/captions", lambda a, b: {
            "images": [a, b], "prompt": {"text": rows.fresh_text()}, "max_tokens": 20}),
        "4 knockouts": cuts(4, False), "4 knockouts, texts": cuts(4, True),
        "40 knockouts": cuts(40, False), "40 knockouts, texts": cuts(40, True),
        "4 knockouts, reuse off": cuts(4, False, reuse="off"),
        "patches at every layer": patches(), "patches at every layer, reuse off": patches(reuse="off"),
    }


def seconds_between(begin, end):
    return (datetime.datetime.fromisoformat(end) - datetime.datetime.fromisoformat(begin)).total_seconds()


def measure(server, route, request):
    """One job both ways."""
    plan = server.ask(route, {"model": server.model} | request | {"dry_run": True})
    pid = server.process.pid
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak starts again from here
    before = narrowgate.memory(pid, "VmRSS")
    job = server.ask(route, {"model": server.model} | request, Prefer="wait=60")
    while job["ended_at"] is None:
        job = json.loads(server.request("GET", f"/v1/jobs/{job['id']}", **{"Prefer": "wait=60"})[1])
    if job["status"] != "succeeded":
        raise SystemExit(f"POST {route}: {job['status']} {job['error']}")
    return {
        "estimated_beside": plan["peak_bytes"] - plan["resident_bytes"], "beside": narrowgate.memory(pid, "VmHWM") - before,
        "estimated_seconds": plan["estimated_seconds"], "seconds": seconds_between(job["started_at"], job["ended_at"]),
        "estimated_bytes": plan["peak_bytes"], "bytes": narrowgate.memory(pid, "VmHWM")}


def ratio(estimate, outcome):
    return estimate / outcome if outcome else None


def shown(value):
    if value is None:
        return "–".rjust(7)
    return f"{value:6.2f}{' ' if 1 / BOUND <= value <= BOUND else '!'}"


def run(folder, content):
    number_format = "float32" if folder == GATE else "bfloat16"
    layers = json.loads((folder / "config.json").read_text())["num_hidden_layers"]
    server = narrowgate.Server(folder, number_format, [], 256)
    try:
        server.wait()
        for name, (route, build) in jobs(layers).items():
            request = build(server.picture(rows.noise()), server.picture(rows.noise()))
            for state in ("cold", "warm"):
                turn = measure(server, route, request)
                turn["seconds_ratio"] = ratio(turn["estimated_seconds"], turn["seconds"])
                turn["bytes_ratio"] = ratio(turn["estimated_bytes"], turn["bytes"])
                content.append({"checkpoint": folder.name, "row": name, "state": state} | turn)
                print(f"{folder.name:8} {name:34} {state}  seconds {turn['seconds']:7.3f} {shown(turn['seconds_ratio'])}"
                      f"  bytes {turn['bytes'] / 1e6:8.1f}M {shown(turn['bytes_ratio'])}"
                      f"  beside {turn['estimated_beside'] / 1e6:7.1f}M, took {turn['beside'] / 1e6:7.1f}M", flush=True)
    finally:
        server.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=pathlib.Path, default=[GATE])
    content, begun = [], record.load()
    for folder in parser.parse_args().folders:
        run(folder.resolve(), content)
    record.FOLDER.mkdir(parents=True, exist_ok=True)
    found = {"commit": record.commit(), "load": [begun, record.load()], "machine": record.machine(), "turns": content}
    (record.FOLDER / "estimates.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
