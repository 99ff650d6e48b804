#!/bin/sh
# Check a model with Spin:  run.sh <C compiler> <model>
# It must hold as it is, and fail where one of its rules is broken on purpose: else it would show nothing.
# Exit 77 (skipped) where Spin is not installed.
set -eu

compiler=$1 model=$2 folder=$(cd "$(dirname "$0")" && pwd)
command -v spin >/dev/null 2>&1 || { echo "Spin (spin) is not installed"; exit 77; }
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"

# check holds|fails <option>...
check()
{
    expected=$1
    shift
    spin "$@" -a "$folder/$model.pml" >spin.out || { cat spin.out; exit 1; }
    "$compiler" -O1 -w -DSAFETY -o pan pan.c
    ./pan -w22 -m1000000 >pan.out
    grep -q 'depth reached' pan.out && ! grep -Eq 'max search depth|out of memory' pan.out || { cat pan.out; exit 1; }
    found=fails
    if grep -q 'errors: 0$' pan.out; then found=holds; fi
    echo "$model $* $found: $(grep 'states, stored' pan.out)"
    [ $found = "$expected" ] || { cat pan.out; exit 1; }
}

case $model in
bell)
    check holds -DMUTANT=0
    for mutant in 1 2 3 4 5 6; do check fails -DMUTANT=$mutant; done
    check holds -DTO_HOST
    for mutant in 1 2 3; do check fails -DTO_HOST -DMUTANT=$mutant; done
    ;;
claim)
    for slots in 2 3; do check holds -DSLOTS=$slots; done
    for mutant in 1 2 3 4 5 6 7 8; do check fails -DMUTANT=$mutant; done
    ;;
*)
    echo "there is no model $model" >&2
    exit 1
    ;;
esac
