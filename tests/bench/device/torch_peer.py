"""PyTorch as a peer of faro-bench --device: a process that faro-bench starts, and that works only while it is told to.

A command is a line of JSON on standard input, its answer a line of JSON on what was standard output (torch_peer.h):

  {"do": "begin", "device": "cuda:0", "memory": FD}           {"did": "begin", "torch": VERSION, "device": NAME}
  {"do": "dispatch", "at": {SECTION: OFFSET}, ...}            {"did": "dispatch"}: compiled, and run once each
  {"do": "wipe"}                                              {"did": "wipe"}
  {"do": "run", "way": NAME, "flush": true}                   {"did": "run", "ms": MILLISECONDS}
  {"do": "give"}                                              {"did": "give"}: the last run's rows are in the shared memory

What fails is answered by {"error": one line}. The end of standard input is the end of this process.

All ranks are on one device, so that their rows are one tensor here, and what leaves them lies in the order in which it
arrives: the all-to-all is one copy. That is the best that torch could be given. Rows of the experts lie packed where they
are written: padding is nobody's time.
"""

import json
import mmap
import os
import sys
import time

WIPE = 0xEE  # WipeByte of memory.h


class OnCuda:
    """Takes times on a CUDA device."""

    # About a millisecond, in which the host gets ahead: no launch is seen in a time.
    CYCLES = 2_000_000

    def __init__(self, torch, name):
        if not torch.cuda.is_available():
            raise RuntimeError("torch %s finds no CUDA device (it was built for CUDA %s); --torch-device cpu tries it without one"
                               % (torch.__version__, torch.version.cuda))
        self.torch, self.device = torch, torch.device(name)
        torch.cuda.set_device(self.device)
        self.name = torch.cuda.get_device_name(self.device)
        self.begin, self.end = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def timed(self, work, scratch):
        if scratch is not None:
            scratch.zero_()
        self.torch.cuda._sleep(self.CYCLES)
        self.begin.record()
        work()
        self.end.record()
        self.end.synchronize()
        return self.begin.elapsed_time(self.end)

    def settle(self):
        self.torch.cuda.synchronize(self.device)


class OnCpu:
    """The same without a device: for trying it."""

    def __init__(self, torch, name):
        self.device, self.name = torch.device(name), "cpu"

    def timed(self, work, scratch):
        if scratch is not None:
            scratch.zero_()
        start = time.perf_counter()
        work()
        return (time.perf_counter() - start) * 1e3

    def settle(self):
        pass


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


class Peer:
    def __init__(self):
        self.torch = self.place = self.fd = self.shuffle = None

    def begin(self, command):
        try:
            import torch
            import torch._inductor.config
        except ImportError as error:
            raise RuntimeError("%s (Python %d.%d) cannot import torch: %s; name another Python with --torch, or leave it out"
                               % (sys.executable, sys.version_info[0], sys.version_info[1], error)) from error
        self.torch, self.fd = torch, command["memory"]
        self.place = (OnCuda if command["device"].startswith("cuda") else OnCpu)(torch, command["device"])
        return {"torch": torch.__version__, "device": self.place.name}

    def set_up(self, kind, command):
        self.shuffle = None  # its memory is free for the next
        if self.place.device.type == "cuda":
            self.torch.cuda.empty_cache()
        self.torch._dynamo.reset()
        self.shuffle = kind(self.torch, self.place, self.fd, command)
        self.shuffle.warm_up()

    def do(self, command):
        what = command["do"]
        if what == "begin":
            return self.begin(command)
        with self.torch.no_grad():
            if what in ("dispatch", "combine"):
                self.set_up(Dispatch if what == "dispatch" else Combine, command)
            elif what == "wipe":
                self.shuffle.wipe()
            elif what == "run":
                return {"ms": self.shuffle.run(command["way"], command["flush"])}
            elif what == "give":
                self.shuffle.give()
            else:
                raise ValueError("unknown command")
        return {}


def one_line(error):
    text = " | ".join(line.strip() for line in str(error).splitlines() if line.strip())
    return "%s: %s" % (type(error).__name__, text[:800])


def main():
    # Whatever libraries print is no answer, and what they start does not hold the line open.
    commands, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # a few kernels; no processes that could outlive this one
    peer = Peer()
    for line in commands:
        command = json.loads(line)
        try:
            answer = dict(peer.do(command), did=command["do"])
        except Exception as error:  # of any library
            answer = {"error": one_line(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
