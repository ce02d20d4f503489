"""What was measured, as JSON under .build/bench, each row with when and in what company it was measured."""
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".build" / "bench"
INTERESTING = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16")


def command(*words):
    try:
        return subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def machine():
    """What speed depends on."""
    fields = [line.split(":", 1) for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if ":" in line]
    processor = {name.strip(): value.strip() for name, value in fields}
    flags = processor.get("flags", "").split()
    memory = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
    system = dict(line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line)
    cache = [line.split(":", 1)[1].strip() for line in command("lscpu").splitlines() if line.startswith("L3 cache")]
    return {
        "processor": processor.get("model name", platform.machine()), "cores": os.cpu_count(),
        "flags": [flag for flag in INTERESTING if flag in flags], "last_cache": cache[0] if cache else None,
        "memory_gib": round(memory / (1 << 20), 1), "system": system.get("PRETTY_NAME", "").strip('"'),
        "kernel": platform.release(), "swift": command("swift", "--version").split("\n")[0],
    }


def commit():
    """The commit, with a + where the work tree differs from it."""
    return command("git", "rev-parse", "--short", "HEAD") + ("+" if command("git", "status", "--porcelain", "-uno") else "")


def load():
    return round(os.getloadavg()[0], 1)


class Record:
    """The file of one shape. Rows that are measured again replace what was there, both sides of it; all others stay."""

    def __init__(self, name):
        self.run = datetime.datetime.now(datetime.timezone.utc).isoformat()
        self.path = FOLDER / f"{name}.json"
        self.content = json.loads(self.path.read_text()) if self.path.exists() else {"rows": {}}
        self.content["machine"] = machine()

    def set(self, **facts):
        self.content.update(facts)
        self._write()

    def add(self, row, sides, started_load):
        """`sides`: name → a list of turns, each a number of seconds or a dictionary with `seconds` in it."""
        now = datetime.datetime.now(datetime.timezone.utc)
        # Sides that are run one after the other are one run still; those of another day are not beside each other.
        old = self.content["rows"].get(row, {})
        kept = old["sides"] if old.get("run") == self.run else {}
        self.content["rows"][row] = {
            "run": self.run, "sides": {**kept, **sides}, "date": now.strftime("%Y-%m-%d %H:%M"), "commit": commit(),
            "load": [started_load, load()]}
        self._write()

    def _write(self):
        FOLDER.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.content, indent=1) + "\n")


def value(turn, field="seconds"):
    return turn if not isinstance(turn, dict) else turn[field]


def median(turns, field="seconds"):
    """`None` where nothing was measured."""
    return statistics.median(value(turn, field) for turn in turns) if turns else None
