#!/bin/sh
# sh tests/bench/run.sh [--rounds N] [--json FILE] [--programs FOLDER] [--torch] [--readme] [--tiny]
#
# Builds in build-bench/ (Release), runs rounds of all programs in turn (5), prints a table of medians and writes
# build/bench.json: a list with one object per figure. It takes some three minutes and wants the machine for itself.
#   --programs FOLDER  does not build, but takes the programs from there
#   --torch            builds the wrapper as well, and measures how daemons that load libtorch start and pass tensors
#   --readme           puts the figures into README.md as well (readme.awk)
#   --tiny             one round of tiny counts, which only shows that everything runs
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/tests/bench
rounds=5
json=$root/build/bench.json
programs=
torch=OFF
readme=
size=full
while [ "$#" -gt 0 ]; do
    case $1 in
    --rounds) rounds=$2 && shift ;;
    --json) json=$2 && shift ;;
    --programs) programs=$2 && shift ;;
    --torch) torch=ON ;;
    --readme) readme=$root/README.md ;;
    --tiny) size=tiny rounds=1 ;;
    *)
        echo "run.sh: unknown argument '$1'; there are --rounds, --json, --programs, --torch, --readme, --tiny" >&2
        exit 1
        ;;
    esac
    shift
done

if [ -z "$programs" ]; then
    sh "$root/cmake/install-packages.sh" build test $([ "$torch" = OFF ] || echo torch)
    cmake -S "$root" -B "$root/build-bench" -DCMAKE_BUILD_TYPE=Release -DMIRAICORE_TESTS=ON "-DMIRAICORE_TORCH=$torch" >&2
    cmake --build "$root/build-bench" --target bench --parallel "$(sh "$root/cmake/jobs.sh")" >&2
    programs=$root/build-bench/tests/bench
fi

figures=$(mktemp)
trap 'rm -f "$figures" "$figures.md"' EXIT
trap 'exit 130' INT TERM
load=$(cut -d ' ' -f 1 /proc/loadavg)
unset MIRAI_TRANSPORT MIRAI_SPIN MIRAI_AHEAD # default settings
round=1
while [ "$round" -le "$rounds" ]; do
    for program in yardsticks nng_yardstick roundtrip tasks many payload idle scale; do
        echo "round $round of $rounds: $program" >&2
        "$programs/bench_$program" "$size" >>"$figures"
    done
    MIRAI_SPIN=0 "$programs/bench_roundtrip" "$size" >>"$figures"
    for program in torch_start torch_echo; do
        [ -x "$programs/bench_$program" ] || continue
        echo "round $round of $rounds: $program" >&2
        "$programs/bench_$program" "$size" >>"$figures"
    done
    if command -v python3 >/dev/null 2>&1; then
        echo "round $round of $rounds: peers" >&2
        python3 -B "$here/peers.py" "$size" >>"$figures"
    fi
    round=$((round + 1))
done

processor=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
machine="${processor:-$(uname -m)}, $(getconf _NPROCESSORS_ONLN) processors, $(uname -s) $(uname -r)"
mkdir -p "$(dirname "$json")"
echo "$machine; load when it began: $load; $rounds rounds"
awk -v machine="$machine" -v json="$json" -f "$here/report.awk" "$here/names.txt" "$figures"
echo "written to $json"
if [ -n "$readme" ]; then
    awk -f "$here/readme.awk" "$json" "$readme" >"$figures.md"
    cat "$figures.md" >"$readme"
fi
