"""The feed example's two models in PyTorch: what the generated data allows, to hold heed's own results against.

    ./feed_generate 1 300000 50000 DIRECTORY
    python3 feed_twin.py DIRECTORY

Sizes, optimizer and schedule are those of examples/feed: vocabulary 50,000; the baseline is the masked mean of
128-dimensional embeddings; the classifier adds learned positions and two pre-norm encoder layers (128, 4 heads, 512).
Both then take the metadata (64 quantile bins and 'missing' for a number, the kinds and 'missing' for a category), one
hidden layer and one logit. Embeddings of words are updated sparsely and without weight decay.
"""
import argparse
import json
import math
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

VOCABULARY, LONGEST, MODEL, HEADS, FEED_FORWARD, LAYERS, BINS = 50_000, 256, 128, 4, 512, 2, 64
BETAS = (0.9, 0.99)


class Posts:
    """The columns that feed_generate wrote, and slices of them."""

    def __init__(self, directory):
        read = lambda name, kind: np.fromfile(f"{directory}/{name}", kind)
        self.lengths = read("lengths.i32", np.int32).astype(np.int64)
        self.offsets = np.concatenate([[0], np.cumsum(self.lengths)])
        self.tokens = read("tokens.i32", np.int32)
        self.metadata = read("metadata.f32", np.float32).reshape(-1, 12)
        self.labels = read("labels.i32", np.int32)
        self.probability = read("probability.f64", np.float64)
        self.additive = read("additive.f64", np.float64)
        self.effects = read("effects.f64", np.float64).reshape(len(self.labels), -1)
        with open(f"{directory}/columns.tsv") as described:
            self.kinds = [int(line.split("\t")[1]) for line in described]

    def batch(self, rows):
        """Rows in order of length: flat tokens, lengths, metadata bins, labels."""
        rows = rows[np.argsort(self.lengths[rows], kind="stable")]
        lengths = self.lengths[rows]
        first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        place = np.arange(lengths.sum()) - np.repeat(first, lengths)
        tokens = self.tokens[np.repeat(self.offsets[rows], lengths) + place]
        return (torch.from_numpy(tokens.astype(np.int64)), torch.from_numpy(lengths), torch.from_numpy(place),
                torch.from_numpy(self.binned[rows]), torch.from_numpy(self.labels[rows].astype(np.float32)), rows)

    def bin_metadata(self, train):
        """Every cell as the row of one table that holds all columns' bins, learnt from the training rows."""
        self.binned = np.zeros(self.metadata.shape, np.int64)
        base = 0
        for column in range(12):
            cells = self.metadata[:, column]
            known = ~np.isnan(cells)
            if self.kinds[column]:
                bins, place = self.kinds[column], np.where(known, cells, 0).astype(np.int64)
            else:
                seen = cells[train][known[train]]
                edges = np.unique(np.quantile(seen, np.arange(1, BINS) / BINS))
                bins, place = BINS, np.searchsorted(edges, cells, side="right")
            self.binned[:, column] = base + np.where(known, place, bins)
            base += bins + 1
        self.bins = base


class Head(nn.Module):
    """The pooled text and the metadata's embeddings, added up, through one hidden layer to a logit."""

    def __init__(self, bins):
        super().__init__()
        self.bins = nn.Embedding(bins, MODEL)
        nn.init.normal_(self.bins.weight, std=0.05)
        self.hidden, self.logit = nn.Linear(2 * MODEL, MODEL), nn.Linear(MODEL, 1)

    def forward(self, pooled, metadata):
        both = torch.cat([pooled, self.bins(metadata).sum(1)], 1)
        return self.logit(F.gelu(self.hidden(both))).squeeze(1)


def mean_of_each(x, lengths):
    """The mean of each post's rows: {all tokens, model} -> {post, model}."""
    posts = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
    return torch.zeros(len(lengths), x.shape[1]).index_add(0, posts, x) / lengths[:, None]


class Baseline(nn.Module):
    def __init__(self, bins, std):
        super().__init__()
        self.words = nn.EmbeddingBag(VOCABULARY, MODEL, mode="mean", sparse=True)
        nn.init.normal_(self.words.weight, std=std)
        self.head = Head(bins)

    def forward(self, tokens, lengths, place, metadata):
        return self.head(self.words(tokens, torch.cumsum(lengths, 0) - lengths), metadata)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(MODEL), nn.LayerNorm(MODEL)
        self.project, self.out = nn.Linear(MODEL, 3 * MODEL), nn.Linear(MODEL, MODEL)
        self.widen, self.narrow = nn.Linear(MODEL, FEED_FORWARD), nn.Linear(FEED_FORWARD, MODEL)

    def attend(self, x, groups):
        """Attention within each post; posts of like length are padded together."""
        outputs, begin = [], 0
        for count, total, mask in groups:
            part = x[begin:begin + total]
            begin += total
            if mask is None:
                qkv = part.view(count, -1, 3, HEADS, MODEL // HEADS).permute(2, 0, 3, 1, 4)
                outputs.append(F.scaled_dot_product_attention(*qkv).transpose(1, 2).reshape(total, MODEL))
            else:
                padded = x.new_zeros(*mask.shape, 3 * MODEL)
                padded[mask] = part
                qkv = padded.view(*mask.shape, 3, HEADS, MODEL // HEADS).permute(2, 0, 3, 1, 4)
                seen = F.scaled_dot_product_attention(*qkv, attn_mask=mask[:, None, None, :])
                outputs.append(seen.transpose(1, 2).flatten(2)[mask])
        return torch.cat(outputs)

    def forward(self, x, groups):
        x = x + self.out(self.attend(self.project(self.norm_1(x)), groups))
        return x + self.narrow(F.gelu(self.widen(self.norm_2(x))))


def grouped(lengths):
    """Cuts lengths, in ascending order, so that padding stays below a fifth."""
    groups, begin, lengths = [], 0, lengths.tolist()
    while begin < len(lengths):
        end = begin
        while end < len(lengths) and lengths[end] <= max(lengths[begin] * 1.25, lengths[begin] + 3):
            end += 1
        part = torch.tensor(lengths[begin:end])
        equal = bool((part == part[0]).all())
        mask = None if equal else torch.arange(int(part[-1]))[None, :] < part[:, None]
        groups.append((end - begin, int(part.sum()), mask))
        begin = end
    return groups


def sinusoids(count, width):
    angle = torch.arange(count)[:, None] / 10000 ** (torch.arange(0, width, 2)[None, :] / width)
    return torch.stack([angle.sin(), angle.cos()], 2).reshape(count, width)


class Classifier(nn.Module):
    def __init__(self, bins, std, position_std):
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, MODEL, sparse=True)
        self.positions = nn.Embedding(LONGEST, MODEL)
        nn.init.normal_(self.words.weight, std=std)
        self.positions.weight.data = sinusoids(LONGEST, MODEL) * position_std * math.sqrt(2)  # learnt, but not from nothing
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        for layer in self.layers:
            for linear in (layer.project, layer.out, layer.widen, layer.narrow):
                nn.init.xavier_uniform_(linear.weight)
                nn.init.zeros_(linear.bias)
        self.norm, self.head = nn.LayerNorm(MODEL), Head(bins)

    def forward(self, tokens, lengths, place, metadata):
        x, groups = self.words(tokens) + self.positions(place), grouped(lengths)
        for layer in self.layers:
            x = layer(x, groups)
        return self.head(mean_of_each(self.norm(x), lengths), metadata)


def auc(score, label):
    order = np.argsort(score)
    rank = np.empty(len(score))
    rank[order] = np.arange(1, len(score) + 1)
    positive = label.sum()
    return (rank[label == 1].sum() - positive * (positive + 1) / 2) / (positive * (len(label) - positive))


def log_loss(probability, label):
    p = np.clip(probability, 1e-12, 1 - 1e-12)
    return float(-np.mean(np.where(label == 1, np.log(p), np.log(1 - p))))


def scores(model, posts, rows, size=512):
    model.eval()
    result = np.empty(len(rows))
    where = {row: i for i, row in enumerate(rows)}
    by_length = rows[np.argsort(posts.lengths[rows], kind="stable")]
    with torch.no_grad():
        for i in range(0, len(rows), size):
            tokens, lengths, place, metadata, _, order = posts.batch(by_length[i:i + size])
            for row, z in zip(order, model(tokens, lengths, place, metadata).tolist()):
                result[where[row]] = z
    model.train()
    return result


def report(name, logits, posts, rows):
    label, effects = posts.labels[rows], posts.effects[rows]
    learnt = np.linalg.lstsq(np.c_[effects, np.ones(len(rows))], logits, rcond=None)[0][:-1]
    value = auc(logits, label)
    print(f"{name}: AUC {value:.4f}  log-loss {log_loss(1 / (1 + np.exp(-logits)), label):.4f}  "
          f"share learnt of (metadata, additive, negation, pairs, cues) {np.round(learnt, 2)}", flush=True)
    return value


def train(name, model, posts, train_rows, validation_rows, rate, word_rate, passes, size, settings):
    is_word = lambda n: n.startswith("words")
    is_bin = lambda n: "bins" in n
    is_matrix = lambda n, p: p.dim() == 2 and not is_bin(n) and "positions" not in n
    named = list(model.named_parameters())
    words = [p for n, p in named if is_word(n)]
    decayed = [p for n, p in named if not is_word(n) and is_matrix(n, p)]
    plain = [p for n, p in named if not is_word(n) and not is_matrix(n, p) and not is_bin(n)]
    bins = [p for n, p in named if is_bin(n)]
    sparse = torch.optim.SparseAdam(words, lr=word_rate, betas=BETAS)
    dense = torch.optim.AdamW([{"params": decayed, "weight_decay": settings.decay}, {"params": plain, "weight_decay": 0.0},
                               {"params": bins, "weight_decay": 0.0}], lr=rate, betas=BETAS)
    print(f"{name}: {sum(p.numel() for p in model.parameters()):,} parameters")
    steps = int(passes * len(train_rows)) // size
    warm, step, began, running = max(1, int(settings.warm_up * steps)), 0, time.time(), 0.0
    random = np.random.default_rng(7)
    order = np.empty(0, np.int64)
    while step < steps:
        if len(order) < size:
            order = random.permutation(train_rows)
        rows, order = order[:size], order[size:]
        factor = (step + 1) / warm if step < warm else 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
        dense.param_groups[0]["lr"] = dense.param_groups[1]["lr"] = rate * factor
        dense.param_groups[2]["lr"] = sparse.param_groups[0]["lr"] = word_rate * factor
        tokens, lengths, place, metadata, label, _ = posts.batch(rows)
        loss = F.binary_cross_entropy_with_logits(model(tokens, lengths, place, metadata), label)
        dense.zero_grad()
        sparse.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(decayed + plain + bins, 1.0)
        dense.step()
        sparse.step()
        step += 1
        running += loss.item()
        if step % settings.every == 0:
            print(f"  step {step}/{steps}  loss {running / settings.every:.4f}  {time.time() - began:.0f} s", end="  ", flush=True)
            running = 0.0
            report("", scores(model, posts, validation_rows[:settings.peek]), posts, validation_rows[:settings.peek])
    seconds = time.time() - began
    value = report(name, scores(model, posts, validation_rows), posts, validation_rows)
    print(f"{name}: trained in {seconds:.0f} s")
    return value, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("directory")
    add("--train", type=int, default=300_000)
    add("--validation", type=int, default=50_000)
    add("--threads", type=int, default=1)
    add("--models", default="baseline,classifier")
    add("--baseline-rate", type=float, default=3e-3)
    add("--baseline-word-rate", type=float, default=3e-3, help="of the embeddings of words and metadata")
    add("--baseline-passes", type=float, default=1)
    add("--baseline-batch", type=int, default=256, help="posts in a step")
    add("--classifier-rate", type=float, default=1e-3)
    add("--classifier-word-rate", type=float, default=3e-3)
    add("--classifier-passes", type=float, default=1)
    add("--classifier-batch", type=int, default=64)
    add("--decay", type=float, default=0.01, help="of matrices; never of embeddings, biases and norms")
    add("--warm-up", type=float, default=0.03, help="share of the steps")
    add("--std", type=float, default=0.02, help="standard deviation of fresh word embeddings")
    add("--position-std", type=float, default=0.05, help="the same of fresh positions, which begin as sinusoids")
    add("--every", type=int, default=10**9, help="steps between looks at the first validation posts")
    add("--peek", type=int, default=4000, help="how many those are")
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    torch.manual_seed(1)

    posts = Posts(settings.directory)
    train_rows = np.arange(settings.train)
    validation_rows = np.arange(len(posts.labels) - settings.validation, len(posts.labels))
    posts.bin_metadata(train_rows)
    label = posts.labels[validation_rows]
    oracle, additive = posts.probability[validation_rows], posts.additive[validation_rows]
    result = {"oracle": auc(oracle, label), "additive": auc(additive, label)}
    print(f"oracle: AUC {result['oracle']:.4f}  log-loss {log_loss(oracle, label):.4f}")
    print(f"true additive part: AUC {result['additive']:.4f}  log-loss {log_loss(additive, label):.4f}", flush=True)
    models = {"baseline": lambda: Baseline(posts.bins, settings.std),
              "classifier": lambda: Classifier(posts.bins, settings.std, settings.position_std)}
    for name in settings.models.split(","):
        chosen = [getattr(settings, f"{name}_{what}") for what in ("rate", "word_rate", "passes", "batch")]
        result[name], result[f"{name}_seconds"] = train(name, models[name](), posts, train_rows, validation_rows, *chosen, settings)
    if "baseline" in result and "classifier" in result:
        gap = (result["classifier"] - result["baseline"]) / (result["oracle"] - result["baseline"])
        result["gap_closed"] = gap
        print(f"the classifier closes {100 * gap:.1f} % of the gap between baseline and oracle")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
