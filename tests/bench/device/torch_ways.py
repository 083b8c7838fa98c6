"""The ways of PyTorch that torch_peer.py runs: of its functions one after the other, and of torch.compile.

All ranks are on one device, so that their rows are one tensor here, and what leaves them lies in the order in which it
arrives: the all-to-all is one copy. That is the best that torch could be given. Rows of the experts lie packed where they
are written: padding is nobody's time.
"""

import mmap

WIPE = 0xEE  # WipeByte of memory.h


class Shuffle:
    """What both operations share: tensors on the device, and what of them is in the memory shared with faro-bench."""

    def __init__(self, torch, place, fd, command):
        self.torch, self.place, self.command = torch, place, command
        self.memory = mmap.mmap(fd, 0)
        self.element = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}[command["element"]]
        self.hidden, self.topk = command["hidden"], command["topk"]
        self.tokens = command["tokens"]  # of all ranks
        self.items = self.tokens * self.topk
        self.scratch = torch.zeros(command["flush_bytes"], dtype=torch.uint8, device=place.device)

    def shared(self, section, shape, dtype):
        count = 1
        for size in shape:
            count *= size
        begin = self.command["at"][section]
        return self.torch.frombuffer(self.memory, dtype=dtype, count=count, offset=begin).view(shape)

    def load(self, section, shape, dtype=None):
        """On the device; int64, as indices are, unless another type is named."""
        source = self.shared(section, shape, dtype or self.torch.int64)
        return self.torch.empty(shape, dtype=source.dtype, device=self.place.device).copy_(source)

    def rows(self, count, dtype=None):
        return self.torch.empty((count, self.hidden), dtype=dtype or self.element, device=self.place.device)

    def words(self, rows):
        """Rows in words of eight bytes, for kernels that move an element at a time; None where they do not fit."""
        return None if self.hidden * rows.element_size() % 8 else rows.view(self.torch.int64)

    def compiled(self, function):
        inductor = self.torch._inductor.config
        if hasattr(inductor, "assert_indirect_indexing"):
            inductor.assert_indirect_indexing = False  # the indices are right: no time is spent on asserting it
        return self.torch.compile(function, mode="max-autotune-no-cudagraphs", dynamic=False, fullgraph=True)

    def warm_up(self):
        for way in self.ways.values():
            for _ in range(3):  # the first compiles
                self.place.timed(way, self.scratch)

    def wipe(self):
        for rows in self.written:
            rows.view(self.torch.uint8).fill_(WIPE)
        self.place.settle()

    def run(self, way, flush):
        return self.place.timed(self.ways[way], self.scratch if flush else None)

    def give(self):
        self.shared("out", tuple(self.out.shape), self.element).copy_(self.out)
        self.place.settle()


class Dispatch(Shuffle):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        tokens = self.load("tokens", (self.tokens, self.hidden), self.element)
        to_wire, to_final, direct = (self.load(name, (self.items,)) for name in ("to_wire", "to_final", "direct"))
        wire, arrived, self.out = (self.rows(self.items) for _ in range(3))
        self.written = [wire, arrived, self.out]
        select = self.torch.index_select

        def steps(tokens, wire, arrived, out):
            select(tokens, 0, to_wire, out=wire)
            arrived.copy_(wire)
            select(arrived, 0, to_final, out=out)

        def once(tokens, out):
            select(tokens, 0, direct, out=out)

        def permute(tokens, direct, out):
            out.copy_(tokens.index_select(0, direct))

        fused = self.compiled(permute)
        self.ways = {"steps": lambda: steps(tokens, wire, arrived, self.out), "once": lambda: once(tokens, self.out),
                     "compiled": lambda: fused(tokens, direct, self.out)}
        if self.words(tokens) is not None:
            wide = [self.words(rows) for rows in (tokens, wire, arrived, self.out)]
            self.ways["steps, words"] = lambda: steps(*wide)
            self.ways["once, words"] = lambda: once(wide[0], wide[3])


class Plan(Shuffle):
    """Rows sorted by expert, then token and choice: the token of each, and where each expert's begin."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        torch, items, experts, device = self.torch, self.items, self.command["experts"], self.place.device
        choices = self.load("topk_idx", (items,))
        self.out = torch.empty(items + experts + 1, dtype=torch.int64, device=device)
        tokens, begins = self.out[:items], self.out[items:]
        order = torch.empty(items, dtype=torch.int64, device=device)
        # An expert's number in two bytes: a radix sort takes fewer passes over them.
        keys, sorted_keys = (torch.empty(items, dtype=torch.int16, device=device) for _ in range(2))
        every = torch.arange(experts + 1, dtype=torch.int16, device=device)
        self.written = [self.out]

        def steps():
            torch.floor_divide(torch.argsort(choices, stable=True), self.topk, out=tokens)
            begins[:1].zero_()
            torch.cumsum(torch.bincount(choices, minlength=experts), 0, out=begins[1:])

        def short():  # nothing here waits for the device, as bincount does
            keys.copy_(choices)
            torch.sort(keys, stable=True, out=(sorted_keys, order))
            torch.floor_divide(order, self.topk, out=tokens)
            torch.searchsorted(sorted_keys, every, out=begins)

        self.ways = {"steps": steps, "short": short}

    def give(self):
        self.shared("out", tuple(self.out.shape), self.torch.int64).copy_(self.out)
        self.place.settle()


class Combine(Shuffle):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        torch = self.torch
        experts = self.load("rows", (self.command["rows"], self.hidden), self.element)
        to_wire = self.load("to_wire", (self.items,))  # by token, then choice: the rows of a token come back together
        choices = to_wire.view(self.tokens, self.topk)
        weights = self.load("weights", (self.tokens, self.topk, 1), torch.float32)
        wire, back = self.rows(self.items), self.rows(self.items)
        self.out = self.rows(self.tokens)
        of_token = back.view(self.tokens, self.topk, self.hidden)
        products = self.rows(self.items, torch.float32)
        by_token = products.view(self.tokens, self.topk, self.hidden)
        # Memory of the products, which the two ways use in turn.
        product, sums = products[:self.tokens], self.rows(self.tokens, torch.float32)
        self.written = [wire, back, self.out, products, sums]

        def bring_back():
            torch.index_select(experts, 0, to_wire, out=wire)
            back.copy_(wire)

        def steps():
            bring_back()
            torch.mul(of_token, weights, out=by_token)
            torch.sum(by_token, 1, out=sums)
            self.out.copy_(sums)

        def in_order():
            bring_back()
            torch.mul(of_token[:, 0], weights[:, 0], out=sums)
            for k in range(1, self.topk):
                torch.mul(of_token[:, k], weights[:, k], out=product)
                sums.add_(product)
            self.out.copy_(sums)

        def weighted_sum(experts, choices, weights, out):
            total = experts.index_select(0, choices[:, 0]).float() * weights[:, 0]
            for k in range(1, choices.shape[1]):
                total = total + experts.index_select(0, choices[:, k]).float() * weights[:, k]
            out.copy_(total)

        fused = self.compiled(weighted_sum)
        self.ways = {"steps": steps, "in order": in_order, "compiled": lambda: fused(experts, choices, weights, self.out)}
