"""faro-run's output files against an independent model, bit for bit."""

import math
import random
import shutil
import struct
import unittest

from harness import ELEMENT, RunTest, Spec, decode, encode, int64s
from model import Batch, f32, random_batch


class Results(RunTest):
    nodes = 1

    def check(self, batch, program, transport="ucx", scale=True, extra=()):
        spec, ranks, nodes = batch.spec, batch.ranks, min(self.nodes, batch.ranks)
        source = self.write_input([batch.tensors(r) for r in range(ranks)])
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        out = self.folder / "out"
        result = self.run_faro(program, "--ranks", ranks, "--nodes", nodes, "--input", source, "--output", out, "--transport", transport,
                               "--experts-fn", "scale" if scale else "identity", *extra)
        self.assertEqual(result.status, 0, result)
        self.assertEqual(sorted(p.name for p in out.iterdir()), sorted("rank%d.safetensors" % r for r in range(ranks)))
        for rank in range(ranks):
            self.check_file(batch, rank, decode(out / ("rank%d.safetensors" % rank)), scale)
        return result

    def check_file(self, batch, rank, found, scale):
        spec, size = batch.spec, batch.size * batch.spec.columns
        rows, sources, offsets, counts = batch.received(rank)
        expected = {
            "recv": (ELEMENT[spec.element], [len(rows), spec.columns], b"".join(rows)),
            "recv_source": ("I64", [len(rows), 3], int64s([n for source in sources for n in source])),
            "expert_counts": ("I64", [len(counts)], int64s(counts)),
        }
        if offsets is not None:
            expected["expert_offsets"] = ("I64", [len(offsets)], int64s(offsets))
        if spec.combine:
            combined = batch.combined(rank, scale, batch.blocks(self.nodes))
            expected["combined"] = (ELEMENT[spec.element], [len(combined), spec.columns], b"".join(combined))
        self.assertEqual(set(found), set(expected))
        for name, (dtype, shape, raw) in expected.items():
            self.assertEqual(found[name][:2], (dtype, shape), "rank %d: %s" % (rank, name))
            for i in range(0, len(raw), size):
                self.assertEqual(found[name][2][i : i + size], raw[i : i + size],
                                 "rank %d: %s, row %d" % (rank, name, i // size))

    def test_one_rank(self):
        spec = Spec("bf16", 7, 3, 5, align=4)
        self.check(random_batch(random.Random(1), spec, [11]), self.compile_library(spec), extra=["--verify"])

    def test_many_shapes(self):
        rng = random.Random(2)
        shapes = [
            (Spec("bf16", 13, 4, 11, align=4), [5, 0, 3, 7, 2]),
            (Spec("f16", 1, 1, 3), [17, 4, 0]),
            (Spec("f32", 67, 2, 2, align=3), [3, 1, 4]),  # fewer experts than ranks
            (Spec("bf16", 64, 8, 8), [6, 6]),
            (Spec("f32", 5, 7, 7, order=("source", "expert", "token")), [4, 2, 3]),
            (Spec("f16", 3, 2, 6, order=("source", "token"), align=2), [4, 0]),
            (Spec("bf16", 2, 64, 64, align=8), [2, 1]),
            (Spec("f32", 1, 1, 1, align=128), [0, 1]),
        ]
        for number, (spec, tokens) in enumerate(shapes):
            with self.subTest(spec=spec.text()):
                program = self.compile_library(spec, "moe%d" % number)
                self.check(random_batch(rng, spec, tokens), program, scale=number % 2 == 0,
                           transport="local" if number % 3 == 2 else "ucx", extra=["--verify"])

    def test_no_tokens_anywhere(self):
        spec = Spec("bf16", 4, 2, 4, align=4)
        self.check(random_batch(random.Random(3), spec, [0, 0, 0]), self.compile_library(spec), extra=["--verify"])

    def test_everything_dropped(self):
        spec = Spec("f32", 4, 2, 4)
        self.check(random_batch(random.Random(4), spec, [3, 2], dropped=1), self.compile_library(spec), extra=["--verify"])

    def test_everything_to_one_expert_named_many_times(self):
        spec = Spec("bf16", 9, 5, 6)
        batch = random_batch(random.Random(5), spec, [4, 3, 5], dropped=0)
        for idx in batch.topk_idx:
            for choices in idx:
                choices[:] = [4] * 5
        self.check(batch, self.compile_library(spec), extra=["--verify"])

    def test_nans_and_infinities_travel(self):
        for element in ("bf16", "f16", "f32"):
            with self.subTest(element):
                spec = Spec(element, 33, 3, 4)
                batch = random_batch(random.Random(6), spec, [9, 8], special=0.2)
                self.check(batch, self.compile_library(spec, element), extra=["--verify"])

    def test_nan_payloads_are_moved_as_they_are(self):
        spec = Spec("bf16", 4, 1, 2, combine=False)
        rows = [[struct.pack("<4H", 0x7F81, 0xFFFF, 0x8000, 0x0001)], [struct.pack("<4H", 0xFF80, 0x7FC1, 0, 0x7F7F)]]
        batch = Batch(spec, rows, [[[1]], [[0]]], [[[1.0]], [[1.0]]])
        self.check(batch, self.compile_library(spec), extra=["--verify"])

    def test_the_weight_of_a_dropped_choice_is_ignored(self):
        spec = Spec("f32", 3, 2, 2)
        batch = Batch(spec, [[struct.pack("<3f", 1, 2, 3)]], [[[-1, 1]]], [[[math.nan, 0.5]]])
        self.check(batch, self.compile_library(spec), extra=["--verify"])

    def test_products_are_rounded_before_they_are_added(self):
        # (1 + 2^-23) x (1 - 2^-23) = 1 - 2^-46 rounds to 1; a fused multiply-add would leave -2^-46.
        spec = Spec("f32", 1, 2, 2)
        rows = [[struct.pack("<f", f32(1 + 2**-23))]]
        batch = Batch(spec, rows, [[[0, 1]]], [[[-1.0, 1.0]]])
        self.check(batch, self.compile_library(spec), scale=False, extra=["--verify"])
        batch = Batch(spec, [[struct.pack("<f", f32(1 - 2**-23))]], [[[0, 1]]], [[[-1.0, f32(1 + 2**-23)]]])
        self.check(batch, self.compile_library(spec), scale=False, extra=["--verify"])

    def test_a_dispatch_alone_needs_no_weights(self):
        spec = Spec("bf16", 4, 2, 4, combine=False)
        batch = random_batch(random.Random(7), spec, [3, 4])
        program = self.compile_library(spec)
        self.check(batch, program, extra=["--verify"])
        bare = [batch.tensors(r) for r in range(2)]
        for tensors in bare:
            del tensors["topk_weights"]
        source = self.write_input(bare)
        result = self.run_faro(program, "--ranks", 2, "--nodes", min(self.nodes, 2), "--input", source, "--output",
                               self.folder / "bare", "--verify")
        self.assertEqual(result.status, 0, result)
        for rank in range(2):
            self.check_file(batch, rank, decode(self.folder / "bare" / ("rank%d.safetensors" % rank)), False)

    def test_jit_and_library_give_the_same_bytes(self):
        spec = Spec("bf16", 37, 3, 7, align=4)
        batch = random_batch(random.Random(8), spec, [6, 5, 7])
        library = self.compile_library(spec)
        files = []
        for program in (library, self.folder / "moe.mlir"):
            self.check(batch, program, extra=["--verify"])
            files.append([(self.folder / "out" / ("rank%d.safetensors" % r)).read_bytes() for r in range(3)])
        self.assertEqual(files[0], files[1])

    def test_a_program_is_known_by_its_bytes(self):
        spec = Spec()
        library = self.compile_library(spec)
        misnamed = self.folder / "library.mlir"
        library.rename(misnamed)
        self.assertEqual(self.run_faro(misnamed, "--ranks", 2, "--tokens", 3).status, 0)
        self.assertEqual(self.run_faro(self.write_spec(spec, "spec.so"), "--ranks", 2, "--tokens", 3).status, 0)

    def test_data_of_any_alignment(self):
        spec = Spec("f32", 3, 2, 4)
        batch = random_batch(random.Random(9), spec, [3, 3])
        files = []
        for rank in range(2):
            raw = encode(batch.tensors(rank))
            (size,) = struct.unpack("<Q", raw[:8])
            files.append(struct.pack("<Q", size + rank + 1) + raw[8 : 8 + size] + b" " * (rank + 1) + raw[8 + size :])
        program, out = self.compile_library(spec), self.folder / "odd"
        source = self.write_input(files, "odd-in")
        result = self.run_faro(program, "--ranks", 2, "--nodes", min(self.nodes, 2), "--input", source, "--output", out)
        self.assertEqual(result.status, 0, result)
        for rank in range(2):
            self.check_file(batch, rank, decode(out / ("rank%d.safetensors" % rank)), False)

    def test_made_up_input_is_verified(self):
        program = self.compile_library(Spec("bf16", 96, 4, 12, align=8))
        for routing in ("uniform", "zipf:1.2", "single-node", "bimodal"):
            for transport in ("ucx", "local"):
                with self.subTest(routing=routing, transport=transport):
                    result = self.run_faro(program, "--ranks", 3, "--nodes", min(self.nodes, 3), "--tokens", 50, "--routing",
                                           routing, "--transport", transport, "--experts-fn", "scale", "--repeat", 3, "--verify")
                    self.assertEqual(result.status, 0, result)
                    self.assertIn("verified: 3 ranks, 600 rows, 150 combined tokens in each of 3 repeats, 0 differences",
                                  result.out)


class ResultsOnTwoNodes(Results):
    nodes = 2


class ResultsOnFourNodes(Results):
    nodes = 4


if __name__ == "__main__":
    unittest.main()
