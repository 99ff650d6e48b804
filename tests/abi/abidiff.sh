#!/bin/sh
# Compare a library with the committed ABI baseline:  abidiff.sh <library> <baseline> <include folder>
# With --write first, the baseline is written anew: to be done in the commit that changes the ABI on purpose.
# Exit 77 (skipped) where libabigail is not installed or the library has no debug information.
set -eu

write=no
if [ "$1" = --write ]; then write=yes; shift; fi
library=$1 baseline=$2 include=$3
dump=$(mktemp)
trap 'rm -f "$dump"' EXIT

command -v abidw >/dev/null 2>&1 || { echo "libabigail (abigail-tools) is not installed"; exit 77; }
readelf -S "$library" | grep -q '\.debug_info' || { echo "$library has no debug information"; exit 77; }

abidw --headers-dir "$include" --exported-interfaces-only --no-corpus-path --no-comp-dir-path --no-show-locs \
      --drop-private-types --type-id-style hash --out-file "$dump" "$library"
# Where it was built is nobody's business.
sed -i "s#path='[^']*/src/#path='src/#" "$dump"

if [ "$write" = yes ]; then
    cp "$dump" "$baseline"
    echo "wrote $baseline"
    exit 0
fi
if ! abidiff "$baseline" "$dump"; then
    echo "The ABI differs from $baseline. Removed or changed: a new major version. Added: write the baseline anew with"
    echo "  sh tests/abi/abidiff.sh --write $library $baseline $include"
    exit 1
fi
echo "the ABI of $library is that of $baseline"
