"""multiprocessing.Pool and ProcessPoolExecutor on the workloads of PERFORMANCE.md: python3 python_pool.py [W5 …]."""

import json
import multiprocessing
import statistics
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor

RUNS = 3
context = multiprocessing.get_context("fork")


def square(x):
    return x * x


def echo(x):
    return x


def warmed(pool):
    """Workers that have started: their start is W4, not this."""
    pool.map(square, range(64), chunksize=1)
    return pool


def rate(count, work):
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


def per_second(count, work, unit="tasks/s", processes=2, **options):
    """Runs work(pool) on a fresh pool each time."""

    def once():
        with context.Pool(processes, **options) as pool:
            return rate(count, lambda: work(pool if options else warmed(pool)))

    return unit, [once() for _ in range(RUNS)]


def exhaust(results):
    for _ in results:
        pass


def w1b(pool, count=20_000, callers=64):
    """64 callers, each of which waits for its call, as ours do."""

    def call(numbers):
        for i in numbers:
            pool.apply_async(square, (i,)).get()

    threads = [threading.Thread(target=call, args=(range(n, count, callers),)) for n in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def w1b_callbacks(pool, count=20_000, callers=64):
    """64 calls are out at any time, and nobody waits for one: the fastest that apply_async can be had."""
    places = threading.Semaphore(callers)
    for i in range(count):
        places.acquire()
        pool.apply_async(square, (i,), callback=lambda _: places.release())
    for _ in range(callers):
        places.acquire()


def latency(call):
    call(1)
    times = []
    for i in range(5_000):
        start = time.perf_counter()
        call(i)
        times.append((time.perf_counter() - start) * 1e6)
    times.sort()
    return times[len(times) // 2], times[len(times) * 99 // 100]


def w3_pool():
    with context.Pool(2) as pool:
        return latency(lambda i: pool.apply(square, (i,)))


def w3_executor():
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        return latency(lambda i: pool.submit(square, i).result())


def w4(processes):
    start = time.perf_counter()
    with context.Pool(processes) as pool:
        pool.apply(square, (3,))
        pool.close()
        pool.join()
    return (time.perf_counter() - start) * 1e3


def w10():
    def pss(pid):
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("Pss:")) / 1024

    with context.Pool(64) as pool:
        pool.map(square, range(1000), chunksize=1)
        time.sleep(0.5)
        return statistics.mean(pss(process.pid) for process in pool._pool)


def executor(count, work):
    def once():
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            exhaust(pool.map(square, range(64)))
            return rate(count, lambda: work(pool))

    return "tasks/s", [once() for _ in range(RUNS)]


TABLE = {f"key{i}": i + 0.5 for i in range(1, 1001)}
TEXT = b"a" * (8 << 20)
MEGABYTES = 2 * 64 * len(TEXT) / 1e6

# name -> a function that gives (peer, suffix, unit, values) for each figure
WORKLOADS = {
    "W1a": lambda: [
        ("python-pool", "", *per_second(100_000, lambda p: p.map(square, range(100_000), chunksize=1))),
        ("python-executor", "", *executor(20_000, lambda p: exhaust(p.map(square, range(20_000))))),
    ],
    "W1b": lambda: [
        ("python-pool", "", *per_second(20_000, w1b)),
        ("python-pool-callbacks", "", *per_second(20_000, w1b_callbacks)),
    ],
    "W2": lambda: [("python-pool", "", *per_second(1_000_000, lambda p: p.map(square, range(1_000_000)), "items/s"))],
    "W3": lambda: [
        (peer, suffix, "us", list(values))
        for peer, call in (("python-pool", w3_pool), ("python-executor", w3_executor))
        for suffix, values in zip((".p50", ".p99"), zip(*(call() for _ in range(RUNS))))
    ],
    "W4": lambda: [("python-pool", f".{n}", "ms", [w4(n) for _ in range(RUNS)]) for n in (2, 64)],
    "W5": lambda: [
        ("python-pool", "", *per_second(2_000, lambda p: p.map(square, range(2_000), chunksize=1), maxtasksperchild=1))
    ],
    "W7": lambda: [
        ("python-pool", "", *per_second(MEGABYTES, lambda p: exhaust(p.imap(echo, [TEXT] * 64)), "MB/s")),
    ],
    "W8": lambda: [("python-pool", "", *per_second(2_000, lambda p: exhaust(p.imap(echo, [TABLE] * 2_000))))],
    "W10": lambda: [("python-pool", ".pss", "MiB", [w10()])],
}


def main():
    names = sys.argv[1:] or list(WORKLOADS)
    for name in names:
        for peer, suffix, unit, values in WORKLOADS.get(name, list)():
            line = {
                "workload": name + suffix, "peer": peer, "unit": unit, "median": statistics.median(values),
                "min": min(values), "max": max(values), "runs": len(values),
            }
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
