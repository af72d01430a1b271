"""Golden values for tests/nn and tests/train, from PyTorch in double.

    python3 tests/golden/layers.py > tests/golden/layers.hpp

Parameters and inputs are waves, so that both sides make them alike: number i of the k-th one is wave(k)[i].
"""
import math

import torch

torch.set_default_dtype(torch.float64)


def wave(k, *shape):
    return 0.4 * torch.sin(0.7 * torch.arange(math.prod(shape), dtype=torch.float64) + k).reshape(shape)


def show(name, values):
    text = ", ".join(repr(float(v)) for v in values.detach().reshape(-1))
    lines, line = [], "   "
    for word in text.split(" "):
        if len(line) + len(word) > 116:
            lines.append(line)
            line = "   "
        line += " " + word
    print(f"inline constexpr double {name}[] = {{\n" + "\n".join([*lines, line]) + "};\n")


def encoder(norm_first):
    """Two blocks without biases in attention. Parameters in the order of heed's visit, each (inputs, outputs)."""
    model, hidden = 6, 10
    layers = [torch.nn.TransformerEncoderLayer(model, 2, hidden, 0.0, "gelu", batch_first=True, norm_first=norm_first) for _ in range(2)]
    final = torch.nn.LayerNorm(model) if norm_first else torch.nn.Identity()
    wq, k = [], 0
    with torch.no_grad():
        for layer in layers:
            attention = layer.self_attn
            layer.norm1.weight.copy_(1 + wave(k, model)), layer.norm1.bias.copy_(wave(k + 1, model))
            attention.in_proj_weight.copy_(torch.cat([wave(k + 2 + i, model, model).T for i in range(3)]))
            attention.in_proj_bias.zero_(), attention.out_proj.bias.zero_()
            attention.out_proj.weight.copy_(wave(k + 5, model, model).T)
            layer.norm2.weight.copy_(1 + wave(k + 6, model)), layer.norm2.bias.copy_(wave(k + 7, model))
            layer.linear1.weight.copy_(wave(k + 8, model, hidden).T), layer.linear1.bias.copy_(wave(k + 9, hidden))
            layer.linear2.weight.copy_(wave(k + 10, hidden, model).T), layer.linear2.bias.copy_(wave(k + 11, model))
            k += 12
        if norm_first:
            final.weight.copy_(1 + wave(k, model)), final.bias.copy_(wave(k + 1, model))
    x = wave(100, 2, 4, model).requires_grad_()
    hides = torch.tensor([[False, False, False, True], [False] * 4])
    y = x
    for layer in layers:
        layer.train()
        y = layer(y, src_key_padding_mask=hides)
    y = final(y)
    (y * wave(200, 2, 4, model)).sum().backward()
    place = "before" if norm_first else "after"
    show(f"encoder_{place}", y)
    show(f"encoder_{place}_dx", x.grad)
    show(f"encoder_{place}_dwq", layers[0].self_attn.in_proj_weight.grad[:model].T)
    show(f"encoder_{place}_db1", layers[1].linear1.bias.grad)


def updates(name, make):
    value = torch.nn.Parameter(wave(1, 5).clone())
    optimizer = make([value])
    for t in range(4):
        value.grad = wave(10 * t, 5)
        optimizer.step()
    show(name, value)


print(f"""/// Written by tests/golden/layers.py: PyTorch {torch.__version__.split('+')[0]}.
#pragma once

namespace golden::layers {{
""")
encoder(True)
encoder(False)
x = 4 * wave(3, 12)
show("gelu_by_erf", torch.nn.functional.gelu(x))
show("gelu_by_tanh", torch.nn.functional.gelu(x, approximate="tanh"))
z = 5 * wave(5, 4, 3)
labels = torch.tensor([2, 0, 1, 1])
show("cross_entropy", torch.nn.functional.cross_entropy(z, labels, reduction="sum"))
show("binary_cross_entropy", torch.nn.functional.binary_cross_entropy_with_logits(z, (z.T.reshape(4, 3) > 0).double(), reduction="sum"))
updates("sgd", lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01))
updates("nesterov", lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True))
updates("adam", lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1))
updates("adamw", lambda p: torch.optim.AdamW(p, lr=0.1, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1))
print("}  // namespace golden::layers")
