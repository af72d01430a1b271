"""Two pre-norm blocks in PyTorch and OpenVINO, as bench/scaling.cpp has them in heed.

Reads lines "WAY WORK WIDTH HEADS THREADS LENGTHS", with LENGTHS as scaling has them, and answers with milliseconds and bytes.
Every line is answered by a process of its own, so that one leaves no memory to the next.

eager       PyTorch, padded; a mask only where lengths differ
packed      PyTorch, all tokens as one long axis, attention sequence by sequence
openvino    OpenVINO in fp32, padded; forward alone
"""
import os
import statistics
import sys
import time

import torch

from encoder_torch import Block, attend_padded, attend_posts


def held(name):
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith(name))


def lengths_of(text):
    return [int(part.split("*")[-1]) for part in text.split(",") for _ in range(int(part.split("*")[0]) if "*" in part else 1)]


def median_milliseconds(run):
    """The median of as many runs as half a second has room for; of one that takes longer, its only one."""
    taken = []
    while not taken or sum(taken) < 0.5:
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return 1e3 * statistics.median(taken[1:] or taken)


class Blocks(torch.nn.Module):
    def __init__(self, width, heads, attention):
        super().__init__()
        self.blocks = torch.nn.ModuleList(Block(width, heads) for _ in range(2))
        self.norm, self.attention = torch.nn.LayerNorm(width), attention

    def forward(self, x):
        for block in self.blocks:
            x = block(x, self.attention)
        return self.norm(x)


def answer(way, work, width, heads, threads, lengths):
    lengths, width = lengths_of(lengths), int(width)
    torch.set_num_threads(int(threads))
    longest = max(lengths)
    if way == "packed":
        x, attention = torch.randn(sum(lengths), width), lambda qkv: attend_posts(qkv, lengths)
    else:
        mask = None if min(lengths) == longest else torch.arange(longest)[None] < torch.tensor(lengths)[:, None]
        x, attention = torch.randn(len(lengths), longest, width), lambda qkv: attend_padded(qkv, mask)
    model = Blocks(width, int(heads), attention)
    before = held("VmRSS")
    if way == "openvino":
        import openvino
        with torch.no_grad():
            converted = openvino.convert_model(model.eval(), example_input=(x,), input=[x.shape])
        before = held("VmRSS")
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": int(threads), "INFERENCE_PRECISION_HINT": "f32"}
        request = openvino.Core().compile_model(converted, "CPU", settings).create_infer_request()
        request.set_input_tensor(0, openvino.Tensor(x.numpy(), shared_memory=True))
        milliseconds = median_milliseconds(request.infer)
    elif work == "forward":
        with torch.inference_mode():
            milliseconds = median_milliseconds(lambda: model(x))
    else:
        x.requires_grad_()

        def step():
            model.zero_grad(set_to_none=True)
            y = model(x)
            y.backward(y.detach())
        milliseconds = median_milliseconds(step)
    return f"{milliseconds:.5g} {held('VmHWM') - before}"


if __name__ == "__main__":
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 0
            try:
                with open("/proc/self/clear_refs", "w") as peak:
                    peak.write("5")         # the most that was held begins anew
                print(answer(*line.split()), flush=True)
            except Exception as problem:
                print("error: " + " ".join(f"{type(problem).__name__}: {problem}".split())[:300], flush=True)
                code = 1
            os._exit(code)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) < 0:
            print("error: it was killed, or fell", flush=True)
