#!/usr/bin/env bash
# Runs every fuzz target in fuzz/ for a short while. A find is kept in .cache/fuzz as crash-*: make it a test.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! .venv/bin/python -c 'import atheris' 2>/dev/null; then
    echo "error: atheris is not in .venv. Remedy: it exists for Linux on x86_64 with Python 3.11 and 3.12; use one of them." >&2
    exit 1
fi
exec .venv/bin/python -m fuzz.run --seconds "${FUZZ_SECONDS:-20}"
