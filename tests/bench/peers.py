#!/usr/bin/env python3
"""peers.py [tiny]: the same figures of what Python brings: one round, in the lines of bench.h.

multiprocessing.Pool, concurrent.futures.ProcessPoolExecutor, and where it is installed torch.multiprocessing.Pool.
"""
import concurrent.futures
import importlib
import os
import statistics
import sys
import time
from collections import deque

TINY = sys.argv[1:] == ["tiny"]
WINDOW = 256


def count(full):
    return max(full // 1000, 3) if TINY else full


def say(name, value, unit, yardstick="-"):
    print(name, f"{value:.6g}", unit, yardstick, flush=True)


def same(argument):
    return argument


def hold(seconds):
    time.sleep(seconds)


def copy(data):
    return bytearray(data)


def half(number):
    return number / 2


def pid(_):
    return os.getpid()


def sum_of(path, *fields):
    """Bytes: the sum of some lines of a file in /proc that count in kB."""
    with open(path) as lines:
        return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(fields))


def idle_private_kb(process):
    return sum_of(f"/proc/{process}/smaps_rollup", "Private_Clean:", "Private_Dirty:") / 1024


def median_us(call, full):
    times = []
    for turn in range(count(full)):
        began = time.perf_counter_ns()
        call(turn)
        times.append(time.perf_counter_ns() - began)
    return statistics.median(times) / 1e3


def check(call):
    def checked(turn):
        assert call(turn) == turn
    return checked


def rate(submit, full):
    """`submit` gives a function that waits for the result."""
    waiting, total = deque(), count(full)
    began = time.perf_counter_ns()
    for turn in range(total):
        if len(waiting) == WINDOW:
            wanted, wait = waiting.popleft()
            assert wait() == wanted
        waiting.append((turn, submit(turn)))
    for wanted, wait in waiting:
        assert wait() == wanted
    return 1e9 * total / (time.perf_counter_ns() - began)


def start_ms(make, workers, full):
    """Time until as many tasks as there are workers have come back."""
    times = []
    for _ in range(count(full)):
        began = time.perf_counter_ns()
        with make(workers) as pool:
            list(pool.map(same, range(workers)))
            times.append(time.perf_counter_ns() - began)
    return statistics.median(times) / 1e6


def echoes(name, call):
    for label, size, full in (("1mb", 1000000, 50), ("100mb", 100000000, 3)):
        data = bytes(size)
        say(f"{name}_echo_{label}_us", median_us(lambda _: call(data), full), "us")


def queue_figures(name, submit, total):
    """`submit` as for rate(). One worker holds while the others wait in the queue."""
    gate = submit(hold, 1)
    memory, began = sum_of("/proc/self/status", "RssAnon:"), time.perf_counter_ns()
    tasks = [submit(same, turn) for turn in range(total)]
    say(f"{name}_submit_ns", (time.perf_counter_ns() - began) / total, "ns")
    memory = sum_of("/proc/self/status", "RssAnon:") - memory
    say(f"{name}_bytes_per_queued_task", memory / total, "B")
    gate()
    assert tasks[-1]() == total - 1


def pool_figures(name, module):
    with module.Pool(1) as pool:
        call = check(lambda turn: pool.apply(same, (turn,)))
        median_us(call, 500)
        say(f"{name}_roundtrip_p50_us", median_us(call, 2000), "us")
        say(f"{name}_tasks_per_s", rate(lambda turn: pool.apply_async(same, (turn,)).get, 10000), "1/s")
        queue_figures(name, lambda function, argument: pool.apply_async(function, (argument,)).get, count(50000))
        echoes(name, lambda data: pool.apply(copy, (data,)))
    with module.Pool(2) as pool:
        say(f"{name}_idle_private_kb", idle_private_kb(pool.apply(pid, (0,))), "kB")
        numbers = [float(number) for number in range(count(2000000))]
        began = time.perf_counter_ns()
        halves = pool.map(half, numbers)
        say(f"{name}_map_elements_per_s", 1e9 * len(numbers) / (time.perf_counter_ns() - began), "1/s")
        assert halves[-1] == numbers[-1] / 2
    say(f"{name}_start_8_ms", start_ms(module.Pool, 8, 5), "ms")
    say(f"{name}_start_8_spawn_ms", start_ms(module.get_context("spawn").Pool, 8, 1), "ms")


def executor_figures(name):
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        call = check(lambda turn: pool.submit(same, turn).result())
        median_us(call, 500)
        say(f"{name}_roundtrip_p50_us", median_us(call, 2000), "us")
        say(f"{name}_tasks_per_s", rate(lambda turn: pool.submit(same, turn).result, 5000), "1/s")
        queue_figures(name, lambda function, argument: pool.submit(function, argument).result, count(20000))
        echoes(name, lambda data: pool.submit(copy, data).result())
    say(f"{name}_start_8_ms", start_ms(concurrent.futures.ProcessPoolExecutor, 8, 5), "ms")


def apart(figures, *arguments):
    """In a process of its own, whose memory nobody has used before."""
    process = importlib.import_module("multiprocessing").Process(target=figures, args=arguments)
    process.start()
    process.join()
    if process.exitcode != 0:
        sys.exit(1)


def torch_figures():
    try:
        torch = importlib.import_module("torch.multiprocessing")
    except ImportError:
        return
    pool_figures("peer_torch_multiprocessing", torch)


def main():
    apart(pool_figures, "peer_multiprocessing", importlib.import_module("multiprocessing"))
    apart(executor_figures, "peer_process_pool_executor")
    apart(torch_figures)


if __name__ == "__main__":
    main()
