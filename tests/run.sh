#!/bin/sh
# sh tests/run.sh [--sanitize | --valgrind | --times <n>] [-D<CMake option>]... [-- <ctest arguments>]
#
# Installs what is missing (Debian, root or sudo), builds everything and runs the whole ctest suite:
#   (nothing)    in build-tests/, optimised
#   --sanitize   in build-asan/ under AddressSanitizer and UBSan, then in build-tsan/ under
#                ThreadSanitizer, there without torch
#   --valgrind   in build-valgrind/ under valgrind, of torch only the vignette
#   --times <n>  as with nothing, and what may depend on luck n times in a row, until one fails
# For example: sh tests/run.sh -DMIRAICORE_TORCH=OFF -- -R unit
# The log of a failed run stays in <build folder>/Testing/Temporary/LastTest.log.
set -eu
cd "$(dirname "$0")/.."

mode=plain
times=1
torch=ON
options=
while [ "$#" -gt 0 ]; do
    case $1 in
    --sanitize) mode=sanitize ;;
    --valgrind) mode=valgrind ;;
    --times)
        case ${2:-} in
        '' | *[!0-9]*)
            echo "run.sh: --times wants a number" >&2
            exit 1
            ;;
        esac
        times=$2
        shift
        ;;
    -DMIRAICORE_TORCH=*) torch=${1#*=} ;;
    -D*) options="$options $1" ;;
    --)
        shift
        break
        ;;
    *)
        echo "run.sh: unknown argument '$1'; there are --sanitize, --valgrind, --times, -D<option>, --" >&2
        exit 1
        ;;
    esac
    shift
done
# What is left in "$@" goes to ctest.

# suite <build folder> <with torch> "<CMake options>" <ctest arguments>...
# Configures, builds, runs. Reports of sanitizers and of valgrind go to <build folder>/reports, those of
# daemons too (whose stderr nobody sees); any report there is a failure.
suite()
{
    folder=$1
    # shellcheck disable=SC2086  # lists of options, to be split
    cmake -S . -B "$folder" -DMIRAICORE_TESTS=ON -DMIRAICORE_TORCH="$2" $3 $options || return 1
    shift 3
    rm -rf "$folder/reports"
    mkdir "$folder/reports"
    began=$(date +%s)
    cmake --build "$folder" --parallel "$(sh cmake/jobs.sh)" || return 1
    built=$(date +%s)
    failed=0
    ctest --test-dir "$folder" --output-on-failure --parallel $((2 * $(sh cmake/jobs.sh))) "$@" || failed=1
    echo "--- $folder: built in $((built - began)) s, tested in $(($(date +%s) - built)) s"
    # What LeakSanitizer says of threads that a forked child does not have is no finding, nor are valgrind's
    # notes ("--12345-- ...") on system calls that it does not know, such as pidfd_open, and on ioctls; nor that a
    # process died of a signal, which is what some tests want, and where: where none does, its test fails.
    noise="was not suspended. False leaks are possible|^--[0-9]+-- |noted but unhandled ioctl|could cause spurious value errors"
    noise="$noise|README_MISSING_SYSCALL_OR_IOCTL|Process terminating with default action|Bad permissions for mapped region"
    noise="$noise|^==[0-9]+== *\$|^==[0-9]+==    (at|by) 0x"
    # shellcheck disable=SC2013
    for report in $(grep -rlvE "$noise" "$folder/reports"); do
        echo "--- $report" >&2
        cat "$report" >&2
        failed=1
    done
    [ "$failed" -eq 0 ] ||
        echo "--- failed; the log is $folder/Testing/Temporary/LastTest.log" >&2
    return "$failed"
}

# Signals are left to their default, so that a daemon that crashes is seen to die of its signal.
signals="handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0"
# Nothing is learnt from these under a sanitizer or valgrind; nor by running them twice, as is true of consumers too.
uninstrumented="^(rules|abi|bench|model)$"
lasting="^(rules|abi|bench|model|consumer)$"

packages="build test"
[ "$torch" = OFF ] || packages="$packages torch data"
[ "$mode" = valgrind ] && packages="$packages valgrind"
# shellcheck disable=SC2086
sh cmake/install-packages.sh $packages

case $mode in
plain)
    suite build-tests "$torch" "-DCMAKE_BUILD_TYPE=RelWithDebInfo" "$@"
    round=1
    while [ "$round" -lt "$times" ]; do
        round=$((round + 1))
        began=$(date +%s)
        ctest --test-dir build-tests --output-on-failure --parallel $((4 * $(sh cmake/jobs.sh))) \
            -LE "$lasting" "$@" >build-tests/round.log 2>&1 || {
            cat build-tests/round.log
            echo "--- failed in round $round of $times" >&2
            exit 1
        }
        echo "--- round $round of $times: $(grep 'tests passed' build-tests/round.log) in $(($(date +%s) - began)) s"
    done
    ;;
sanitize)
    broken=0 # a name of its own: suite() has one
    export ASAN_OPTIONS="detect_leaks=1:strict_string_checks=1:$signals:log_path=$PWD/build-asan/reports/asan"
    export UBSAN_OPTIONS="print_stacktrace=1:log_path=$PWD/build-asan/reports/ubsan"
    export LSAN_OPTIONS="suppressions=$PWD/tests/support/lsan.supp:print_suppressions=0"
    suite build-asan "$torch" "-DCMAKE_BUILD_TYPE=Debug -DMIRAICORE_SANITIZE=address,undefined" \
        -LE "$uninstrumented" "$@" || broken=1
    export TSAN_OPTIONS="second_deadlock_stack=1:atexit_sleep_ms=0:$signals:log_path=$PWD/build-tsan/reports/tsan"
    [ -f tests/support/tsan.supp ] && TSAN_OPTIONS="$TSAN_OPTIONS:suppressions=$PWD/tests/support/tsan.supp"
    suite build-tsan OFF "-DCMAKE_BUILD_TYPE=Debug -DMIRAICORE_SANITIZE=thread" \
        -LE "$uninstrumented" "$@" || broken=1
    exit "$broken"
    ;;
valgrind)
    launcher="valgrind;--quiet;--fair-sched=yes;--error-exitcode=99;--leak-check=full;--errors-for-leak-kinds=definite;--show-leak-kinds=definite"
    launcher="$launcher;--trace-children=yes;--trace-children-skip=/bin/*,/usr/bin/*"
    launcher="$launcher;--log-file=$PWD/build-valgrind/reports/%p"
    launcher="$launcher;--suppressions=$PWD/tests/support/valgrind.supp"
    suite build-valgrind "$torch" "-DCMAKE_BUILD_TYPE=RelWithDebInfo -DMIRAICORE_TEST_LAUNCHER=$launcher" \
        -LE "^(rules|abi|bench|model|consumer|torch)$" -E "examples.08_train" "$@"
    ;;
esac
