"""The feed encoder in OpenVINO as a peer (encoder_peer.py), converted from PyTorch.

    encoder_openvino.py FILE        what `encoder --export FILE` wrote

fp32            in the precision of the weights
as-it-comes     in the precision that OpenVINO picks for this processor
"""
import sys

import numpy as np
import openvino
import torch

from encoder_peer import read_batch, read_safetensors, serve, timed
from encoder_torch import Model


class Whole(torch.nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.model = Model(weights, sparse=False).eval()

    def forward(self, tokens, numbers, mask=None):
        return self.model.body.padded(self.model.words(tokens), numbers, mask)


class Peer:
    def __init__(self, path):
        self.data, self.core, self.compiled = read_safetensors(path), openvino.Core(), {}

    def request(self, way, work, threads, inputs):
        if self.compiled.get(way, [None])[0] != (work, threads):        # of each way the latest: more would fill the memory
            with torch.inference_mode(False), torch.no_grad():
                examples = tuple(torch.from_numpy(x.copy()) for x in inputs)
                model = openvino.convert_model(Whole(self.data), example_input=examples, input=[x.shape for x in inputs])
            settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
            if way == "fp32":
                settings["INFERENCE_PRECISION_HINT"] = "f32"
            self.compiled[way] = (work, threads), self.core.compile_model(model, "CPU", settings).create_infer_request()
        return self.compiled[way][1]

    def answer(self, way, work, threads, repeats):
        work = work.removesuffix("-bf16")       # the way says in which precision
        b = read_batch(self.data, work)
        inputs = [b.padded, b.numbers] + ([] if b.mask.all() else [b.mask])
        request = self.request(way, work, threads, inputs)
        for i, x in enumerate(inputs):
            request.set_input_tensor(i, openvino.Tensor(np.ascontiguousarray(x), shared_memory=False))
        if repeats == "check":
            request.infer()
            return [float(np.abs(request.get_output_tensor(0).data - self.data[work + ".logits"]).max())]
        return timed(request.infer, repeats)


if __name__ == "__main__":
    works = ["forward-full", "forward-uneven", "forward-one-256", "forward-one-40"]
    serve(f"OpenVINO {openvino.__version__}", {"fp32": works, "as-it-comes": works + ["forward-full-bf16"]}, Peer(sys.argv[1]).answer)
