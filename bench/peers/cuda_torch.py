#!/usr/bin/env python3
"""What PyTorch reaches in the rows of bench/cuda.cu: `./dev cuda bench` runs it where python3 has it, and it a GPU.

    cuda_torch.py               on the GPU, in the sizes of bench/cuda.cu
    cuda_torch.py --try         every row on the processor, in small sizes: that the program runs, and nothing more

Medians of 21 runs, each of so many calls that it takes a millisecond or more, after one that is not counted.
"""
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

TRY = sys.argv[1:] == ["--try"]
DEVICE = "cpu" if TRY else "cuda"
RUNS = 3 if TRY else 21


def seconds_of(calls, f):
    if TRY:
        start = time.perf_counter()
        for _ in range(calls):
            f()
        return (time.perf_counter() - start) / calls
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    for _ in range(calls):
        f()
    end.record()
    end.synchronize()
    return 1e-3 * start.elapsed_time(end) / calls


def row(name, f, work=None, unit="TF/s"):
    try:
        f()
        calls = min(1000, max(1, int(1e-3 / seconds_of(1, f))))
        seconds = statistics.median(seconds_of(calls, f) for _ in range(RUNS))
        print(f"{name:<74} {1e6 * seconds:10.1f} us" + (f" {1e-12 * work / seconds:8.2f} {unit}" if work else ""), flush=True)
    except Exception as problem:  # a way that this PyTorch or this GPU does not have is named
        print(f"{name:<74} {' '.join(str(problem).split())[:100]}", flush=True)


def numbers(*sizes, dtype=torch.float32):
    return torch.rand(sizes, device=DEVICE).sub_(0.5).to(dtype)


def elementwise_rows(batch, token, model):
    x, y, z = numbers(batch, token, model), numbers(batch, token, model), numbers(batch, token, model)
    weight, bias, count = numbers(model), numbers(model), x.numel()
    row("z = x + y, float", lambda: torch.add(x, y, out=z), 12 * count, "TB/s")
    row("z = gelu(x), float", lambda: F.gelu(x), 8 * count, "TB/s")
    row("LayerNorm, float", lambda: F.layer_norm(x, (model,), weight, bias), 8 * count, "TB/s")
    row("softmax of rows, float", lambda: torch.softmax(x, -1), 8 * count, "TB/s")
    row("gradient of a bias: sum over batch and token, float", lambda: x.sum((0, 1)), 4 * count, "TB/s")


def product_rows(batch, token, model, inner):
    half = torch.bfloat16
    x, h, w, back, bias = numbers(batch * token, model, dtype=half), numbers(batch * token, inner, dtype=half), numbers(inner, model, dtype=half), numbers(model, inner, dtype=half), numbers(inner, dtype=half)
    flops = 2 * batch * token * model * inner
    row("h = x w, bf16", lambda: F.linear(x, w), flops)
    row("h = x w + bias, bf16", lambda: F.linear(x, w, bias), flops)
    row("h = gelu_tanh(x w + bias), bf16", lambda: F.gelu(F.linear(x, w, bias), approximate="tanh"), flops)
    row("h = gelu(x w + bias), bf16", lambda: F.gelu(F.linear(x, w, bias)), flops)
    row("z = x + h w, bf16", lambda: torch.addmm(x, h, back.T), flops)
    row("w = x h, the gradient of a weight, bf16", lambda: h.T @ x, flops)
    x, w = x.float(), w.float()
    row("h = x w, TF32", lambda: F.linear(x, w), flops)


def attention_rows(batch, token, heads, depth, causal):
    q, k, v, d_out = (numbers(batch, token, heads, depth, dtype=torch.bfloat16).transpose(1, 2).requires_grad_() for _ in range(4))
    flops = 4 * batch * heads * token * token * depth * (0.5 if causal else 1)
    of = f", {heads} heads of {depth}, {token} tokens" + (", causal" if causal else "")
    for name, way in ("FlashAttention", SDPBackend.FLASH_ATTENTION), ("cuDNN", SDPBackend.CUDNN_ATTENTION), ("memory-efficient", SDPBackend.EFFICIENT_ATTENTION):
        def forward():
            with sdpa_kernel(way):
                return F.scaled_dot_product_attention(q, k, v, is_causal=causal)

        def without_gradients():
            with torch.no_grad():
                forward()

        row(f"attention{of}, {name}", without_gradients, flops)
        try:
            out = forward()
        except RuntimeError:
            continue
        row(f"its gradients{of}, {name}", lambda: torch.autograd.grad(out, (q, k, v), d_out, retain_graph=True), 2.5 * flops)


class Block(torch.nn.Module):
    def __init__(self, model, heads, inner):
        super().__init__()
        self.norm1, self.norm2 = torch.nn.LayerNorm(model), torch.nn.LayerNorm(model)
        self.qkv, self.out = torch.nn.Linear(model, 3 * model), torch.nn.Linear(model, model)
        self.up, self.down = torch.nn.Linear(model, inner), torch.nn.Linear(inner, model)
        self.heads = heads

    def forward(self, x):
        q, k, v = self.qkv(self.norm1(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        x = x + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


def encoder_rows(batch, token, model, heads, inner):
    def made():
        return torch.nn.Sequential(*(Block(model, heads, inner) for _ in range(2)), torch.nn.LayerNorm(model)).to(DEVICE)

    x = numbers(batch, token, model)
    for name, of in ("eager", lambda f: f), ("compiled", torch.compile), ("compiled, as a graph", lambda f: torch.compile(f, mode="reduce-overhead")):
        with torch.no_grad():
            half, x_half = of(made().bfloat16()), x.bfloat16()
            row(f"forward, bf16, {name}", lambda: half(x_half))
            whole = of(made())
            row(f"forward, TF32, {name}", lambda: whole(x))
        learner = made()
        step_of, optimizer = of(learner), torch.optim.AdamW(learner.parameters(), lr=1e-4, fused=not TRY)

        def step():
            optimizer.zero_grad(set_to_none=False)
            y = step_of(x)
            y.backward(y.detach())
            optimizer.step()

        row(f"a training step, TF32, {name}", step)


def main():
    if not TRY and not torch.cuda.is_available():
        sys.exit("cuda_torch.py: this PyTorch has no GPU")
    torch.backends.cuda.matmul.allow_tf32 = True
    print(f"\nPyTorch {torch.__version__}" + ("" if TRY else f" on {torch.cuda.get_device_name()}, cuDNN {torch.backends.cudnn.version()}"))
    batch, token, model, inner, heads = (2, 16, 64, 128, 8) if TRY else (256, 256, 256, 1024, 8)
    elementwise_rows(batch, token, model)
    product_rows(batch, token, model, inner)
    attention_rows(batch, token, heads, model // heads, False)
    for length in (16,) if TRY else (2048, 4096, 16384):
        for causal in False, True:
            attention_rows(1 if TRY else 16384 // length, length, 16, 64, causal)
            attention_rows(1 if TRY else 16384 // length, length, 8, 128, causal)
    encoder_rows(batch, token, model, heads, inner)


main()
