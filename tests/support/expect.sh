#!/bin/sh
# sh expect.sh <pattern> <command>...
# Runs the command with three lines as its input ("one", "two", "three"), shows its output, and fails if
# it fails or if its output has no line that matches one of the patterns (extended, one a line).
set -u
patterns=$1
shift
output=$(printf 'one\ntwo\nthree\n' | "$@" 2>&1)
status=$?
printf '%s\n' "$output"
printf '%s\n' "$patterns" | {
    while IFS= read -r pattern; do
        printf '%s\n' "$output" | grep -Eq -- "$pattern" && continue
        echo "expect.sh: no line of the output matches: $pattern" >&2
        status=1
    done
    exit "$status"
}
