#!/usr/bin/env python3
"""Measures the server under load: requests a second, latencies and memory, beside other servers in alternation.

    Benchmarks/serving/run.py [--rows livez_h1,livez_h2,…] [--turns 5] [--seconds 4]

Needs a release build of narrowgate and, by row, wrk, h2load, nghttpd and slowhttptest; it says what is missing. Client and
server share the machine, as both sides' do. Everything lands in .build/bench/server.json, from which `make bench-report` makes its
part of docs/performance.md. A row that is measured again replaces the old one, the others stay.
"""
import argparse
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "suite"))
import measures  # noqa: E402
import record  # noqa: E402

UNITS = {"speed": ("req/s", 1, 0), "p50": ("ms p50", 1e3, 2), "p99": ("ms p99", 1e3, 2), "max": ("ms max", 1e3, 1),
         "user_us": ("µs user", 1, 1), "system_us": ("µs system", 1, 1), "bytes": ("KiB", 1 / 1024, 1),
         "grown_bytes": ("MiB more", 2**-20, 1), "errors": ("failed", 1, 0)}


def show(row, side, turns):
    values = [f"{statistics.median(turn[field] for turn in turns) * scale:.{digits}f} {unit}"
              for field, (unit, scale, digits) in UNITS.items() if field in turns[0]]
    print(f"{row:>11} {side:>14}  " + ", ".join(values), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="", help="of " + ", ".join(measures.ROWS))
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of a turn")
    parser.add_argument("--rate", type=float, default=500, help="of the row jobs: requests a second, all connections together")
    parser.add_argument("--idle", type=int, default=5000, help="of the row idle: connections")
    parser.add_argument("--attack", type=int, default=40, help="of the row slow: seconds")
    parser.add_argument("--checkpoint", default=str(record.ROOT / ".build/checkpoints/190m"), help="what jobs compute on")
    options = parser.parse_args()
    options.seconds = int(options.seconds) if options.seconds == int(options.seconds) else options.seconds
    names = list(filter(None, options.rows.split(","))) or list(measures.ROWS)
    if unknown := set(names) - set(measures.ROWS):
        sys.exit(f"bench-server: no rows {', '.join(sorted(unknown))}; rows are {', '.join(measures.ROWS)}")
    saved = record.Record("server")
    for name in names:
        before = record.load()
        results = measures.ROWS[name](options)
        saved.add(name, results, before)
        for side, turns in results.items():
            show(name, side, turns)


if __name__ == "__main__":
    main()
