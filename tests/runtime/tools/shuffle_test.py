"""Shuffles planned on devices by the C API, ranks as processes that map each other's windows: captured once, and replayed with
other inputs; behind a driver over host memory (tests/runtime/device), against this folder's own model."""

import ctypes
import os
import random
import socket
import subprocess
import sys
import time
import unittest

from harness import PATIENCE, DeviceTest, Spec, float32s, int64s
from model import random_batch

DRIVER, LIBRARY = os.environ["FAKE_CUDA"], os.environ["FARO_LIBRARY"]
SPEC = Spec("bf16", 24, 3, 8, align=4)
RANKS, MOST, BATCHES = 3, 12, 6


class Options(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("cuda_device", ctypes.c_int32), ("dispatch", ctypes.c_char_p),
                ("combine", ctypes.c_char_p), ("most_tokens", ctypes.c_int64), ("most_rows", ctypes.c_int64),
                ("cuda_multiprocessors", ctypes.c_uint32), ("in_place", ctypes.c_uint32)]


class Memory(ctypes.Structure):
    _fields_ = [("received", ctypes.c_void_p), ("expert_rows", ctypes.c_void_p), ("rows", ctypes.c_int64),
                ("stride", ctypes.c_int64), ("expert_offsets", ctypes.POINTER(ctypes.c_int64)),
                ("expert_counts", ctypes.POINTER(ctypes.c_int64)), ("local_experts", ctypes.c_int64)]


def batch_of(number):
    return random_batch(random.Random(number), SPEC, [(number * 5 + rank * 3) % (MOST + 1) for rank in range(RANKS)])


class Rank:
    """What one process does. Its device's memory is the host's, too."""

    def __init__(self, module):
        self.faro, self.cuda = ctypes.CDLL(LIBRARY), ctypes.CDLL(DRIVER)
        self.faro.faro_last_error.restype = ctypes.c_char_p
        comm, loaded, self.shuffle = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
        self.must(self.faro.faro_comm_create(ctypes.byref(comm)))
        self.comm = comm
        self.must(self.faro.faro_module_load(module.encode(), ctypes.byref(loaded)))
        options = Options(ctypes.sizeof(Options), 0, None, None, MOST, RANKS * MOST * SPEC.topk + SPEC.experts * 3, 0, 1)
        self.must(self.faro.faro_shuffle_create(comm, loaded, ctypes.byref(options), ctypes.byref(self.shuffle)))
        self.memory = Memory()
        self.must(self.faro.faro_shuffle_memory_of(self.shuffle, ctypes.byref(self.memory)))
        # What the library needs is its own matter; this process works with the device's primary context, too.
        context = ctypes.c_void_p()
        self.asked(self.cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0))
        self.asked(self.cuda.cuCtxSetCurrent(context))
        self.stream = ctypes.c_void_p()
        self.asked(self.cuda.cuStreamCreate(ctypes.byref(self.stream), 1))
        self.bytes = 2 * SPEC.columns
        self.x, self.out = self.allocate(MOST * self.bytes), self.allocate(MOST * self.bytes)
        self.topk_idx, self.weights = self.allocate(MOST * SPEC.topk * 8), self.allocate(MOST * SPEC.topk * 4)
        self.tokens = self.allocate(8)

    def must(self, status):
        if status:
            sys.exit(self.faro.faro_last_error().decode())

    @staticmethod
    def asked(result):
        if result:
            sys.exit("the driver says %d" % result)

    def allocate(self, size):
        memory = ctypes.c_void_p()
        self.asked(self.cuda.cuMemAlloc_v2(ctypes.byref(memory), ctypes.c_size_t(size)))
        return memory

    def capture(self):
        graph, replay = ctypes.c_void_p(), ctypes.c_void_p()
        rows, apart = ctypes.c_int64(MOST), ctypes.c_int64(self.bytes)
        self.asked(self.cuda.cuStreamBeginCapture_v2(self.stream, 0))
        self.must(self.faro.faro_shuffle_dispatch(self.shuffle, self.stream, self.topk_idx, self.x, rows, apart, self.tokens))
        self.must(self.faro.faro_shuffle_combine(self.shuffle, self.stream, self.weights, self.out, rows, apart))
        self.asked(self.cuda.cuStreamEndCapture(self.stream, ctypes.byref(graph)))
        self.asked(self.cuda.cuGraphInstantiateWithFlags(ctypes.byref(replay), graph, ctypes.c_ulonglong(0)))
        self.asked(self.cuda.cuGraphDestroy(graph))
        return replay

    def give(self, batch, rank):
        for memory, raw in ((self.x, b"".join(batch.rows[rank])), (self.tokens, int64s([len(batch.rows[rank])])),
                            (self.topk_idx, int64s([e for idx in batch.topk_idx[rank] for e in idx])),
                            (self.weights, float32s([w for ws in batch.weights[rank] for w in ws]))):
            ctypes.memmove(memory, raw, len(raw))
        ctypes.memset(self.out, 0xA5, MOST * self.bytes)

    def check(self, batch, rank):
        rows, _, offsets, counts = batch.received(rank)
        memory, local = self.memory, self.memory.local_experts
        if memory.expert_offsets[: local + 1] != offsets or memory.expert_counts[:local] != counts:
            sys.exit("offsets or counts differ")
        for i, row in enumerate(rows):
            if ctypes.string_at(memory.received + i * memory.stride, self.bytes) != row:
                sys.exit("received row %d differs" % i)
        expected = b"".join(batch.combined(rank, False)) + bytes(self.bytes * (MOST - len(batch.rows[rank])))
        if ctypes.string_at(self.out, len(expected)) != expected:
            sys.exit("sums differ")

    def run(self, rank):
        replay = self.capture()
        for number in range(BATCHES):
            batch = batch_of(number)
            self.give(batch, rank)
            self.asked(self.cuda.cuGraphLaunch(replay, self.stream))
            self.must(self.faro.faro_shuffle_status(self.shuffle, self.stream))
            self.check(batch, rank)
        self.must(self.faro.faro_comm_barrier(self.comm))  # the others may still read this one's windows
        self.faro.faro_shuffle_destroy(self.shuffle)
        self.faro.faro_comm_destroy(self.comm)


class Shuffles(DeviceTest):
    def ranks(self, limit, *, absent=None):
        """(exit status, stderr) of each; one may be absent from its batches."""
        module = self.compile_for_devices(SPEC)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        started = []
        for rank in range(RANKS):
            environment = dict(self.environment, RANK=str(rank), WORLD_SIZE=str(RANKS), LOCAL_RANK=str(rank),
                               LOCAL_WORLD_SIZE=str(RANKS), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port),
                               FARO_CUDA_DRIVER=DRIVER, FARO_TIMEOUT=str(limit))
            role = "absent" if rank == absent else "rank"
            started.append(subprocess.Popen([sys.executable, "-B", __file__, role, str(module), str(rank)], env=environment,
                                            stderr=subprocess.PIPE, text=True))
        results = []
        for process in started:
            self.addCleanup(lambda process=process: process.poll() is None and process.kill())
            results.append((process, process.communicate(timeout=100 * PATIENCE)[1]))
        return [(process.returncode, said) for process, said in results]

    def test_processes_replay_what_they_captured(self):
        for status, said in self.ranks(60 * PATIENCE):
            self.assertEqual(status, 0, said)

    def test_a_rank_that_does_not_come_is_named(self):
        results = self.ranks(4 * PATIENCE, absent=1)
        for rank in (0, 2):
            self.assertNotEqual(results[rank][0], 0)
            self.assertIn("in vain for rank 1 (counts of a dispatch)", results[rank][1])


if __name__ == "__main__":
    if sys.argv[1:2] == ["rank"]:
        Rank(sys.argv[2]).run(int(sys.argv[3]))
    elif sys.argv[1:2] == ["absent"]:
        Rank(sys.argv[2])
        time.sleep(8 * PATIENCE)
        os._exit(0)
    else:
        unittest.main()
