"""No source file is longer than 400 lines: one that grows past it hides something that wants a name of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LIMIT = 400
PATTERNS = ("*.py", "*.ts", "*.tsx", "*.css", "*.sh")
ROOT = Path(__file__).resolve().parents[1]


def tracked(root: Path) -> list[Path]:
    """Files that git knows or would take in."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *PATTERNS]
    names = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()
    return [root / name for name in names if (root / name).is_file()]


def too_long(paths: list[Path]) -> list[tuple[int, Path]]:
    """Line counts and paths of the files over the limit, the longest first."""
    counts = [(len(path.read_text(encoding="utf-8").splitlines()), path) for path in paths]
    return sorted(((count, path) for count, path in counts if count > LIMIT), reverse=True)


def main() -> int:
    """The command."""
    offenders = too_long(tracked(ROOT))
    for count, path in offenders:
        print(f"{path.relative_to(ROOT)}: {count} lines, the limit is {LIMIT}: what is it hiding?")
    return 1 if offenders else 0


if __name__ == "__main__":
    sys.exit(main())
