#!/usr/bin/env python3
"""In the place of a Python with torch: what torch_peer.py answers, in plain Python; right, or with the fault that
STAND_IN_FAULT names. STAND_IN_NOTE names a file for the numbers of the processes that must not be left."""

import json
import mmap
import os
import signal
import struct
import subprocess
import sys
import time

FAULT = os.environ.get("STAND_IN_FAULT", "")


def note(process):
    if "STAND_IN_NOTE" in os.environ:
        with open(os.environ["STAND_IN_NOTE"], "a") as file:
            file.write("%d\n" % process)


def misbehave():
    """Where a run is asked for."""
    if FAULT == "dies":
        print("first line\nthe reason", file=sys.stderr, flush=True)
        os._exit(3)
    if FAULT == "is killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if FAULT == "hangs":
        time.sleep(1000)
    if FAULT == "closes its output":
        os.close(1)
        time.sleep(1000)
    if FAULT == "leaves a process":
        note(subprocess.Popen(["sleep", "1000"]).pid)
        os._exit(4)
    if FAULT == "does not end its line":
        while True:
            os.write(1, b"x" * 4096)
    if FAULT == "says much":
        os.write(2, b"much\n" * 100_000)


ANSWERS = {"is no JSON": "hello there", "is of another command": '{"did": "give"}', "is no object": "[1]",
           "has no time": '{"did": "run"}', "has a negative time": '{"did": "run", "ms": -1}',
           "has a time that is text": '{"did": "run", "ms": "1"}', "is an error": '{"error": "no more memory"}',
           "is no text": b"\xff\xfe"}


class Shared:
    """The memory of both."""

    def __init__(self, fd, command):
        self.memory, self.command = mmap.mmap(fd, 0), command
        self.row = command["hidden"] * (4 if command["element"] == "f32" else 2)

    def list(self, section, count, kind="q"):
        return struct.unpack_from("<%d%s" % (count, kind), self.memory, self.command["at"][section])

    def get(self, section, index):
        begin = self.command["at"][section] + index * self.row
        return self.memory[begin : begin + self.row]

    def put(self, index, row):
        begin = self.command["at"]["out"] + index * self.row
        self.memory[begin : begin + self.row] = row


def dispatch(shared, items, topk):
    to_wire, to_final, direct = (shared.list(name, items) for name in ("to_wire", "to_final", "direct"))
    assert sorted(to_final) == list(range(items)) and [to_wire[i] for i in to_final] == list(direct)
    for row, token in enumerate(direct):
        shared.put(row, shared.get("tokens", token))


def plan(shared, items, topk):
    choices, experts = shared.list("topk_idx", items), shared.command["experts"]
    shared.row = 8
    order = sorted(range(items), key=lambda item: (choices[item], item))
    begins = [sum(choice < expert for choice in choices) for expert in range(experts + 1)]
    for row, value in enumerate([item // topk for item in order] + begins):
        shared.put(row, struct.pack("<q", value))


def combine(shared, items, topk):
    """Of f32. Python's sums and products of two f32 are rounded once when they are packed."""
    columns = "<%df" % (shared.row // 4)
    rounded = lambda values: struct.unpack(columns, struct.pack(columns, *values))
    to_wire, weights = shared.list("to_wire", items), shared.list("weights", items, "f")
    for token in range(items // topk):
        total = [0.0] * (shared.row // 4)
        items_of = range(token * topk, token * topk + topk)
        for i in reversed(items_of) if FAULT == "adds backwards" else items_of:
            values = struct.unpack(columns, shared.get("rows", to_wire[i]))
            total = rounded(a + b for a, b in zip(total, rounded(weights[i] * value for value in values)))
        if FAULT == "sums are a little too large":
            total = [value * (1 + 2**-19) for value in total]
        shared.put(token, struct.pack(columns, *total))


def main():
    note(os.getpid())
    fd = shared = None
    for line in sys.stdin:
        command = json.loads(line)
        what, answer = command["do"], {}
        if what == "begin":
            fd, answer = command["memory"], {"torch": "stand-in", "device": os.environ.get("STAND_IN_DEVICE", "cpu")}
        elif what in ("dispatch", "combine", "plan"):
            shared, move = Shared(fd, command), {"dispatch": dispatch, "combine": combine, "plan": plan}[what]
            items = command["tokens"] * command["topk"]
        elif what == "run":
            misbehave()
            if FAULT in ANSWERS:
                text = ANSWERS[FAULT]
                os.write(1, (text if isinstance(text, bytes) else text.encode()) + b"\n")
                continue
            answer = {"ms": 0.5}
        elif what == "give" and FAULT != "gives nothing":
            move(shared, items, shared.command["topk"])
            if FAULT == "gives a wrong row":
                shared.put(0, b"\1" * shared.row)
        print(json.dumps(dict(answer, did=what)), flush=True)


if __name__ == "__main__":
    main()
