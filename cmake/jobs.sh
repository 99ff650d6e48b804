#!/bin/sh
# Prints how many compilers may run at once: one per processor, but one per 1.5 GB of memory at most,
# because a file that includes libtorch takes 1 GB to compile.
cpus=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
by_memory=$(awk '/^MemTotal:/ { print int($2 / 1500000) }' /proc/meminfo 2>/dev/null)
jobs=$cpus
[ "${by_memory:-$cpus}" -lt "$jobs" ] && jobs=$by_memory
[ "$jobs" -lt 1 ] && jobs=1
echo "$jobs"
