#!/usr/bin/env python3
"""Checks every import line under Sources against the table of floors in docs/architecture.md.

SwiftPM lets a target import what its dependencies happen to import, so the manifest alone does not
keep the floors apart. Each row of the table reads: | `Target` | holds | may import |.
"""
import pathlib
import re
import sys

ANYWHERE = {"Foundation", "Dispatch", "Synchronization", "Glibc", "Logging"}
IMPORT = re.compile(r"^\s*(?:@\w+\s+)?(?:(?:public|package|internal|private|fileprivate)\s+)?import\s+(?:\w+\s+)?(\w+)")


def table(page: pathlib.Path) -> dict[str, set[str]]:
    allowed = {}
    for line in page.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 3 and cells[0].startswith("`"):
            for target in re.findall(r"`(\w+)`", cells[0]):
                allowed[target] = set(re.findall(r"`(\w+)`", cells[2]))
    return allowed


def main() -> int:
    root = pathlib.Path(__file__).resolve().parents[2]
    allowed = table(root / "docs" / "architecture.md")
    faults, files = [], 0
    for folder in sorted((root / "Sources").iterdir()):
        for file in sorted(folder.rglob("*.swift")):
            files += 1
            if folder.name not in allowed:
                faults.append(f"{folder.name}: not in the table of docs/architecture.md")
                break
            for number, line in enumerate(file.read_text().splitlines(), 1):
                match = IMPORT.match(line)
                if match and match.group(1) not in allowed[folder.name] | ANYWHERE:
                    where = file.relative_to(root)
                    faults.append(f"{where}:{number}: {folder.name} may not import {match.group(1)}")
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"lint: {files} files, {len(faults)} forbidden imports")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
