"""Writes the inputs of this example and prints its outputs. Standard library only.

  tensors.py make FOLDER RANKS        rank<r>.safetensors of 2 ranks (or 1, or 4)
  tensors.py show FOLDER RANKS
"""
import json
import pathlib
import struct
import sys

# topk_idx and topk_weights of four tokens; as many on each rank, like the four experts.
CHOICES = [
    ([0, 2], [0.75, 0.25]),
    ([3, 2], [0.5, 0.5]),
    ([2, 1], [0.25, 0.75]),
    ([0, -1], [1.0, 0.0]),  # -1: this token wants only one expert
]
EXPERTS = 4
HIDDEN = 4


def routes(ranks):
    """rank -> its tokens' choices."""
    each = len(CHOICES) // ranks
    return {rank: CHOICES[rank * each : (rank + 1) * each] for rank in range(ranks)}


def save(path, tensors):
    header, data = {}, b""
    for name, (dtype, code, shape, values) in tensors.items():
        raw = struct.pack("<%d%s" % (len(values), code), *values)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def load(path):
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header, data = json.loads(raw[8 : 8 + size]), raw[8 + size :]
    codes = {"F32": "f", "I64": "q"}
    result = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        code = codes[entry["dtype"]]
        values = struct.unpack("<%d%s" % ((end - begin) // struct.calcsize(code), code), data[begin:end])
        width = entry["shape"][-1] if len(entry["shape"]) > 1 else 1
        result[name] = [values[i : i + width] for i in range(0, len(values), width)] if width > 1 else list(values)
    return result


def make(folder, ranks):
    folder.mkdir(parents=True, exist_ok=True)
    for rank, tokens in routes(ranks).items():
        # The value says where it comes from: rank 1, token 0, column 3 is 103.
        rows = [100 * rank + 10 * t + c for t in range(len(tokens)) for c in range(HIDDEN)]
        save(folder / ("rank%d.safetensors" % rank), {
            "tokens": ("F32", "f", [len(tokens), HIDDEN], rows),
            "topk_idx": ("I64", "q", [len(tokens), 2], [e for idx, _ in tokens for e in idx]),
            "topk_weights": ("F32", "f", [len(tokens), 2], [w for _, weights in tokens for w in weights]),
        })
        for t, (idx, weights) in enumerate(tokens):
            chosen = ", ".join("expert %d x %g" % (e, w) for e, w in zip(idx, weights) if e >= 0)
            print("rank %d token %d  %s  ->  %s" % (rank, t, rows[t * HIDDEN : (t + 1) * HIDDEN], chosen))


def show(folder, ranks):
    for rank in range(ranks):
        out = load(folder / ("rank%d.safetensors" % rank))
        for expert, (begin, end) in enumerate(zip(out["expert_offsets"], out["expert_offsets"][1:])):
            print("rank %d, local expert %d (expert %d):" % (rank, expert, rank * EXPERTS // ranks + expert))
            for row in range(begin, end):
                source, token, choice = out["recv_source"][row]
                print("  row %d  %s  from rank %d, token %d, choice %d"
                      % (row, [int(v) for v in out["recv"][row]], source, token, choice))
    for rank in range(ranks):
        for token, row in enumerate(load(folder / ("rank%d.safetensors" % rank))["combined"]):
            print("rank %d token %d comes back as %s" % (rank, token, list(row)))


if __name__ == "__main__":
    {"make": make, "show": show}[sys.argv[1]](pathlib.Path(sys.argv[2]), int(sys.argv[3]))
