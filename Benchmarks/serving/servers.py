"""The servers that are measured, each a process of its own: ours, Hummingbird's hello world and nghttpd."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
HELLO = ROOT / ".build" / "hello"
HUMMINGBIRD = "2.28.1"
TICKS = os.sysconf("SC_CLK_TCK")
ANSWER = b'{"status":"alive"}'

PACKAGE = f"""// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "Hello", platforms: [.macOS(.v14)],
    dependencies: [.package(url: "https://github.com/hummingbird-project/hummingbird", exact: "{HUMMINGBIRD}")],
    targets: [.executableTarget(name: "Hello", dependencies: [.product(name: "Hummingbird", package: "hummingbird")])])
"""
PROGRAM = """import Hummingbird
import Logging

var logger = Logger(label: "hello")
logger.logLevel = .error
let router = Router()
router.get("/livez") { _, _ in "hello, world" }
let application = Application(
    router: router, configuration: .init(address: .hostname("127.0.0.1", port: Int(CommandLine.arguments[1]) ?? 0)),
    logger: logger)
try await application.runService()
"""


class Server:
    """A process that answers `url`; `tls` is whether it does so over TLS."""

    def __init__(self, command, url=None, tls=False, **more):
        self.scratch = tempfile.TemporaryDirectory(prefix="narrowgate-bench.")
        words = [word.replace("SCRATCH", self.scratch.name) if isinstance(word, str) else word for word in command]
        self.process = subprocess.Popen(
            words, stdout=subprocess.PIPE if url is None else subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True, **more)
        if url is None:
            line = self.process.stdout.readline()
            if not line.startswith("listening on "):
                raise SystemExit(f"{words[0]}: {line.strip() or 'ended'}")
            url = line.split()[-1]
        self.url, self.tls = url, tls
        place = urllib.parse.urlsplit(url)
        self.host, self.port = place.hostname, place.port

    @property
    def processor_seconds(self):
        """User and system time of the process, its ended threads' among it."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) / TICKS, int(fields[12]) / TICKS

    @property
    def resident_bytes(self):
        """Memory that is in use and this process's own; a mapped checkpoint is not."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        return 0

    def get(self, path, timeout=20):
        with urllib.request.urlopen(self.url + path, timeout=timeout) as answer:
            return answer.read()

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        self.scratch.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def ours(*flags, models=ROOT / "Models"):
    """narrowgate with the models of the repository; what is logged is what goes wrong."""
    return Server(
        [ROOT / ".build/release/narrowgate", "serve", "--port", "0", "--database", "SCRATCH/bench.sqlite", "--models", models,
         "--log-level", "error", *map(str, flags)], cwd=ROOT, tls="--tls-certificate" in flags)


def certificate(folder):
    """A certificate and its key in `folder`, as flags."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", f"{folder}/key.pem", "-out",
         f"{folder}/certificate.pem"], check=True, capture_output=True)
    return "--tls-certificate", f"{folder}/certificate.pem", "--tls-private-key", f"{folder}/key.pem"


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def settled(server):
    """Waits until it answers."""
    for _ in range(1000):
        try:
            server.get("/livez", timeout=5)
            return server
        except OSError:
            if server.process.poll() is not None:
                break
            time.sleep(0.02)
    raise SystemExit(f"{server.url} does not answer")


def hello():
    """Hummingbird's hello world, built once (three minutes and more) under .build/hello."""
    binary = HELLO / ".build" / "release" / "Hello"
    if not binary.exists():
        (HELLO / "Sources" / "Hello").mkdir(parents=True, exist_ok=True)
        (HELLO / "Package.swift").write_text(PACKAGE)
        (HELLO / "Sources" / "Hello" / "main.swift").write_text(PROGRAM)
        print("building Hummingbird's hello world: minutes, once", flush=True)
        subprocess.run(
            ["swift", "build", "-c", "release", "--package-path", HELLO, "--scratch-path", HELLO / ".build"], check=True,
            stdout=sys.stderr)
    port = free_port()
    return settled(Server([binary, str(port)], f"http://127.0.0.1:{port}"))


def nghttpd(threads=2):
    """nghttp2's own server with a file of as many bytes as our answer has."""
    folder, port = tempfile.mkdtemp(prefix="narrowgate-nghttpd."), free_port()
    pathlib.Path(folder, "livez").write_bytes(ANSWER)
    server = Server([shutil.which("nghttpd") or "/usr/sbin/nghttpd", "--no-tls", f"-n{threads}", "-d", folder, str(port)],
                    f"http://127.0.0.1:{port}")
    time.sleep(0.5)  # it speaks HTTP/2 alone, and urllib does not
    return server
