#!/usr/bin/env bash
# The whole suite: what needs no browser and no whole program side by side, the rest one after the other, because it
# measures time. Arguments go to pytest in both turns:  scripts/test.sh tests/record -k gap
set -uo pipefail
cd "$(dirname "$0")/.."
NOTHING_COLLECTED=5

turn() { # what it is, then arguments of pytest; leaves its exit status in $status
    echo "test: $1"
    shift
    .venv/bin/pytest -q "$@"
    status=$?
}

turn "unit, property, contract" -n "${TEST_WORKERS:-2}" --dist loadfile -m "not e2e and not interop" "$@"
first=$status
turn "end to end" -m e2e "$@"
second=$status
if ((first == NOTHING_COLLECTED && second == NOTHING_COLLECTED)); then
    exit $NOTHING_COLLECTED
fi
for one in $first $second; do
    ((one == 0 || one == NOTHING_COLLECTED)) || exit "$one"
done
