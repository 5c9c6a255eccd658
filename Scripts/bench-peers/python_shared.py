"""multiprocessing's shared objects, as `luafleet bench shared` measures ours: python3 python_shared.py."""

import json
import multiprocessing
import os
import statistics
import time
from multiprocessing import shared_memory

RUNS = 3
context = multiprocessing.get_context("fork")


def produce(queue, count):
    for number in range(count):
        queue.put(number)


def consume(queue, count):
    for _ in range(count):
        queue.get()


def ping(end, count):
    for number in range(count):
        end.send(number)
        end.recv()


def pong(end, count):
    for _ in range(count):
        end.send(end.recv())


def lock_release(lock, count):
    for _ in range(count):
        lock.acquire()
        lock.release()


def add(value, count):
    for _ in range(count):
        with value.get_lock():
            value.value += 1


def element(array, count):
    for _ in range(count):
        array[7] = array[7] + 1


def set_key(table, count):
    for number in range(count):
        table["key"] = number


def get_key(table, count):
    for _ in range(count):
        table["key"]


def measure(count, calls, operations=None):
    """Nanoseconds an operation; each call in a process of its own, which starts before the clock does and ends after it."""
    barrier = context.Barrier(len(calls) + 1)

    def run(function, argument):
        barrier.wait()
        function(argument, count)
        barrier.wait()

    processes = [context.Process(target=run, args=call) for call in calls]
    for process in processes:
        process.start()
    barrier.wait()
    start = time.perf_counter()
    barrier.wait()
    elapsed = time.perf_counter() - start
    for process in processes:
        process.join()
    return elapsed * 1e9 / (operations or count)


def queue():
    shared = context.Queue(100)
    return measure(20_000, [(produce, shared), (consume, shared)])


def pipe():
    one, other = context.Pipe()
    return measure(10_000, [(ping, one), (pong, other)])


def lock(processes):
    shared = context.Lock()
    count = 1_000_000 // processes
    return measure(count, [(lock_release, shared)] * processes, 1_000_000)


def value(processes):
    shared = context.Value("q", 0)
    return measure(100_000, [(add, shared)] * processes, 100_000 * processes)


def array():
    return measure(100_000, [(element, context.Array("d", 16))])


def dictionary(function):
    with context.Manager() as manager:
        return measure(10_000, [(function, manager.dict(key=1))])


def proportional_set_size(pid):
    with open(f"/proc/{pid}/smaps_rollup") as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def memory():
    """MiB that 256 MiB in four processes take, counted by halves and quarters (PSS)."""
    size = 256 << 20
    go, ready = context.Event(), context.Semaphore(0)
    block = shared_memory.SharedMemory(create=True, size=size)

    def touch():
        sum(block.buf[::4096])
        ready.release()
        go.wait()

    def used(processes):
        return sum(proportional_set_size(pid) for pid in [os.getpid(), *(p.pid for p in processes)])

    try:
        before = used([])
        for place in range(0, size, 4096):
            block.buf[place] = 1
        processes = [context.Process(target=touch) for _ in range(4)]
        for process in processes:
            process.start()
        for _ in processes:
            ready.acquire()
        after = used(processes)
        go.set()
        for process in processes:
            process.join()
        return after - before
    finally:
        block.close()
        block.unlink()


WORKLOADS = {
    "queue": queue,
    "pipe": pipe,
    "lock.free": lambda: lock(1),
    "lock.contended": lambda: lock(2),
    "value.add": lambda: value(1),
    "value.add.contended": lambda: value(2),
    "array.element": array,
    "dictionary.set": lambda: dictionary(set_key),
    "dictionary.get": lambda: dictionary(get_key),
    "memory.256MiB": memory,
}

for name, work in WORKLOADS.items():
    values = [work() for _ in range(RUNS)]
    unit = "MiB" if name.startswith("memory") else "ns"
    line = {
        "workload": "shared." + name, "peer": "python-multiprocessing", "unit": unit, "median": statistics.median(values),
        "min": min(values), "max": max(values), "runs": RUNS,
    }
    print(json.dumps(line), flush=True)
