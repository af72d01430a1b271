#!/usr/bin/env python3
"""The GPT of examples/gpt in PyTorch: same start, same batches, same optimizer; compares losses and speed.

    ./dev run gpt train --text TEXT --dropout 0 --steps 0 --out /tmp/start       # the first weights
    ./dev run gpt train --text TEXT --dropout 0 --steps 400 --out /tmp/trained   # heed's losses and tokens a second
    bench/peers/gpt_twin.py --text TEXT --start /tmp/start --losses /tmp/trained/losses.tsv [--compile]

Needs PyTorch and NumPy. The options of both trainings are those of `gpt train`, and must be the same.
"""
import argparse
import json
import math
import time

import numpy as np
import torch
import torch.nn.functional as F


def philox(key, counter):
    for _ in range(10):
        a, b = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [(b >> 32) ^ counter[1] ^ key[0], b & 0xFFFFFFFF, (a >> 32) ^ counter[3] ^ key[1], a & 0xFFFFFFFF]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return counter


def below(seed, step, position, n):
    """heed's random_stream(seed, step, position).below(n)."""
    halves = lambda x: [x & 0xFFFFFFFF, x >> 32]
    key = philox(halves(seed), halves(step) + [0, 0])[:2]
    words = (w for block in range(1 << 30) for w in philox(key, halves(block) + halves(position)))
    product = next(words) * n
    while (product & 0xFFFFFFFF) < ((1 << 32) - n) % n:
        product = next(words) * n
    return product >> 32


def read_safetensors(path):
    data = open(path, "rb").read()
    size = int.from_bytes(data[:8], "little")
    tensors = {}
    for name, about in json.loads(data[8 : 8 + size]).items():
        if name != "__metadata__":
            begin, end = about["data_offsets"]
            tensors[name] = torch.from_numpy(np.frombuffer(data[8 + size + begin : 8 + size + end], dtype=np.float32).reshape(about["shape"]).copy())
    return tensors


class Twin(torch.nn.Module):
    """Names and shapes as in the file: projections are (in, out), heads are axes of their own."""

    def __init__(self, tensors, blocks):
        super().__init__()
        self.blocks = blocks
        self.p = torch.nn.ParameterDict({name.replace(".", "_"): torch.nn.Parameter(t) for name, t in tensors.items()})

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.p[name + "_gain"], self.p[name + "_bias"])

    def forward(self, ids, past=None):
        p, (batch, length) = self.p, ids.shape
        begin = 0 if past is None or past[0] is None else past[0][0].shape[2]
        x = p["tokens"][ids] + p["positions_table"][begin : begin + length]
        for i in range(self.blocks):
            b = f"blocks_block{i}_"
            width, heads, depth = p[b + "attention_wq"].shape
            n = self.norm(x, b + "norm1")
            split = lambda w: (n @ p[b + w].view(width, -1)).view(batch, length, heads, depth).transpose(1, 2)
            bias = lambda name: p[b + name].view(1, heads, 1, depth)
            q, k, v = split("attention_wq") + bias("attention_bq"), split("attention_wk"), split("attention_wv") + bias("attention_bv")
            if past is not None:
                if past[i] is not None:
                    k, v = torch.cat([past[i][0], k], 2), torch.cat([past[i][1], v], 2)
                past[i] = (k, v)
            o = F.scaled_dot_product_attention(q, k, v, is_causal=length > 1)
            x = x + o.transpose(1, 2).reshape(batch, length, -1) @ p[b + "attention_wo"].view(-1, width) + p[b + "attention_bo"]
            n = self.norm(x, b + "norm2")
            x = x + F.gelu(n @ p[b + "network_w1"] + p[b + "network_b1"], approximate="tanh") @ p[b + "network_w2"] + p[b + "network_b2"]
        return self.norm(x, "blocks_norm") @ p["tokens"].T


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--text", required=True)
    a.add_argument("--start", required=True)
    a.add_argument("--losses", required=True)
    a.add_argument("--steps", type=int, help="of these: the first so many")
    a.add_argument("--batch", type=int, default=32)
    a.add_argument("--learning-rate", type=float, default=1e-3)
    a.add_argument("--warm-up", type=int, default=100)
    a.add_argument("--weight-decay", type=float, default=0.1)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--compile", action="store_true")
    o = a.parse_args()
    torch.set_num_threads(o.threads)

    settings = json.load(open(o.start + "/settings.json"))
    context = settings["context"]
    tensors = read_safetensors(o.start + "/model.safetensors")
    twin = Twin(tensors, settings["blocks"])
    run = torch.compile(twin) if o.compile else twin
    raw = open(o.text, "rb").read()
    cut = len(raw) - len(raw) // 10
    while cut < len(raw) and raw[cut] & 0xC0 == 0x80:
        cut += 1
    text = torch.from_numpy(np.frombuffer(raw[:cut], dtype=np.uint8).astype(np.int64))

    ours = [float(line.split("\t")[1]) for line in open(o.losses).read().splitlines()[1:]]
    total = len(ours)
    steps = min(o.steps or total, total)
    decays = [p for name, p in twin.p.items() if "_w" in name]
    others = [p for name, p in twin.p.items() if "_w" not in name]
    optimizer = torch.optim.AdamW([{"params": decays, "weight_decay": o.weight_decay}, {"params": others, "weight_decay": 0}], lr=1, betas=(0.9, 0.95), eps=1e-8)
    floor, warm = o.learning_rate / 10, min(o.warm_up, total)
    seconds, worst_first, off = [], 0.0, 0.0
    for step in range(1, steps + 1):
        rate = o.learning_rate * step / warm if step <= warm else floor + (o.learning_rate - floor) * (1 + math.cos(math.pi * (step - warm) / (total - warm))) / 2
        rate = floor if step >= total else rate
        starts = [below(o.seed, step, s, len(text) - context) for s in range(o.batch)]
        windows = torch.stack([text[s : s + context + 1] for s in starts])
        begin = time.perf_counter()
        loss = F.cross_entropy(run(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        norm = torch.sqrt(sum((p.grad**2).sum() for p in twin.parameters()))
        for group in optimizer.param_groups:
            group["lr"] = rate
        if norm > 1:
            for p in twin.parameters():
                p.grad /= norm
        optimizer.step()
        value = loss.item()
        seconds.append(time.perf_counter() - begin)
        off = abs(value - ours[step - 1]) / value
        if step <= 50:
            worst_first = max(worst_first, off)
        if step % 50 == 0 or step == steps:
            print(f"step {step:5d}  PyTorch {value:.6f}  heed {ours[step - 1]:.6f}  relative difference {off:.1e}", flush=True)
    median = sorted(seconds)[len(seconds) // 2]
    print(f"largest relative difference of the first 50 losses: {worst_first:.1e}; of the last: {off:.1e}")
    print(f"PyTorch {torch.__version__} {'compiled' if o.compile else 'eager'}, {o.threads} threads: {o.batch * context / median:,.0f} tokens a second in training (median step)")

    with torch.inference_mode():
        past = [None] * settings["blocks"]
        next_token = twin(text[None, :8], past)[:, -1:].argmax(-1)
        begin, count = time.perf_counter(), context - 8
        for _ in range(count):
            next_token = twin(next_token, past)[:, -1:].argmax(-1)
        print(f"decoding one text with a cache, eager: {count / (time.perf_counter() - begin):,.0f} tokens a second")


if __name__ == "__main__":
    main()
