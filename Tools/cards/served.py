"""A narrowgate server, and what these scripts ask of it: pictures, jobs and their rows, over HTTP alone."""
import contextlib
import http.client
import json
import os
import pathlib
import subprocess
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / ".build" / "release" / "narrowgate"
PAGE = 1000
ENDED = ("succeeded", "failed", "cancelled")


@contextlib.contextmanager
def server(models):
    """Serves a folder of models from a fresh database while the block runs; yields a `Client`."""
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("NARROWGATE_")}
    surroundings["OMP_NUM_THREADS"] = "1"       # enough for models this small, and nothing then waits for a busy second core
    with tempfile.TemporaryDirectory(prefix="narrowgate-cards.") as folder:
        command = [BINARY, "serve", "--port", "0", "--database", pathlib.Path(folder, "cards.sqlite"), "--models", models]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=surroundings) as process:
            try:
                line = process.stdout.readline()
                if not line.startswith("listening on "):
                    raise SystemExit(f"the server did not start: {line.strip()}")
                yield Client(line.split()[-1])
            finally:
                process.terminate()


class Client:
    """One connection to a server."""

    def __init__(self, address):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(address).netloc, timeout=600)

    def ask(self, method, path, content=None, **headers):
        """The answer as JSON; anything but success ends the script with the server's own sentence."""
        if isinstance(content, dict):
            content, headers = json.dumps(content), {"Content-Type": "application/json"} | headers
        self.connection.request(method, path, content, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path}: {answer.status} {json.loads(text)['detail']}")
        return json.loads(text)

    def model(self, name):
        return self.ask("GET", f"/v1/models/{name}")

    def upload(self, path):
        """Uploads a picture and returns its name."""
        return self.ask("POST", "/v1/images", pathlib.Path(path).read_bytes(), **{"Content-Type": "application/octet-stream"})["id"]

    def rows(self, kind, request):
        """Submits a job, waits for its end, and returns its rows."""
        job = self.ask("POST", f"/v1/{kind}", request)
        while job["status"] not in ENDED:
            job = self.ask("GET", f"/v1/jobs/{job['id']}", Prefer="wait=30")
        if job["status"] != "succeeded":
            raise SystemExit(f"job {job['id']} {job['status']}: {job['error']}")
        rows, page = [], {"has_more": True, "last_id": None}
        while page["has_more"]:
            query = {"limit": PAGE} | ({"after": page["last_id"]} if page["last_id"] else {})
            page = self.ask("GET", f"/v1/jobs/{job['id']}/results?{urllib.parse.urlencode(query)}")
            rows += page["data"]
        return rows


class Progress:
    """Says what is done, how long it took, and how long everything has taken."""

    def __init__(self):
        self.begun = self.last = time.monotonic()

    def done(self, what):
        now = time.monotonic()
        print(f"{now - self.begun:7.0f} s  {what} ({now - self.last:.0f} s)", flush=True)
        self.last = now
