#!/usr/bin/env bash
# Runs every fuzz target in fuzz/ for a short while. A find is kept beside the target as crash-*: make it a test.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-20}
shopt -s nullglob
targets=(fuzz/fuzz_*.py)
((${#targets[@]})) || { echo "fuzz: there are no targets in fuzz/"; exit 0; }
if ! .venv/bin/python -c 'import atheris' 2>/dev/null; then
    echo "error: atheris is not in .venv. Remedy: it exists for Linux on x86_64 with Python 3.11 and 3.12; use one of them." >&2
    exit 1
fi
for target in "${targets[@]}"; do
    name=$(basename "$target" .py)
    corpus=.cache/fuzz/$name
    mkdir -p "$corpus"
    echo "fuzz: $name for $seconds s"
    if ! .venv/bin/python "$target" "$corpus" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="$corpus/" >"$corpus.log" 2>&1; then
        tail -n 40 "$corpus.log" >&2
        echo "error: $name found something (see above and $corpus). Remedy: make it a test, then mend the parser." >&2
        exit 1
    fi
    grep -oE 'Done [0-9]+ runs' "$corpus.log" | tail -n 1 || true
done
echo "fuzz: ${#targets[@]} targets, nothing found"
