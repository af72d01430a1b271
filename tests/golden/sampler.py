"""Golden values for tests/generate/sampler.cpp: which tokens Hugging Face's logits processors keep, in double.

    python3 tests/golden/sampler.py > tests/golden/sampler.hpp
"""
import itertools
import math

import torch
import transformers
from transformers.generation import logits_process as hugging_face

# Both exact in float. The first has ties and a token that is never drawn, the second every logit once.
SMALL = torch.tensor([((i * 37) % 50) / 8 - 3 for i in range(60)], dtype=torch.float64)
SMALL[7] = -math.inf
LARGE = torch.tensor([((i * 7919) % 5003) / 256 - 9 for i in range(5003)], dtype=torch.float64)
TEXT = torch.tensor([[1, 5, 5, 9, 30]])
BIAS = [[[9], 2.5], [[3], -4.0], [[30], 0.75]]


def kept(logits, biased, penalty, temperature, top_k, top_p, min_p):
    steps = [hugging_face.SequenceBiasLogitsProcessor(BIAS)] if biased else []
    steps += [hugging_face.RepetitionPenaltyLogitsProcessor(penalty)] if penalty != 1 else []
    steps += [hugging_face.TemperatureLogitsWarper(temperature)]
    steps += [hugging_face.TopKLogitsWarper(top_k)] if top_k else []
    steps += [hugging_face.TopPLogitsWarper(top_p)] if top_p < 1 else []
    steps += [hugging_face.MinPLogitsWarper(min_p)] if min_p > 0 else []
    scores = logits[None]
    for step in steps:
        before, scores = scores, step(TEXT, scores)
        if isinstance(step, hugging_face.TopPLogitsWarper) and cut_is_doubtful(before[0], scores[0], top_p):
            return None
    return scores[0]


def cut_is_doubtful(before, after, top_p):
    """A tie at the edge, where torch.sort decides, or a sum that rounding decides."""
    edge = after[after > -math.inf].min()
    mass = before.softmax(0)
    left = mass[after > -math.inf].sum()
    return (before == edge).sum() > (after == edge).sum() or min(abs(left - top_p), abs(left - mass[before == edge].sum() - top_p)) < 1e-6


def fnv(numbers):
    value = 0xCBF29CE484222325
    for number in numbers:
        value = (value ^ number) * 0x100000001B3 % 2**64
    return value


print(f"""/// Written by tests/golden/sampler.py: transformers {transformers.__version__}, PyTorch {torch.__version__.split("+")[0]}.
#pragma once

#include <cstdint>

namespace golden::sampler {{

/// Of a row's tokens (top_k 0: not given): how many are kept, a hash of their numbers in order, the greatest probability.
struct kept_case {{
    bool large, biased;
    double penalty, temperature;
    int top_k;
    double top_p, min_p;
    int count;
    std::uint64_t hash;
    double greatest;
}};

inline constexpr kept_case kept_cases[] = {{""")
doubtful = 0
for settings in itertools.product((False, True), (False, True), (1, 1.3), (0.7, 1.5), (0, 1, 12, 50), (1, 0.9, 0.4), (0, 0.02)):
    large, biased, penalty, temperature, top_k, top_p, min_p = settings
    if biased != (penalty != 1) and top_k != 12:
        continue
    scores = kept(LARGE if large else SMALL, *settings[1:])
    if scores is None:
        doubtful += 1
        continue
    tokens = (scores > -math.inf).nonzero()[:, 0].tolist()
    cells = [str(s).lower() for s in settings] + [len(tokens), f"{fnv(tokens):#x}", repr(scores.softmax(0).max().item())]
    print("    {" + ", ".join(map(str, cells)) + "},")
for top_k, top_p in ((1000, 1), (3000, 0.99), (0, 0.97), (0, 0.5)):       # where there are many to choose from
    scores = kept(LARGE, False, 1, 8.0, top_k, top_p, 0)
    tokens = (scores > -math.inf).nonzero()[:, 0].tolist()
    print(f"    {{true, false, 1, 8.0, {top_k}, {top_p}, 0, {len(tokens)}, {fnv(tokens):#x}, {scores.softmax(0).max().item()!r}}},")
print(f"""}};

}}  // namespace golden::sampler
// {doubtful} settings were left out: Hugging Face's order of equal logits, or rounding, decides them.""")
