#!/usr/bin/env python3
"""Checks that what docs/architecture.md names as `Type.member` in its traces and lists is declared under Sources.

A page that follows a request through the code is worth having only while the code is as it says.
"""
import pathlib
import re
import sys

NAMED = re.compile(r"\b([A-Z]\w*[a-z]\w*)\.([a-z]\w*)\b")
TYPE = re.compile(r"\b(?:struct|class|actor|enum|protocol|extension|typealias)\s+(\w+)")
MEMBER = re.compile(r"\b(?:func|var|let|case)\s+(\w+)|\b(init)\b")


def declared(sources: pathlib.Path) -> dict[str, set[str]]:
    """The members declared in the files that declare or extend each type."""
    members: dict[str, set[str]] = {}
    for file in sources.rglob("*.swift"):
        text = file.read_text()
        here = {name or initializer for name, initializer in MEMBER.findall(text)}
        for name in TYPE.findall(text):
            members.setdefault(name, set()).update(here)
    return members


def main() -> int:
    root = pathlib.Path(__file__).resolve().parents[2]
    page = root / "docs" / "architecture.md"
    members = declared(root / "Sources")
    faults, names = [], 0
    for number, line in enumerate(page.read_text().splitlines(), 1):
        for name, member in NAMED.findall(line):
            names += 1
            if member not in members.get(name, ()):
                faults.append(f"docs/architecture.md:{number}: nothing under Sources declares {name}.{member}")
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"lint: {names} names in docs/architecture.md, {len(faults)} that are gone")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
