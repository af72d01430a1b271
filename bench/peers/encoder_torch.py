"""The feed encoder in PyTorch, in every way that its documentation offers, as a peer (encoder_peer.py).

    encoder_torch.py FILE       what `encoder --export FILE` wrote

eager              padded; a mask only where posts are uneven
fast-path          nn.TransformerEncoderLayer's fused inference path, padded; it knows GELU by erf alone
nested             the same on a nested tensor, without padding
compiled           eager under torch.compile, in inference with its weights frozen
packed             by hand: all tokens as one long axis, attention post by post
packed-compiled    the same under torch.compile with any number of tokens, attention an operator that it does not look into
EmbeddingBag       the baseline: the mean of a post's vectors, with sparse gradients
"""
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch._inductor.config

from encoder_peer import D, DEPTH, HEADS, LAYERS, drawn_batch, read_batch, read_safetensors, serve, timed

FORWARD = ["forward-full", "forward-uneven", "forward-one-256", "forward-one-40"]


def attend(q, k, v, mask=None):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def attend_posts(qkv, lengths):
    """{tokens, 3, head, depth} -> {tokens, head * depth}, each post on its own."""
    return torch.cat([attend(*heads_first(post)).squeeze(0).transpose(0, 1).flatten(1) for post in qkv.split(lengths)])


def attend_padded(qkv, mask=None):
    """{post, token, 3, head, depth} -> {post, token, head * depth}; mask {post, token}, true where there is a token."""
    q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
    return attend(q, k, v, None if mask is None else mask[:, None, None, :]).transpose(1, 2).flatten(2)


FLASH, FLASH_BACKWARD = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu, torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


def heads_first(post):
    """{tokens, 3, head, depth} -> q, k, v, each {1, head, tokens, depth}."""
    return post.permute(1, 2, 0, 3).unsqueeze(1).unbind(0)


@torch.library.custom_op("heed_bench::attend_posts", mutates_args=())
def attend_posts_unseen(qkv: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """attend_posts for the compiler, with the log-sum-exp that the backward pass needs {tokens, head}."""
    out, log_sum = qkv.new_empty(qkv.shape[0], HEADS, DEPTH), qkv.new_empty(qkv.shape[0], HEADS)
    posts = lengths.tolist()
    for post, o, l in zip(qkv.split(posts), out.split(posts), log_sum.split(posts)):
        o_post, l_post = FLASH(*heads_first(post))
        o.copy_(o_post[0].transpose(0, 1))
        l.copy_(l_post[0].T if l_post.shape[1] == HEADS else l_post[0])
    return out.view(-1, D), log_sum


@attend_posts_unseen.register_fake
def _(qkv, lengths):
    return qkv.new_empty(qkv.shape[0], D), qkv.new_empty(qkv.shape[0], HEADS)


@torch.library.custom_op("heed_bench::attend_posts_backward", mutates_args=())
def attend_posts_gradient(dy: torch.Tensor, qkv: torch.Tensor, lengths: torch.Tensor, out: torch.Tensor, log_sum: torch.Tensor) -> torch.Tensor:
    result, posts = torch.empty_like(qkv), lengths.tolist()
    one = lambda x: x.unflatten(-1, (HEADS, DEPTH)).transpose(0, 1).unsqueeze(0)
    for post, d, o, l, r in zip(qkv.split(posts), dy.split(posts), out.split(posts), log_sum.split(posts), result.split(posts)):
        for gradient, place in zip(FLASH_BACKWARD(one(d), *heads_first(post), one(o), l.T.unsqueeze(0), 0.0, False), heads_first(r)):
            place.copy_(gradient)
    return result


@attend_posts_gradient.register_fake
def _(dy, qkv, lengths, out, log_sum):
    return torch.empty_like(qkv)


def keep(ctx, inputs, output):
    ctx.save_for_backward(*inputs, *output)


def attend_posts_backward(context, dy, _):
    return torch.ops.heed_bench.attend_posts_backward(dy.contiguous(), *context.saved_tensors), None


attend_posts_unseen.register_autograd(attend_posts_backward, setup_context=keep)


class Block(nn.Module):
    def __init__(self, width=D, heads=HEADS):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.heads = heads

    def forward(self, x, attention):
        x = x + self.out(attention(self.qkv(self.norm1(x)).unflatten(-1, (3, self.heads, -1))))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Body(nn.Module):
    """From the tokens' vectors to logits."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm, self.head = nn.LayerNorm(D), nn.Linear(D + 24, 1)

    def padded(self, x, numbers, mask=None):
        """x {post, token, D}; mask {post, token}, true where there is a token."""
        for block in self.blocks:
            x = block(x, lambda qkv: attend_padded(qkv, mask))
        x = self.norm(x)
        pooled = x.mean(1) if mask is None else (x * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
        return self.head(torch.cat([pooled, numbers], 1)).squeeze(1)

    def packed(self, x, numbers, lengths, attention):
        """x {all tokens, D}."""
        for block in self.blocks:
            x = block(x, attention)
        pooled = torch.segment_reduce(self.norm(x), "mean", lengths=lengths)
        return self.head(torch.cat([pooled, numbers], 1)).squeeze(1)


def fused_layers(body):
    """The same weights as nn.TransformerEncoderLayer, whose inference takes the fast path."""
    layers = []
    for block in body.blocks:
        layer = nn.TransformerEncoderLayer(D, HEADS, 4 * D, dropout=0, activation="gelu", batch_first=True, norm_first=True)
        with torch.no_grad():
            for mine, theirs in ((layer.self_attn.in_proj_weight, block.qkv.weight), (layer.self_attn.in_proj_bias, block.qkv.bias)):
                mine.copy_(theirs)
        layer.self_attn.out_proj.load_state_dict(block.out.state_dict())
        for mine, theirs in ((layer.linear1, block.up), (layer.linear2, block.down), (layer.norm1, block.norm1), (layer.norm2, block.norm2)):
            mine.load_state_dict(theirs.state_dict())
        layers.append(layer.eval())
    return layers


class Model(nn.Module):
    def __init__(self, weights, sparse):
        super().__init__()
        self.words, self.body = nn.Embedding(50_000, D, sparse=sparse), Body()
        get = lambda name: torch.from_numpy(weights[name].copy())
        with torch.no_grad():
            self.words.weight.copy_(get("words.table"))
            for i, block in enumerate(self.body.blocks):
                of = lambda name: get(f"encoder.block{i}.{name}")
                block.qkv.weight.copy_(torch.cat([of(f"attention.w{p}").reshape(D, D).T for p in "qkv"]))
                block.qkv.bias.copy_(torch.cat([of("attention.bq").flatten(), torch.zeros(D), of("attention.bv").flatten()]))
                block.out.weight.copy_(of("attention.wo").reshape(D, D).T)
                block.out.bias.copy_(of("attention.bo"))
                for layer, name in ((block.up, "1"), (block.down, "2")):
                    layer.weight.copy_(of("network.w" + name).T)
                    layer.bias.copy_(of("network.b" + name))
                for layer, name in ((block.norm1, "norm1"), (block.norm2, "norm2")):
                    layer.weight.copy_(of(name + ".gain"))
                    layer.bias.copy_(of(name + ".bias"))
            self.body.norm.weight.copy_(get("encoder.norm.gain"))
            self.body.norm.bias.copy_(get("encoder.norm.bias"))
            load_head(self.body.head, weights, "")


class Baseline(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.words, self.head = nn.EmbeddingBag(50_000, D, mode="mean", sparse=True), nn.Linear(D + 24, 1)
        with torch.no_grad():
            self.words.weight.copy_(torch.from_numpy(weights["baseline.words.table"].copy()))
            load_head(self.head, weights, "baseline.")

    def forward(self, b):
        return self.head(torch.cat([self.words(b.tokens, b.starts), b.numbers], 1)).squeeze(1)


def load_head(head, weights, prefix):
    parts = [weights[f"{prefix}decide.{name}"].reshape(-1) for name in ("of_text", "of_numbers")]
    head.weight.copy_(torch.from_numpy(np.concatenate(parts)[None]))
    head.bias.copy_(torch.from_numpy(weights[f"{prefix}decide.bias"].reshape(1).copy()))


class Inputs:
    def __init__(self, batch):
        self.tokens, self.padded = torch.from_numpy(batch.tokens.astype(np.int64)), torch.from_numpy(batch.padded)
        self.numbers, self.labels = torch.from_numpy(batch.numbers.copy()), torch.from_numpy(batch.labels.copy())
        self.lengths = torch.from_numpy(batch.lengths.astype(np.int64))
        self.list, self.starts = self.lengths.tolist(), self.lengths.cumsum(0) - self.lengths
        self.mask = None if batch.mask.all() else torch.from_numpy(batch.mask)


def run_eager(model, b, body=None):
    return (body or model.body.padded)(model.words(b.padded), b.numbers, b.mask)


def run_fast_path(model, layers, b):
    x = model.words(b.padded)
    for layer in layers:
        x = layer(x, src_key_padding_mask=None if b.mask is None else ~b.mask)
    x = model.body.norm(x)
    pooled = x.mean(1) if b.mask is None else (x * b.mask.unsqueeze(-1)).sum(1) / b.lengths[:, None]
    return model.body.head(torch.cat([pooled, b.numbers], 1)).squeeze(1)


def run_nested(model, layers, b):
    x = torch._nested_view_from_buffer(model.words(b.tokens).flatten(), b.sizes, b.strides, b.offsets)
    for layer in layers:
        x = layer(x)
    x = model.body.norm(x.values() if x.layout == torch.jagged else torch.cat(x.unbind()))
    pooled = torch.segment_reduce(x, "mean", lengths=b.lengths)
    return model.body.head(torch.cat([pooled, b.numbers], 1)).squeeze(1)


def run_packed(model, b):
    return model.body.packed(model.words(b.tokens), b.numbers, b.lengths, lambda qkv: attend_posts(qkv, b.list))


class Peer:
    def __init__(self, path):
        self.data = read_safetensors(path)
        self.made = {}

    def once(self, key, make):
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]

    def model(self, sparse=False):
        return self.once(("model", sparse), lambda: Model(self.data, sparse))

    def forward(self, way, threads):
        """A function of a batch, in inference mode."""
        model = self.model()
        if way == "eager":
            return lambda b: run_eager(model, b)
        if way in ("fast-path", "nested"):
            layers = self.once("layers", lambda: fused_layers(model.body))
            return lambda b: (run_nested if way == "nested" else run_fast_path)(model, layers, b)
        if way == "packed":
            return lambda b: run_packed(model, b)
        if way == "compiled":
            body = self.once((way, threads), lambda: torch.compile(model.body.padded, dynamic=False))
            return lambda b: run_eager(model, b, body)
        if way == "packed-compiled":
            def packed(x, numbers, lengths):
                return model.body.packed(x, numbers, lengths, lambda qkv: torch.ops.heed_bench.attend_posts(qkv, lengths)[0])
            compiled = self.once((way, threads), lambda: torch.compile(packed, dynamic=True))
            return lambda b: compiled(model.words(b.tokens), b.numbers, b.lengths)
        raise ValueError(f"there is no way {way}")

    def training(self, way, work, threads):
        """A step of a fresh model: a function of a batch that returns the loss before it."""
        base = work == "baseline-uneven"
        model = Baseline(self.data) if base else Model(self.data, sparse=True)
        words = model.words.weight
        others = [p for p in model.parameters() if p is not words]
        rows = torch.optim.SparseAdam([words], lr=1e-3)
        dense = torch.optim.AdamW([{"params": [p for p in others if p.dim() > 1], "weight_decay": 0.01}, {"params": [p for p in others if p.dim() == 1], "weight_decay": 0}],
                                  lr=1e-3, fused=True)
        steps = []
        if base:
            run = model
        elif way == "eager":
            run = lambda b: run_eager(model, b)
        elif way == "packed":
            run = lambda b: run_packed(model, b)
        elif way == "compiled":
            body = torch.compile(model.body.padded, dynamic=False)
            run = lambda b: run_eager(model, b, body)
        else:
            packed = torch.compile(lambda x, numbers, lengths: model.body.packed(x, numbers, lengths, lambda qkv: torch.ops.heed_bench.attend_posts(qkv, lengths)[0]), dynamic=True)
            run = lambda b: packed(model.words(b.tokens), b.numbers, b.lengths)

        def step(b):
            number = len(steps.append(1) or steps)          # SparseAdam's epsilon stands before the correction of the bias, AdamW's after
            rows.param_groups[0]["eps"] = 1e-8 * (1 - 0.999**number) ** 0.5
            loss = F.binary_cross_entropy_with_logits(run(b), b.labels)
            rows.zero_grad(set_to_none=True)
            dense.zero_grad(set_to_none=True)
            loss.backward()
            rows.step()
            dense.step()
            return loss.item()
        return step

    def inputs(self, batch, way):
        b = Inputs(batch)
        if way == "nested":
            parts = torch.nested.nested_tensor([torch.zeros(n, D) for n in b.list])
            b.sizes, b.strides, b.offsets = parts._nested_tensor_size(), parts._nested_tensor_strides(), parts._nested_tensor_storage_offsets()
        return b

    def answer(self, way, work, threads, repeats):
        torch.set_num_threads(threads)
        if work.startswith("latency-"):
            posts = int(work.split("-")[1])
            with torch.inference_mode():
                run = self.forward(way, threads)
                return [timed(lambda: run(b), 1, warm=i == 0)[0] for i, b in enumerate(self.inputs(drawn_batch(self.data, posts, n), way) for n in range(repeats))]
        b = self.once((work, way), lambda: self.inputs(read_batch(self.data, work), way))
        if work.startswith("forward"):
            with torch.inference_mode():
                run = self.forward(way, threads)
                if repeats == "check":
                    return [(run(b) - torch.from_numpy(self.data[work + ".logits"].copy())).abs().max().item()]
                return timed(lambda: run(b), repeats)
        if repeats == "check":
            fresh = self.training(way, work, threads)
            return [max(abs(fresh(b) - float(loss)) for loss in self.data[work + ".losses"])]
        step = self.once((way, work, threads), lambda: self.training(way, work, threads))
        return timed(lambda: step(b), repeats)


if __name__ == "__main__":
    torch._inductor.config.freezing = True          # in inference alone
    torch.set_num_interop_threads(1)
    peer = Peer(sys.argv[1])
    latency = ["latency-16", "latency-32"]
    ways = {"eager": FORWARD + ["training-full", "training-uneven"], "fast-path": FORWARD, "nested": ["forward-uneven"],
            "compiled": FORWARD + ["training-full", "training-uneven"], "packed": ["forward-uneven", "training-uneven"] + latency,
            "packed-compiled": ["forward-uneven", "training-uneven"] + latency, "EmbeddingBag": ["baseline-uneven"]}
    serve(f"PyTorch {torch.__version__}", ways, peer.answer)
