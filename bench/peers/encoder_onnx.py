"""The feed encoder in ONNX Runtime as a peer (encoder_peer.py): the graph that its own optimizer for Transformers aims at,
with its fused operators for attention, GELU and residual with norm.

    encoder_onnx.py FILE        what `encoder --export FILE` wrote

multi-head  attention by `MultiHeadAttention`, its flash kernel where there is no mask
attention   attention by `Attention`, which has the projections inside
"""
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from encoder_peer import D, HEADS, LAYERS, read_batch, read_safetensors, serve, timed


class Graph:
    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, name, values):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, operator, inputs, outputs=1, domain="", **attributes):
        names = [f"{operator}{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def fused(self, operator, inputs, outputs=1, **attributes):
        return self.add(operator, inputs, outputs, "com.microsoft", **attributes)


def build(weights, way, masked):
    g = Graph()
    get = lambda name: weights[name]
    x = g.add("Gather", [g.constant("words", get("words.table")), "tokens"])
    for i in range(LAYERS):
        of = lambda name: get(f"encoder.block{i}.{name}")
        put = lambda name, values: g.constant(f"block{i}.{name}", values)
        norm = lambda name: [put(name + ".gain", of(name + ".gain")), put(name + ".bias", of(name + ".bias"))]
        n = g.add("LayerNormalization", [x] + norm("norm1"), axis=-1, epsilon=1e-5) if i == 0 else normed
        wqkv = np.concatenate([of(f"attention.w{p}").reshape(D, D) for p in "qkv"], 1)
        bqkv = np.concatenate([of("attention.bq").reshape(D), np.zeros(D, np.float32), of("attention.bv").reshape(D)])
        if way == "attention":
            a = g.fused("Attention", [n, put("wqkv", wqkv), put("bqkv", bqkv)] + (["lengths"] if masked else []), num_heads=HEADS)
        else:
            q, k, v = (g.add("MatMul", [n, put("w" + p, of(f"attention.w{p}").reshape(D, D))]) for p in "qkv")
            a = g.fused("MultiHeadAttention", [q, k, v, put("bqkv", bqkv)] + (["lengths"] if masked else []), num_heads=HEADS)
        o = g.add("MatMul", [a, put("wo", of("attention.wo").reshape(D, D))])
        normed, _, _, h = g.fused("SkipLayerNormalization", [x, o] + norm("norm2") + [put("bo", of("attention.bo"))], 4, epsilon=1e-5)
        u = g.fused("FastGelu", [g.add("MatMul", [normed, put("w1", of("network.w1"))]), put("b1", of("network.b1"))])
        y = g.add("MatMul", [u, put("w2", of("network.w2"))])
        last = i + 1 == LAYERS
        gain, bias = (get("encoder.norm." + p) if last else get(f"encoder.block{i + 1}.norm1." + p) for p in ("gain", "bias"))
        normed, _, _, x = g.fused("SkipLayerNormalization", [h, y, g.constant(f"next{i}.gain", gain), g.constant(f"next{i}.bias", bias), put("b2", of("network.b2"))], 4, epsilon=1e-5)
    if masked:
        weighed = g.add("MatMul", ["share", normed])        # {post, 1, token}: 1 / length where there is a token
        pooled = g.add("Squeeze", [weighed, g.constant("axis1", np.array([1], np.int64))])
    else:
        pooled = g.add("ReduceMean", [normed, g.constant("axis1", np.array([1], np.int64))], keepdims=0)
    both = g.add("Concat", [pooled, "numbers"], axis=1)
    head = np.concatenate([get("decide.of_text").reshape(-1), get("decide.of_numbers").reshape(-1)])[:, None]
    z = g.add("Gemm", [both, g.constant("head", head), g.constant("head.bias", get("decide.bias").reshape(1))])
    value = lambda name, kind, shape: helper.make_tensor_value_info(name, kind, shape)
    inputs = [value("tokens", TensorProto.INT64, ["posts", "longest"]), value("numbers", TensorProto.FLOAT, ["posts", 24])]
    if masked:
        inputs += [value("lengths", TensorProto.INT32, ["posts"]), value("share", TensorProto.FLOAT, ["posts", 1, "longest"])]
    graph = helper.make_graph(g.nodes, "encoder", inputs, [value(z, TensorProto.FLOAT, ["posts", 1])], g.constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)], ir_version=9)


class Peer:
    def __init__(self, path):
        self.data, self.sessions = read_safetensors(path), {}

    def session(self, way, masked, threads):
        if self.sessions.get(way, [None])[0] != (masked, threads):      # of each way the latest
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
            options.log_severity_level = 3
            model = build(self.data, way, masked).SerializeToString()
            self.sessions[way] = (masked, threads), onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return self.sessions[way][1]

    def answer(self, way, work, threads, repeats):
        b = read_batch(self.data, work)
        masked = not b.mask.all()
        feed = {"tokens": b.padded, "numbers": b.numbers}
        if masked:
            feed |= {"lengths": b.lengths.astype(np.int32), "share": (b.mask / b.lengths[:, None]).astype(np.float32)[:, None]}
        session = self.session(way, masked, threads)
        run = lambda: session.run(None, feed)[0][:, 0]
        if repeats == "check":
            return [float(np.abs(run() - self.data[work + ".logits"]).max())]
        return timed(run, repeats)


if __name__ == "__main__":
    works = ["forward-full", "forward-uneven", "forward-one-256", "forward-one-40"]
    serve(f"ONNX Runtime {onnxruntime.__version__}", {"multi-head": works, "attention": works}, Peer(sys.argv[1]).answer)
