"""The programs that load a server, and what they say."""
import re
import shutil
import subprocess
import sys

PACKAGES = {"wrk": "wrk", "h2load": "nghttp2-client", "nghttpd": "nghttp2-server", "slowhttptest": "slowhttptest"}
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


def need(*names):
    """Ends with what is missing."""
    missing = [name for name in names if not (shutil.which(name) or shutil.which(name, path="/usr/sbin"))]
    if missing:
        sys.exit("bench-server: apt-get install " + " ".join(PACKAGES[name] for name in missing))


def output(*words):
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True).stdout


def wrk(url, seconds, connections=64, threads=1):
    """Requests a second, how many failed, and latencies in seconds."""
    text = output("wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}", "--latency", url)
    speed = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    count = int(re.search(r"(\d+) requests in", text)[1])
    errors = sum(map(int, re.findall(r"(?:connect|read|write|timeout) (\d+)", text)))
    errors += int((re.search(r"Non-2xx or 3xx responses: (\d+)", text) or [0, 0])[1])
    latency = {name: float(value) * UNITS[unit] for name, value, unit in re.findall(
        r"^\s+(50|99)%\s+([\d.]+)(us|ms|s|m)\s*$", text, re.MULTILINE)}
    return {"speed": speed, "requests": count, "errors": errors, "p50": latency["50"], "p99": latency["99"]}


def h2load(url, seconds, connections=64, streams=1):
    """Requests a second, and how many failed."""
    text = output("h2load", f"-c{connections}", f"-m{streams}", f"-D{seconds}", url)
    speed = float(re.search(r"finished in .*?, ([\d.]+) req/s", text)[1])
    total, done, failed = map(int, re.search(
        r"requests: (\d+) total, \d+ started, (\d+) done, \d+ succeeded, (\d+) failed", text).groups())
    return {"speed": speed, "requests": done, "errors": failed}
