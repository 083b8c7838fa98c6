"""What a shuffle means, once more and independently: from the definition, with nothing of the project's code.

Numbers are computed in doubles and rounded to f32 by ctypes after each operation; for one product or sum of two f32 values
that is exactly f32 arithmetic, because a double has more than twice its bits.
"""

import ctypes
import math
import struct


def f32(value):
    return ctypes.c_float(value).value


def to_float(element, raw):
    if element == "f32":
        return struct.unpack("<f", raw)[0]
    if element == "f16":
        return struct.unpack("<e", raw)[0]
    return struct.unpack("<f", b"\0\0" + raw)[0]


def from_float(element, value):
    """To nearest even; any NaN becomes the one quiet NaN."""
    if math.isnan(value):
        return {"f32": b"\0\0\xc0\x7f", "f16": b"\0\x7e", "bf16": b"\xc0\x7f"}[element]
    if element == "f32":
        return struct.pack("<f", value)
    if element == "f16":
        try:
            return struct.pack("<e", value)
        except OverflowError:
            return struct.pack("<e", math.copysign(math.inf, value))
    (bits,) = struct.unpack("<I", struct.pack("<f", value))
    return struct.pack("<H", (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16)


class Batch:
    """The input of all ranks: rows[r][t] are bytes, topk_idx[r][t] and weights[r][t] lists of length K."""

    def __init__(self, spec, rows, topk_idx, weights):
        self.spec, self.rows, self.topk_idx, self.weights = spec, rows, topk_idx, weights
        self.ranks = len(rows)
        self.size = 4 if spec.element == "f32" else 2

    def owner(self, expert):
        """Block placement: the first E mod R ranks hold one more."""
        base, more = divmod(self.spec.experts, self.ranks)
        large = more * (base + 1)
        return expert // (base + 1) if expert < large else more + (expert - large) // base

    def local_experts(self, rank):
        return [e for e in range(self.spec.experts) if self.owner(e) == rank]

    def items(self, rank):
        """(expert, source, token, choice) of all that `rank` receives, in the layout's order."""
        items = [dict(expert=e, source=s, token=t, choice=k)
                 for s in range(self.ranks) for t, idx in enumerate(self.topk_idx[s]) for k, e in enumerate(idx)
                 if e >= 0 and self.owner(e) == rank]
        keys = list(self.spec.order)
        keys += [key for key in ("source", "token", "choice", "expert") if key not in keys]
        return sorted(items, key=lambda item: [item[key] for key in keys])

    def received(self, rank):
        """(rows, sources, offsets or None, counts)."""
        first = self.spec.order[0]
        groups = self.local_experts(rank) if first == "expert" else range(self.ranks)
        rows, sources, offsets = [], [], [0]
        items = self.items(rank)
        for group in groups:
            for item in items:
                if item[first] == group:
                    rows.append(self.rows[item["source"]][item["token"]])
                    sources.append((item["source"], item["token"], item["choice"]))
            while len(rows) % self.spec.align:
                rows.append(b"\0" * (self.size * self.spec.columns))
                sources.append((-1, -1, -1))
            offsets.append(len(rows))
        counts = [sum(item["expert"] == e for item in items) for e in self.local_experts(rank)]
        return rows, sources, offsets if first == "expert" else None, counts

    def blocks(self, nodes):
        """The node of each rank: neighbours; the first ranks mod nodes nodes hold one more."""
        nodes = min(nodes, self.ranks)
        base, more = divmod(self.ranks, nodes)
        return [n for n in range(nodes) for _ in range(base + (n < more))]

    def wire_rows(self, node_of):
        """Tokens that go to another node, once for each node."""
        return sum(len({node_of[self.owner(e)] for e in idx if e >= 0} - {node_of[r]})
                   for r in range(self.ranks) for idx in self.topk_idx[r])

    def values(self, raw):
        return [to_float(self.spec.element, raw[i : i + self.size]) for i in range(0, len(raw), self.size)]

    def expert_output(self, expert, raw, scale):
        if not scale:
            return raw
        factor = (expert % 8 + 1) / 8
        return b"".join(from_float(self.spec.element, f32(v * factor)) for v in self.values(raw))

    def combined(self, rank, scale, node_of=None):
        """On several nodes (node_of[r] is the node of rank r, numbered by smallest ranks) each node's share is summed and
        rounded, then the shares are added in the order of nodes."""
        node_of = node_of or [0] * self.ranks
        partial = self.spec.partial or self.spec.element
        result = []
        for t, idx in enumerate(self.topk_idx[rank]):
            shares = {}
            for k, e in enumerate(idx):
                if e >= 0:
                    weight = f32(self.weights[rank][t][k])
                    output = self.values(self.expert_output(e, self.rows[rank][t], scale))
                    node = node_of[self.owner(e)]
                    share = shares.get(node, [0.0] * self.spec.columns)
                    shares[node] = [f32(s + f32(weight * v)) for s, v in zip(share, output)]
            sums = [0.0] * self.spec.columns
            if len(set(node_of)) == 1:
                sums = shares.get(node_of[0], sums)
            else:
                for node in sorted(shares):
                    rounded = [to_float(partial, from_float(partial, s)) for s in shares[node]]
                    sums = [f32(s + v) for s, v in zip(sums, rounded)]
            result.append(b"".join(from_float(self.spec.element, s) for s in sums))
        return result

    def tensors(self, rank):
        """The rank's input file."""
        from harness import ELEMENT, float32s, int64s
        spec, tokens = self.spec, len(self.rows[rank])
        return {
            "tokens": (ELEMENT[spec.element], [tokens, spec.columns], b"".join(self.rows[rank])),
            "topk_idx": ("I64", [tokens, spec.topk], int64s([e for idx in self.topk_idx[rank] for e in idx])),
            "topk_weights": ("F32", [tokens, spec.topk], float32s([w for ws in self.weights[rank] for w in ws])),
        }


def random_batch(random, spec, tokens_of_rank, dropped=0.1, special=0.0):
    """Random bits for rows; `dropped` of the choices are -1; `special` of tokens and weights are NaN or infinite."""
    size = 4 if spec.element == "f32" else 2

    def element():
        if random.random() < special:
            return from_float(spec.element, random.choice([math.nan, math.inf, -math.inf]))
        return from_float(spec.element, f32(random.uniform(-4, 4)))

    def weight():
        if random.random() < special:
            return random.choice([math.nan, math.inf, -math.inf, -0.0, 1e38])
        return f32(random.uniform(0, 1))

    rows, idx, weights = [], [], []
    for tokens in tokens_of_rank:
        rows.append([b"".join(element() for _ in range(spec.columns)) for _ in range(tokens)])
        idx.append([[-1 if random.random() < dropped else random.randrange(spec.experts) for _ in range(spec.topk)]
                    for _ in range(tokens)])
        weights.append([[weight() for _ in range(spec.topk)] for _ in range(tokens)])
    return Batch(spec, rows, idx, weights)
