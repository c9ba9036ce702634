#!/usr/bin/env bash
# Runs the measurements in bench/. Each prints a table; what we keep of them stands in docs/ref/bench-*.md with date and machine.
set -euo pipefail
cd "$(dirname "$0")/.."
shopt -s nullglob
programs=()
for name in ${BENCH:-ingest record live}; do
    for candidate in "bench/$name.py" "bench/$name/__main__.py"; do
        [ ! -f "$candidate" ] || programs+=("$candidate")
    done
done
((${#programs[@]})) || { echo "bench: none of '${BENCH:-ingest record live}' is in bench/"; exit 1; }
for program in "${programs[@]}"; do
    module=${program%.py}
    module=${module%/__main__}
    .venv/bin/python -m "${module//\//.}"
done
