#!/usr/bin/env python3
"""peers.py [tiny]: the same figures of what Python brings: one round, in the lines of bench.h.

multiprocessing.Pool, concurrent.futures.ProcessPoolExecutor, and where it is installed torch.multiprocessing.Pool.
"""
import concurrent.futures
import importlib
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
    """Time until each of the workers has run a task."""
    times = []
    for _ in range(count(full)):
        began = time.perf_counter_ns()
        with make(workers) as pool:
            pool.map(same, range(workers), 1)
            times.append(time.perf_counter_ns() - began)
    return statistics.median(times) / 1e6


def pool_figures(name, module):
    with module.Pool(1) as pool:
        call = check(lambda turn: pool.apply(same, (turn,)))
        median_us(call, 500)
        say(f"{name}_roundtrip_p50_us", median_us(call, 2000), "us")
        say(f"{name}_tasks_per_s", rate(lambda turn: pool.apply_async(same, (turn,)).get, 10000), "1/s")
        for label, size, full in (("1mb", 1000000, 50), ("100mb", 100000000, 3)):
            data = bytes(size)
            say(f"{name}_echo_{label}_us", median_us(lambda _: pool.apply(copy, (data,)), full), "us")
        gate = pool.apply_async(hold, (0.5,))
        total = count(20000)
        began = time.perf_counter_ns()
        tasks = [pool.apply_async(same, (turn,)) for turn in range(total)]
        say(f"{name}_submit_ns", (time.perf_counter_ns() - began) / total, "ns")
        gate.get()
        assert tasks[-1].get() == total - 1
    say(f"{name}_start_8_ms", start_ms(module.Pool, 8, 5), "ms")


def executor_figures(name):
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        call = check(lambda turn: pool.submit(same, turn).result())
        median_us(call, 500)
        say(f"{name}_roundtrip_p50_us", median_us(call, 2000), "us")
        say(f"{name}_tasks_per_s", rate(lambda turn: pool.submit(same, turn).result, 5000), "1/s")


def main():
    pool_figures("peer_multiprocessing", importlib.import_module("multiprocessing"))
    executor_figures("peer_process_pool_executor")
    try:
        torch = importlib.import_module("torch.multiprocessing")
    except ImportError:
        return
    pool_figures("peer_torch_multiprocessing", torch)


if __name__ == "__main__":
    main()
