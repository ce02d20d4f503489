"""A server of the repository's own build, on a free port and with a database that goes with it."""
import contextlib
import pathlib
import subprocess
import tempfile
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def running(*flags: str):
    """Its address and its process."""
    with tempfile.TemporaryDirectory(prefix="narrowgate-http.") as folder:
        process = subprocess.Popen(
            [ROOT / ".build/release/narrowgate", "serve", "--port", "0", "--database", f"{folder}/narrowgate.sqlite",
             *flags], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            line = process.stdout.readline().strip()
            if not line.startswith("listening on "):
                raise SystemExit(f"http: no server: {line!r}")
            host, port = line.rpartition("//")[2].rsplit(":", 1)
            yield (host, int(port)), process
        finally:
            process.terminate()
            process.wait(120)


def is_alive(address: tuple[str, int]) -> bool:
    """Whether somebody else is served."""
    with urllib.request.urlopen(f"http://{address[0]}:{address[1]}/livez", timeout=120) as answer:
        return answer.status == 200
