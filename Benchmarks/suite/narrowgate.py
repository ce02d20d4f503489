"""narrowgate's side: the worker that measures the model alone, and a server as a user would talk to it."""
import concurrent.futures
import http.client
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = ROOT / ".build" / "release"


def memory(process, field):
    """A field of /proc/PID/status, such as VmHWM (the peak, mapped pages counted), in bytes."""
    for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return None


class Worker:
    """`benchmarks worker`: a line in, seconds out."""

    def __init__(self, folder, number_format):
        self.process = subprocess.Popen(
            [BINARIES / "benchmarks", "worker", folder, number_format],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ready = self.process.stdout.readline().split()
        if not ready or ready[0] != "ready":
            raise SystemExit(f"benchmarks worker {folder}: {' '.join(ready) or 'ended'}")
        self.number_format, self.parameters = ready[2], int(ready[3])
        self.loaded_bytes = memory(self.process.pid, "VmRSS")

    def __call__(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer or answer.startswith("error"):
            raise SystemExit(f"benchmarks worker, {line}: {answer.strip() or 'ended'}")
        return float(answer)

    def encoding(self):
        """One picture: seconds, and the most memory beside the loaded model, what earlier pictures left among it."""
        pid = self.process.pid
        pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak starts again from here
        seconds = self("encode")
        return {"seconds": seconds, "working_bytes": memory(pid, "VmHWM") - self.loaded_bytes}

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def products(hidden, intermediate, heads, rows):
    """The lines of `benchmarks products`: name → (count a layer, seconds here, in oneDNN, in oneDNN packed)."""
    lines = subprocess.run(
        [BINARIES / "benchmarks", "products", *map(str, (hidden, intermediate, heads, rows))],
        capture_output=True, text=True, check=True).stdout.splitlines()
    return {words[1]: [float(word) for word in words[2:]] for words in map(str.split, lines)}


def bandwidth():
    """The lines of `benchmarks bandwidth`: runs a thread → (best, median) in gigabytes a second."""
    lines = subprocess.run([BINARIES / "benchmarks", "bandwidth"], capture_output=True, text=True, check=True).stdout
    return {words[1]: [float(word) for word in words[2:]] for words in map(str.split, lines.splitlines())}


class Server:
    """A server of one model, on a free port, with a database of its own. `started` is when its process was asked for.

    `clean_run_cache`: MiB that clean runs may take, since a pair's two must fit for it to be warm."""

    def __init__(self, folder, number_format, flags=(), clean_run_cache=256):
        self.model = pathlib.Path(folder).resolve().name
        self.scratch = tempfile.TemporaryDirectory()
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [BINARIES / "narrowgate", "serve", "--port", "0", "--database", f"{self.scratch.name}/bench.sqlite",
             "--models", pathlib.Path(folder).resolve(), "--number-format", number_format, "--log-level", "error", *flags],
            stdout=subprocess.PIPE, text=True, cwd=self.scratch.name, start_new_session=True,
            env=os.environ | {"NARROWGATE_CLEAN_RUN_CACHE_MIB": str(clean_run_cache)})
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise SystemExit(f"narrowgate serve: {line.strip() or 'ended'}")
        self.listening = time.perf_counter() - self.started
        self.address = urllib.parse.urlsplit(line.split()[-1]).netloc

    def wait(self):
        """Until the model computes; seconds since the process was asked for."""
        while self.request("GET", "/readyz")[0] != 200:
            time.sleep(0.01)
        return time.perf_counter() - self.started

    def request(self, method, path, content=None, kind="application/json", **headers):
        connection = http.client.HTTPConnection(self.address)
        data = json.dumps(content).encode() if isinstance(content, dict) else content
        connection.request(method, path, data, ({"Content-Type": kind} if data else {}) | headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, text

    def ask(self, path, content, kind="application/json", **headers):
        status, text = self.request("POST", path, content, kind, **headers)
        if status >= 300:
            raise SystemExit(f"POST {path}: {status} {text.decode()[:500]}")
        return json.loads(text)

    def picture(self, data):
        """Stores a PNG file; its name."""
        return self.ask("/v1/images", data, "image/png")["id"]

    def caption(self, image, text, tokens, **more):
        """Seconds as the client sees them, and the answer."""
        start = time.perf_counter()
        answer = self.ask("/v1/captions", self.request_for(image, text, tokens) | more)
        return {"seconds": time.perf_counter() - start, "tokens": answer["usage"]["completion_tokens"],
                "prompt_tokens": answer["usage"]["prompt_tokens"], "answer": answer}

    def request_for(self, image, text, tokens):
        return {"model": self.model, "image": image, "prompt": {"text": text}, "max_tokens": tokens}

    def stream(self, image, text, tokens, since=None):
        """A caption token by token: when the first and when the last one came, in seconds since `since`."""
        since = since or time.perf_counter()
        connection = http.client.HTTPConnection(self.address)
        connection.request(
            "POST", "/v1/captions", json.dumps(self.request_for(image, text, tokens)),
            {"Content-Type": "application/json", "Accept": "text/event-stream"})
        answer, first = connection.getresponse(), None
        for line in answer:
            # A caption may end before its first token.
            if line.startswith((b"event: token", b"event: done")) and first is None:
                first = time.perf_counter() - since
            if line.startswith(b"event: error"):
                raise SystemExit(f"a streamed caption: {answer.read().decode()[:500]}")
        connection.close()
        if first is None:
            raise SystemExit("a streamed caption brought no token")
        return {"first": first, "seconds": time.perf_counter() - since}

    def job(self, path, content):
        """Asks for a job, and waits for its end: seconds as the client sees them."""
        start = time.perf_counter()
        job = self.ask(path, {"model": self.model} | content, Prefer="wait=60")
        while job["status"] in ("queued", "running"):
            time.sleep(0.05)
            job = json.loads(self.request("GET", f"/v1/jobs/{job['id']}")[1])
        if job["status"] != "succeeded":
            raise SystemExit(f"POST {path}: {job['status']} {job['error']}")
        return time.perf_counter() - start

    def together(self, calls):
        """Makes all calls at once; what they gave, in their order, and the seconds until the last of them ended."""
        start = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
            results = list(pool.map(lambda call: call(start), calls))
        return results, time.perf_counter() - start

    @property
    def peak(self):
        return memory(self.process.pid, "VmHWM")

    def close(self):
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGTERM)
            self.process.wait()
        self.process.stdout.close()
        self.scratch.cleanup()
