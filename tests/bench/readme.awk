# awk -f tests/bench/readme.awk build/bench.json README.md > new
#
# Puts the figures of a run of run.sh into the README, between the lines <!-- bench --> and <!-- /bench -->: nobody types
# numbers. A row whose figure the run does not have is left out; so is a peer.

function field(line, key,    at) {
    if (!match(line, "\"" key "\": (\"[^\"]*\"|[^,}]*)")) return ""
    at = substr(line, RSTART + length(key) + 4, RLENGTH - length(key) - 4)
    gsub(/"/, "", at)
    return at == "null" ? "" : at
}

# JSON: one figure a line
FNR == NR {
    name = field($0, "name")
    if (name == "") next
    value[name] = field($0, "value") + 0
    unit[name] = field($0, "unit")
    stick[name] = field($0, "yardstick")
    ratio[name] = field($0, "ratio")
    machine = field($0, "machine")
    next
}

# 1234567 as "1.23 M", 0.0123 as "0.0123": three digits, and what people read
function digits(number) {
    if (number >= 100) return sprintf("%.0f", number)
    if (number >= 10) return sprintf("%.1f", number)
    return sprintf("%.3g", number)
}

function told(name,    number, of) {
    number = value[name]
    of = unit[name]
    if (of == "1/s") {
        if (number >= 1e6) return digits(number / 1e6) " M/s"
        if (number >= 1e4) return digits(number / 1e3) " k/s"
        return digits(number) " /s"
    }
    if (of == "us" && number >= 1e4) return digits(number / 1e3) " ms"
    if (of == "ns" && number >= 1e3) return digits(number / 1e3) " us"
    if (of == "kB" && number >= 1e3) return digits(number / 1e3) " MB"
    if (of == "B") return digits(number) " bytes"
    if (of == "count") return digits(number)
    return digits(number) (of == "%" ? "" : " ") of
}

# peer: what the figure's name ends with in the names of the peers
function row(what, name, limit, limit_name, peer,    at_best, line) {
    if (!(name in value)) return
    at_best = (limit_name in value) ? limit ": " told(limit_name) : ""
    line = "| " what " | **" told(name) "** | " at_best " |"
    line = line " " (("peer_multiprocessing_" peer) in value ? told("peer_multiprocessing_" peer) : "") " |"
    line = line " " (("peer_process_pool_executor_" peer) in value ? told("peer_process_pool_executor_" peer) : "") " |"
    print line
}

function table() {
    print ""
    print "`sh tests/bench/run.sh` on " machine ". Medians, all of one run, with default settings; a task is"
    print "submitted, run by a daemon, waited for, and its result read and checked. Read the ratios: the bare machine and Python's"
    print "pools were measured in the same run. \"Without spinning\" means with `MIRAI_SPIN=0`; the rows with a tensor or libtorch"
    print "are there with `--torch`."
    print ""
    print "| | miraicore | the bare machine | `multiprocessing.Pool` | `ProcessPoolExecutor` |"
    print "| --- | --- | --- | --- | --- |"
    row("a task there and back", "roundtrip_hot_p50_us", "pipe", "pipe_pingpong_us", "roundtrip_p50_us")
    row("the same, 99 of 100 within", "roundtrip_hot_p99_us", "", "", "")
    row("with both sides asleep", "roundtrip_asleep_p50_us", "futex, asleep", "futex_pingpong_asleep_us", "")
    row("on one processor", "roundtrip_one_core_p50_us", "futex", "futex_pingpong_same_core_us", "")
    row("without spinning", "roundtrip_without_spinning_p50_us", "futex", "futex_pingpong_us", "")
    row("tasks, one daemon", "tasks_per_s_1", "", "", "tasks_per_s")
    row("tasks, a million of them queued", "tasks_per_s_queue_of_1m", "", "", "")
    row("tasks, two daemons", "tasks_per_s_2", "", "", "")
    row("elements of a map of numbers, two daemons", "map_elements_per_s", "", "", "map_elements_per_s")
    row("submitting a task", "submit_ns", "", "", "submit_ns")
    row("memory of a queued task", "bytes_per_queued_task", "", "", "bytes_per_queued_task")
    row("shortest task of which half the time is useful", "metg_us", "", "", "")
    row("1 MB there, a new 1 MB back", "echo_1mb_heap_us", "one `memcpy`", "memcpy_1mb_us", "echo_1mb_us")
    row("100 MB there, new 100 MB back", "echo_100mb_heap_us", "one `memcpy`", "memcpy_100mb_us", "echo_100mb_us")
    row("the same, both handed over", "echo_100mb_move_us", "", "", "")
    row("100 MB of a tensor there, a new one back", "echo_100mb_torch_us", "one `memcpy`", "memcpy_100mb_us", "")
    row("the same, both handed over", "echo_100mb_torch_move_us", "", "", "")
    row("100 MB filled here, summed there", "fillsum_100mb_us", "shared memory", "fillsum_warm_100mb_us", "")
    row("8 daemons ready", "start_8_ms", "", "", "start_8_ms")
    row("8 daemons ready with libtorch", "start_8_torch_ms", "8 programs", "load_8_libtorch_ms", "")
    row("private memory of an idle daemon", "idle_private_kb", "", "", "idle_private_kb")
    row("wake-ups of an idle pool in 10 s", "idle_wakeups_10s", "", "", "")
    row("processor time at 100 tasks a second", "cpu_at_100_tasks_per_s", "", "", "")
    print ""
}

/^<!-- bench -->$/ { print; table(); inside = 1; next }
/^<!-- \/bench -->$/ { inside = 0 }
!inside { print }
