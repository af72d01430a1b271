"""What the peers of the feed encoder share: the weights and batches that `encoder --export` wrote, and how they answer.

A peer is a process that reads lines "WAY WORK THREADS REPEATS" and answers each with milliseconds, run by run, after one
that is not counted; or with "error: ...". Its first line is JSON: {"ways": {way: [works]}, "about": versions and settings}.
"""
import json
import sys
import time

import numpy as np

D, HEADS, DEPTH, LAYERS, WORDS, NUMBERS = 256, 8, 32, 2, 50_000, 24
TYPES = {"F32": np.float32, "I32": np.int32}


def read_safetensors(path):
    data = np.memmap(path, mode="r")
    size = int.from_bytes(data[:8].tobytes(), "little")
    tensors = {}
    for name, about in json.loads(data[8 : 8 + size].tobytes()).items():
        if name != "__metadata__":
            begin, end = about["data_offsets"]
            tensors[name] = np.frombuffer(data[8 + size + begin : 8 + size + end].tobytes(), dtype=TYPES[about["dtype"]]).reshape(about["shape"])
    return tensors


class Batch:
    """Posts as they lie in the file, one after another; and padded to the longest."""

    def __init__(self, lengths, tokens, numbers, labels):
        self.lengths, self.tokens, self.numbers, self.labels = lengths, tokens, numbers, labels
        self.mask = np.arange(lengths.max())[None, :] < lengths[:, None]
        self.padded = np.zeros(self.mask.shape, np.int64)
        self.padded[self.mask] = tokens


def read_batch(tensors, work):
    return Batch(*(tensors[f"{work}.{part}"] for part in ("lengths", "tokens", "numbers", "labels")))


def drawn_batch(tensors, posts, number):
    """Batch `number` of uneven posts; which tokens and numbers they have matters to no clock."""
    lengths = tensors["latency.lengths"][number * posts : (number + 1) * posts]
    random = np.random.default_rng(number)
    return Batch(lengths, random.integers(0, WORDS, lengths.sum()), random.standard_normal((posts, NUMBERS), np.float32), np.zeros(posts, np.float32))


def timed(run, repeats, warm=True):
    if warm:
        run()
    milliseconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        milliseconds.append(1e3 * (time.perf_counter() - start))
    return milliseconds


def serve(about, ways, answer):
    """answer(way, work, threads, repeats) -> milliseconds; "check" for the number of repeats: the largest difference to heed's."""
    print(json.dumps({"ways": ways, "about": about}), flush=True)
    for line in sys.stdin:
        way, work, threads, repeats = line.split()
        try:
            result = answer(way, work, int(threads), repeats if repeats == "check" else int(repeats))
            print(" ".join(f"{x:.9g}" for x in result), flush=True)
        except Exception as problem:  # a peer that fails is named in the table
            print("error: " + " ".join(f"{type(problem).__name__}: {problem}".split())[:300], flush=True)
