#!/usr/bin/env bash
# What `make check` does: style, types, import rules, sizes, habits. Every part runs, then the result is told.
set -uo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
failed=()

step() { # name, then the command
    local name=$1 started=$SECONDS
    shift
    if output=$("$@" 2>&1); then
        printf 'check: %-28s ok (%d s)\n' "$name" $((SECONDS - started))
    else
        printf '%s\ncheck: %-28s FAILED\n' "$output" "$name"
        failed+=("$name")
    fi
}

step "style (ruff)" $bin/ruff check --quiet .
step "format (ruff)" $bin/ruff format --check --quiet .
step "types (mypy --strict)" $bin/mypy
step "imports (import-linter)" $bin/lint-imports --no-logo --cache-dir .cache/import-linter
step "sizes" $bin/python scripts/check_size.py
step "habits (tests/house)" $bin/pytest -q -p no:cacheprovider tests/house
[ ! -f ui/package.json ] || step "front end (style, types)" "${PYTHON:-$bin/python}" scripts/ui.py check

if ((${#failed[@]})); then
    printf 'check: %d of its parts failed: %s. Remedy: mend what stands above; `make fmt` mends style and format.\n' \
        "${#failed[@]}" "$(IFS=,; echo "${failed[*]}")" >&2
    exit 1
fi
echo "check: all is well"
