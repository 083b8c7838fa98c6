"""PyTorch as a peer of faro-bench --device: a process that faro-bench starts, and that works only while it is told to.

A command is a line of JSON on standard input, its answer a line of JSON on what was standard output (torch_peer.h):

  {"do": "begin", "device": "cuda:0", "memory": FD}           {"did": "begin", "torch": VERSION, "device": NAME}
  {"do": "dispatch", "at": {SECTION: OFFSET}, ...}            {"did": "dispatch"}: compiled, and run once each; so are
                                                              "combine" and "plan"
  {"do": "wipe"}                                              {"did": "wipe"}
  {"do": "run", "way": NAME, "flush": true}                   {"did": "run", "ms": MILLISECONDS}
  {"do": "give"}                                              {"did": "give"}: the last run's rows are in the shared memory

What fails is answered by {"error": one line}. The end of standard input is the end of this process.
"""

import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # not there with -I or PYTHONSAFEPATH
from torch_ways import Combine, Dispatch, Plan


class Refused(Exception):
    """What a person can change, in words."""


class OnCuda:
    """Takes times on a CUDA device."""

    # About a millisecond, in which the host gets ahead: no launch is seen in a time.
    CYCLES = 2_000_000

    def __init__(self, torch, name):
        if not torch.cuda.is_available():
            raise Refused("torch %s finds no CUDA device (it was built for CUDA %s); --torch-device cpu tries it without one"
                          % (torch.__version__, torch.version.cuda))
        self.torch, self.device = torch, torch.device(name)
        torch.cuda.set_device(self.device)
        self.name = torch.cuda.get_device_name(self.device)
        self.begin, self.end = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def timed(self, work, scratch):
        scratch.zero_() if scratch is not None else work()
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
        scratch.zero_() if scratch is not None else work()
        start = time.perf_counter()
        work()
        return (time.perf_counter() - start) * 1e3

    def settle(self):
        pass


class Peer:
    def __init__(self):
        self.torch = self.place = self.fd = self.shuffle = None

    def begin(self, command):
        try:
            import torch
            import torch._inductor.config
        except ImportError as error:
            raise Refused("%s (Python %d.%d) cannot import torch: %s; name another Python with --torch, or leave it out"
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
            if what in ("dispatch", "combine", "plan"):
                self.set_up({"dispatch": Dispatch, "combine": Combine, "plan": Plan}[what], command)
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
    return text if isinstance(error, Refused) else "%s: %s" % (type(error).__name__, text[:800])


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
