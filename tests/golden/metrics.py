"""Golden values for tests/metrics, from scikit-learn and from the definitions written out in numpy.

    python3 tests/golden/metrics.py > tests/golden/metrics.hpp

Made with Python 3, numpy 2.4.6, scikit-learn 1.9.1 (the header states the versions that it was made with).
"""
import platform

import numpy as np
import sklearn
from sklearn.metrics import brier_score_loss, log_loss, ndcg_score, roc_auc_score

random = np.random.default_rng(7)
n, slate, k, bins = 240, 20, 10, 15
hidden = random.normal(size=n) - 1.3
label = (random.random(n) < 1 / (1 + np.exp(-1.5 * hidden))).astype(int)
first = np.float32(np.round(hidden * 0.6 + random.normal(size=n), 1))       # coarse: many ties
second = np.float32(hidden * 1.4 + 0.7 * random.normal(size=n))             # hardly any
second[::17] = second[0]                                                    # and one large tie
probability = np.float32(1 / (1 + np.exp(-second.astype(float))))


def delong(a, b=None):
    """AUC (or difference b - a), and its standard error, straight from the matrix of all pairs."""
    def components(score):
        s = score.astype(float)
        wins = np.sign(s[label == 1][:, None] - s[label == 0][None, :]) / 2 + 0.5
        return wins.mean(1), wins.mean(0)
    v, w = components(a)
    if b is not None:
        v2, w2 = components(b)
        v, w = v2 - v, w2 - w
    return v.mean(), np.sqrt(v.var(ddof=1) / len(v) + w.var(ddof=1) / len(w))


def calibration(p):
    """Equal mass; equal values go to the bin of their middle place."""
    p = p.astype(float)
    order = np.argsort(p, kind="stable")
    value, start, count = np.unique(p[order], return_index=True, return_counts=True)
    of_value = (start + (start + count) - 1) // 2 * bins // n
    bin_of = of_value[np.searchsorted(value, p)]
    members = [bin_of == b for b in range(bins) if (bin_of == b).any()]
    return sum(m.sum() * abs(p[m].mean() - label[m].mean()) for m in members) / n, [int(m.sum()) for m in members]


lists = [slice(i, i + slate) for i in range(0, n, slate) if label[i:i + slate].any()]
ndcg = [np.mean([ndcg_score([label[s]], [score[s].astype(float)], k=k) for s in lists]) for score in (first, second)]
logits = second.astype(float) * 6

print(f"""/// Written by tests/golden/metrics.py: Python {platform.python_version()}, numpy {np.__version__}, scikit-learn {sklearn.__version__}.
#pragma once

namespace golden::metrics {{
""")


def array(name, type_, values, digits=None):
    text = ", ".join(repr(float(v)) if type_ == "double" else f"{float(v):.9g}" if type_ == "float" else str(v) for v in values)
    if type_ == "float":
        text = ", ".join((t if "." in t or "e" in t else t + ".0") + "f" for t in text.split(", "))
    lines, line = [], ""
    for item in text.split(", "):
        if len(line) + len(item) > 112:
            lines.append(line)
            line = ""
        line += item + ", "
    lines.append(line)
    body = "\n    ".join(l.rstrip() for l in lines).rstrip(",")
    print(f"inline constexpr {type_} {name}[] = {{\n    {body}}};\n")


def number(name, value):
    print(f"inline constexpr double {name} = {float(value)!r};")


array("label", "int", label)
array("first", "float", first)
array("second", "float", second)
array("probability", "float", probability)
array("calibration_counts", "int", calibration(probability)[1])
for name, score in (("first", first), ("second", second)):
    assert abs(delong(score)[0] - roc_auc_score(label, score)) < 1e-12
    number(f"auc_{name}", roc_auc_score(label, score))
    number(f"auc_error_{name}", delong(score)[1])
number("auc_difference", delong(first, second)[0])
number("auc_difference_error", delong(first, second)[1])
number("log_loss", log_loss(label, probability.astype(float)))
number("log_loss_of_logits", np.logaddexp(0, np.where(label == 1, -logits, logits)).mean())
number("brier", brier_score_loss(label, probability.astype(float)))
number("calibration_error", calibration(probability)[0])
number("ndcg_first", ndcg[0])
number("ndcg_second", ndcg[1])
number("precision_second", np.mean(label[np.argsort(-second.astype(float), kind="stable")][: n // 10]))
number("percentile_50", np.percentile(second.astype(float), 50, method="inverted_cdf"))
number("percentile_95", np.percentile(second.astype(float), 95, method="inverted_cdf"))
number("percentile_99", np.percentile(second.astype(float), 99, method="inverted_cdf"))
print(f"inline constexpr int slates = {len(lists)};")
print("\n}  // namespace golden::metrics")
