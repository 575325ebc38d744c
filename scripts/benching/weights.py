"""Makes model weights, real ones recast and synthetic ones after them. Runs where numpy is.

usage: weights.py recast MODEL.safetensors DIR {F32,BF16,F16}
       weights.py synthetic MODEL.safetensors DIR BYTES
"""

import json
import os
import struct
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy

Shape = tuple[int, ...]
Distribution = tuple[float, float]
SHARDS = 4


def to_bf16(values: Any) -> Any:
    """The upper halves of 32-bit floats, rounded to nearest even."""
    bits = values.view(numpy.uint32)
    bits += 0x7FFF + (bits >> 16 & 1)
    return (bits >> 16).astype(numpy.uint16)


CASTS = {"F32": lambda values: values, "BF16": to_bf16, "F16": lambda values: values.astype(numpy.float16)}


def read(path: Path) -> dict[str, Any]:
    """The float tensors of a safetensors file."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    tensors = {}
    for name, about in json.loads(data[8 : 8 + length]).items():
        if about.get("dtype") == "F32":
            begin, end = about["data_offsets"]
            values = numpy.frombuffer(data, "<f4", (end - begin) // 4, 8 + length + begin)
            tensors[name] = values.reshape(about["shape"])
    return tensors


def header(shapes: dict[str, Shape], dtype: str) -> bytes:
    """8 bytes of its length, then the header, padded with spaces."""
    fields: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + element_count(shape) * (4 if dtype == "F32" else 2)
        fields[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(fields, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def element_count(shape: Shape) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def recast(model: Path, folder: Path, dtype: str) -> None:
    tensors = read(model)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(header({name: values.shape for name, values in tensors.items()}, dtype))
        for values in tensors.values():
            file.write(CASTS[dtype](values.copy()).tobytes())


VOCABULARY = 16_384
WIDTHS = [(8 << 30, (4096, 14336)), (1 << 30, (2048, 5632)), (0, (768, 2048))]
"""From how many bytes on a model has which hidden and intermediate size."""


def layout(size: int) -> dict[str, Shape]:
    """Names and shapes of a llama of this many bytes of bf16; its vocabulary takes what the layers leave."""
    hidden, wide = next(widths for least, widths in WIDTHS if size >= least)
    layer = sum(map(element_count, layer_shapes(0, hidden, wide).values()))
    layers, rest = divmod(max(size // 2 - 2 * VOCABULARY * hidden, 0), layer)
    shapes: dict[str, Shape] = {"model.embed_tokens.weight": (VOCABULARY + rest // hidden, hidden)}
    for number in range(layers):
        shapes |= layer_shapes(number, hidden, wide)
    return shapes | {"model.norm.weight": (hidden,), "lm_head.weight": (VOCABULARY, hidden)}


def layer_shapes(number: int, hidden: int, wide: int) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {
        "input_layernorm": (hidden,),
        "mlp.down_proj": (hidden, wide),
        "mlp.gate_proj": (wide, hidden),
        "mlp.up_proj": (wide, hidden),
        "post_attention_layernorm": (hidden,),
        "self_attn.k_proj": (hidden // 4, hidden),
        "self_attn.o_proj": (hidden, hidden),
        "self_attn.q_proj": (hidden, hidden),
        "self_attn.v_proj": (hidden // 4, hidden),
    }
    return {f"model.layers.{number}.{name}.weight": shape for name, shape in shapes.items()}


def distributions(model: Path) -> dict[bool, list[Distribution]]:
    """Mean and deviation of every real tensor, vectors and matrices apart."""
    found: dict[bool, list[Distribution]] = {True: [], False: []}
    for values in read(model).values():
        found[values.ndim == 1].append((float(values.mean()), float(values.std())))
    return found


def write_shard(path: Path, shapes: dict[str, Shape], drawn: dict[str, Distribution], seed: int) -> None:
    source = numpy.random.Generator(numpy.random.SFC64(seed))
    values = numpy.empty(1 << 20, numpy.float32)  # small enough to stay in the cache
    with path.open("wb") as file:
        file.write(header(shapes, "BF16"))
        for name, shape in shapes.items():
            mean, deviation = drawn[name]
            left = element_count(shape)
            while left > 0:
                part = values[: min(left, len(values))]
                source.standard_normal(dtype=numpy.float32, out=part)
                part *= deviation
                part += mean
                file.write(to_bf16(part))
                left -= len(part)


def synthetic(model: Path, folder: Path, size: int) -> None:
    """A llama whose tensors are drawn with the real ones' means and deviations, one after the other and again."""
    shapes, known = layout(size), distributions(model)
    drawn: dict[str, Distribution] = {}
    used = {True: 0, False: 0}
    for name, shape in shapes.items():
        vector = len(shape) == 1
        drawn[name] = known[vector][used[vector] % len(known[vector])]
        used[vector] += 1
    shards: list[dict[str, Shape]] = [{} for _ in range(SHARDS)]
    total, so_far = sum(map(element_count, shapes.values())), 0
    for name, shape in shapes.items():
        shards[so_far * SHARDS // total][name] = shape
        so_far += element_count(shape)
    names = [f"model-{number:05}-of-{SHARDS:05}.safetensors" for number in range(1, SHARDS + 1)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        tasks = [
            pool.submit(write_shard, folder / name, shard, drawn, seed)
            for seed, (name, shard) in enumerate(zip(names, shards, strict=True))
            if shard
        ]
        for task in tasks:
            task.result()
    weight_map = {tensor: name for name, shard in zip(names, shards, strict=True) for tensor in shard}
    index = {"metadata": {"total_size": 2 * total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def main() -> None:
    what, model, folder, argument = sys.argv[1:]
    if what == "recast":
        recast(Path(model), Path(folder), argument)
    else:
        synthetic(Path(model), Path(folder), int(argument))


if __name__ == "__main__":
    main()
