"""A file of the official Python package, for tests/files/safetensors.cpp, which reads it and writes the same bytes.

    python3 tests/golden/safetensors_file.py

Made with Python 3.11, safetensors 0.8.0 and numpy 2.4.6; it writes official.safetensors beside itself. (The script is not
called safetensors.py, since it would then import itself.)
"""
import pathlib
import struct
import zlib

import numpy as np
from safetensors import TensorSpec, serialize

ramp = np.arange(6, dtype=np.float32) * np.float32(0.1) - np.float32(0.2)
tensors = {
    "encoder.0.weight": ("float32", "F32", ramp.reshape(2, 3)),
    "bias": ("float64", "F64", np.array([1 / 3, -0.0, np.inf])),
    "counts": ("int32", "I32", np.array([[-1], [2**31 - 1]], np.int32)),
    "steps": ("int64", "I64", np.array(-(2**62), np.int64)),                       # a scalar: shape []
    "bytes": ("uint8", "U8", np.array([0, 127, 255], np.uint8)),
    "mask": ("bool", "BOOL", np.array([True, False, True, True])),
    "half": ("bfloat16", "BF16", (ramp.view(np.uint32) >> 16).astype(np.uint16)),  # the upper half of each float
    "empty": ("float32", "F32", np.zeros((0, 4), np.float32)),
    'a "quoted" \\ name\tµ→𝄞': ("float32", "F32", np.array([2.5], np.float32)),
}

# What heed.crc32 covers: names, types, shapes and bytes, in the order of the names (tests: no other metadata).
checksum = 0
for name, (_, kind, values) in sorted(tensors.items(), key=lambda item: item[0].encode()):
    for text in [name, kind, *map(str, values.shape)]:
        checksum = zlib.crc32(text.encode() + b"\0", checksum)
    checksum = zlib.crc32(values.tobytes(), checksum)

# One entry of metadata: the package writes several in an order that changes from run to run.
# values stays alive in `tensors`: a TensorSpec holds only its address.
specs = {name: TensorSpec(dtype=dtype, shape=list(values.shape), data_ptr=values.ctypes.data, data_len=values.nbytes)
         for name, (dtype, _, values) in tensors.items()}
written = serialize(specs, {"heed.crc32": f"{checksum:08x}"})
pathlib.Path(__file__).with_name("official.safetensors").write_bytes(written)
print(len(written), "bytes, header", struct.unpack("<Q", written[:8])[0])
