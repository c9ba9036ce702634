#!/usr/bin/env bash
# Writes requirements/*.lock: every version with its hashes, for every platform, and no download address.
# Run it after a change of the dependencies in pyproject.toml:  make lock      (LOCK_UPGRADE=1 make lock: newer versions)
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-.cache/uv/uv}
upgrade=()
[ -z "${LOCK_UPGRADE:-}" ] || upgrade=(--upgrade)

compile() { # output, then what to take from pyproject.toml
    local output=$1
    shift
    "$uv" pip compile pyproject.toml --quiet --no-config --universal --python-version 3.11 --generate-hashes \
        --no-emit-package haechi --no-annotate --no-header "${upgrade[@]}" "$@" --output-file "$output"
    echo "lock: $output, $(grep -c '==' "$output") packages"
}

compile requirements/runtime.lock --extra demo --extra sites --group build
compile requirements/dev.lock --extra demo --extra sites --group dev --constraint requirements/runtime.lock
if grep -nE '^--|https?://|file:' requirements/*.lock; then
    echo "lock: the lines above hold an address or an option; they must not be committed" >&2
    exit 1
fi
