"""Ranks on several nodes: what is moved and said, whoever starts them; hand-edited schedules; ranks and nodes that die."""

import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import threading
import time
import unittest

from harness import ELEMENT, FARO_RUN, PATIENCE, STARTED, LaunchedTest, RunTest, Spec, decode, some
from model import random_batch
from processes_test import Processes


def output_bytes(folder, ranks):
    return [(folder / ("rank%d.safetensors" % r)).read_bytes() for r in range(ranks)]


class AcrossNodes(RunTest):
    def check_outputs(self, batch, out, node_of, scale=True):
        spec = batch.spec
        for rank in range(batch.ranks):
            found = decode(out / ("rank%d.safetensors" % rank))
            self.assertEqual(found["recv"][2], b"".join(batch.received(rank)[0]), "rank %d: recv" % rank)
            self.assertEqual(found["combined"][2], b"".join(batch.combined(rank, scale, node_of)), "rank %d: combined" % rank)
            self.assertEqual(found["recv"][0], ELEMENT[spec.element])

    def test_a_row_crosses_once_for_each_node(self):
        spec = Spec("bf16", 48, 6, 12)
        batch = random_batch(random.Random(1), spec, [20, 0, 13, 8, 17])
        program, source = self.compile_library(spec), self.write_input([batch.tensors(r) for r in range(5)])
        for nodes, transport in itertools.product((2, 3, 5), ("local", "ucx")):
            with self.subTest(nodes=nodes, transport=transport):
                figures = self.folder / "figures.json"
                result = self.run_faro(program, "--ranks", 5, "--nodes", nodes, "--transport", transport, "--input", source,
                                       "--verify", "--json", figures)
                self.assertEqual(result.status, 0, result)
                self.assertIn("5 ranks on %d nodes" % nodes, result.out)
                figures = json.loads(figures.read_text())
                node_of = batch.blocks(nodes)
                rows = batch.wire_rows(node_of)
                self.assertEqual([entry["node"] for entry in figures["per_rank"]], node_of)
                for phase in ("dispatch", "combine"):
                    wire = figures["phases"][phase]["wire"]
                    self.assertEqual(wire["rows"], rows, phase)
                    self.assertGreaterEqual(wire["bytes"], rows * 96)
                    self.assertGreater(wire["slices"], 0)
                self.assertEqual(figures["balancer"], "blend")
                self.assertIn("between nodes, dispatch: %d rows" % rows, result.out)
                self.assertIn("between nodes, combine: %d partial rows of bf16" % rows, result.out)

    def test_one_node_says_nothing_of_wires(self):
        figures = self.folder / "figures.json"
        result = self.run_faro(self.compile_library(Spec()), "--ranks", 2, "--tokens", 3, "--json", figures)
        self.assertEqual(result.status, 0, result)
        self.assertNotIn("between nodes", result.out)
        figures = json.loads(figures.read_text())
        self.assertEqual((figures["nodes"], figures["phases"]["dispatch"]["wire"]["rows"]), (1, 0))

    def test_ucx_knows_the_settings_it_is_given(self):
        self.environment["UCX_LOG_LEVEL"] = "warn"
        program = self.compile_library(Spec())
        for nodes in (1, 2):
            result = self.run_faro(program, "--ranks", 4, "--nodes", nodes, "--tokens", 3, "--verify")
            self.assertEqual(result.status, 0, result)
            self.assertNotIn("invalid configuration", result.out + result.err)

    def test_partials_of_f32(self):
        rng = random.Random(2)
        for element in ("bf16", "f16", "f32"):
            spec = Spec(element, 37, 5, 9, partial="f32")
            batch = random_batch(rng, spec, [9, 4, 11, 0], special=0.02)
            program, source = self.compile_library(spec, element), self.write_input([batch.tensors(r) for r in range(4)])
            for nodes, transport in ((2, "local"), (4, "ucx"), (3, "ucx"), (1, "ucx")):
                with self.subTest(element=element, nodes=nodes):
                    out = self.folder / ("out-%s-%d" % (element, nodes))
                    result = self.run_faro(program, "--ranks", 4, "--nodes", nodes, "--transport", transport, "--input",
                                           source, "--output", out, "--verify", "--experts-fn", "scale")
                    self.assertEqual(result.status, 0, result)
                    self.check_outputs(batch, out, batch.blocks(nodes))

    def test_all_balancers_give_the_same_bytes(self):
        # All of the first node's rows come from one of its ranks: where the policies differ.
        spec = Spec("bf16", 32, 4, 12)
        batch = random_batch(random.Random(3), spec, [60, 0, 1, 3, 30, 2], dropped=0.2)
        program, source = self.compile_library(spec), self.write_input([batch.tensors(r) for r in range(6)])
        for transport in ("local", "ucx"):
            outputs, moved = {}, {}
            for balancer in ("static", "fusco", "blend"):
                out, figures = self.folder / (balancer + transport), self.folder / "figures.json"
                result = self.run_faro(program, "--ranks", 6, "--nodes", 2, "--transport", transport, "--input", source,
                                       "--output", out, "--verify", "--experts-fn", "scale", "--json", figures,
                                       environment={"FARO_BALANCER": balancer})
                self.assertEqual(result.status, 0, result)
                self.check_outputs(batch, out, batch.blocks(2))
                figures = json.loads(figures.read_text())
                self.assertEqual(figures["balancer"], balancer)
                outputs[balancer], moved[balancer] = output_bytes(out, 6), figures["moved_rows"]
            self.assertEqual(outputs["static"], outputs["fusco"])
            self.assertEqual(outputs["static"], outputs["blend"])
            self.assertEqual(moved["static"], 0)
            self.assertGreater(moved["blend"], 0, "one rank had all the rows, and none was handed over")

    def test_random_shapes_on_one_node_and_on_several(self):
        rng = random.Random(5)
        for number in some(range(24)):
            ranks, experts = rng.choice([1, 2, 3, 5, 6, 8]), rng.choice([1, 2, 7, 13, 32])
            order = rng.choice([("expert", "source", "token"), ("source", "expert", "token"), ("source", "token"), ("expert",)])
            spec = Spec(rng.choice(["bf16", "f16", "f32"]), rng.choice([1, 3, 16, 33, 257, 512]), min(rng.randint(1, 8), experts),
                        experts, order, rng.choice([1, 1, 2, 16]), placement=rng.choice(["", ", placement = round_robin"]),
                        partial=rng.choice(["", "", "f32"]))
            nodes = 1 if number % 2 else rng.randint(1, ranks)
            with self.subTest(spec=spec.text(), ranks=ranks, nodes=nodes):
                tokens = [rng.choice([0, 1, 5, 29, 61]) for _ in range(ranks)]
                batch = random_batch(rng, spec, tokens, dropped=rng.choice([0, 0.1, 0.7]), special=rng.choice([0, 0.05]))
                source = self.write_input([batch.tensors(r) for r in range(ranks)], "in%d" % number)
                result = self.run_faro(self.compile_library(spec), "--ranks", ranks, "--nodes", nodes, "--transport", "ucx", "--input",
                                       source, "--verify", "--experts-fn", "scale", "--repeat", 2)
                self.assertEqual(result.status, 0, result)
                self.assertIn("0 differences", result.out)

    def test_slices_for_a_wire(self):
        spec = self.write_spec(Spec("bf16", 512, 4, 8))
        slices = {}
        for wire in ("tcp", "rdma"):
            figures = self.folder / "figures.json"
            result = self.run_faro(spec, "--ranks", 2, "--nodes", 2, "--wire", wire, "--tokens", 2000, "--verify", "--json", figures)
            self.assertEqual(result.status, 0, result)
            slices[wire] = sum(rank["dispatch_wire"]["slices"] for rank in json.loads(figures.read_text())["per_rank"])
        self.assertLess(slices["rdma"], slices["tcp"])
        self.check_refused(self.run_faro(self.compile_library(Spec()), "--ranks", 2, "--wire", "rdma"), "--wire chooses", "faroc --wire")

    def test_an_unknown_balancer_is_refused(self):
        result = self.run_faro(self.compile_library(Spec()), "--ranks", 2, "--nodes", 2, environment={"FARO_BALANCER": "fair"})
        self.check_refused(result, "FARO_BALANCER", "fair", "static")

    def test_a_static_mesh_is_held_to(self):
        program = self.compile_library(Spec(mesh=("2", "2")), "two")
        self.assertEqual(self.run_faro(program, "--ranks", 4, "--nodes", 2, "--tokens", 5, "--verify").status, 0)
        for ranks, nodes, words in ((4, 1, "1 node x 4 ranks"), (4, 4, "4 nodes x 1 rank"), (5, 2, "2 nodes of 3 and 2 ranks"),
                                    (6, 3, "3 nodes x 2 ranks")):
            with self.subTest(ranks=ranks, nodes=nodes):
                result = self.run_faro(program, "--ranks", ranks, "--nodes", nodes, "--tokens", 5)
                self.check_refused(result, "mesh of 2 nodes x 2 ranks per node", words, "--ranks 4 --nodes 2")


class Schedules(RunTest):
    """Schedules that a person has edited."""

    def setUp(self):
        super().setUp()
        self.spec = Spec("bf16", 1000, 4, 8)

    def edited(self, text, pattern, replacement, count=0):
        changed = re.sub(pattern, replacement, text, count=count)
        self.assertNotEqual(changed, text, "nothing in the schedule matches %r:\n%s" % (pattern, text))
        return self.write_spec(changed, "edited.mlir")

    def run_verified(self, program, *more, nodes=2):
        for transport in ("local", "ucx"):
            result = self.run_faro(program, "--ranks", 4, "--nodes", nodes, "--tokens", 70, "--repeat", 2, "--verify",
                                   "--transport", transport, *more)
            self.assertEqual(result.status, 0, result)
            self.assertIn("0 differences", result.out)

    def test_the_printed_schedule_runs(self):
        self.run_verified(self.write_spec(self.schedule(self.spec), "printed.mlir"))

    def test_one_slot(self):
        self.run_verified(self.edited(self.schedule(self.spec), r"slots\(\d+\)", "slots(1)"))

    def test_slots_of_one_row(self):
        # 2000 bytes and their header fit 2304.
        self.run_verified(self.edited(self.schedule(self.spec), r"bytes\(\d+\)", "bytes(2304)"))

    def test_slots_of_one_row_and_only_one_slot(self):
        text = re.sub(r"slots\(\d+\)", "slots(1)", self.schedule(self.spec))
        self.run_verified(self.edited(text, r"bytes\(\d+\)", "bytes(2304)"))

    def test_slots_smaller_than_a_row(self):
        """A row takes several slots."""
        text = re.sub(r"slots\(\d+\)", "slots(9)", self.schedule(self.spec))
        self.run_verified(self.edited(text, r"bytes\(\d+\)", "bytes(512)"))

    def check_refused_at(self, program, where, *words):
        """A diagnostic at the first line that holds `where`, before any rank starts."""
        line = next(i for i, l in enumerate(program.read_text().splitlines(), 1) if where in l)
        result = self.run_faro(program, "--ranks", 4, "--nodes", 2, "--tokens", 7, "--output", self.folder / "out")
        self.assertEqual(result.status, 1, result)
        self.assertRegex(result.err, r"(?m)^\S*edited\.mlir:%d:\d+: error: " % line)
        for word in words:
            self.assertIn(word, result.err)
        self.assertEqual(result.out, "")
        self.assertFalse((self.folder / "out").exists())

    def test_rings_that_hold_no_row_are_refused_at_their_line(self):
        text = re.sub(r"slots\(\d+\)", "slots(2)", self.schedule(self.spec))
        self.check_refused_at(self.edited(text, r"bytes\(\d+\)", "bytes(512)"), 'xfer.ring "rx"', 'ring "rx"', "2 x 512", "row")
        text = self.schedule(self.spec)
        self.check_refused_at(self.edited(text, r'("tx" slots\()\d+(\) bytes\()\d+', r"\g<1>1\g<2>64"), 'xfer.ring "tx"', '"tx"')

    def test_rings_that_no_machine_has_are_refused(self):
        text = self.schedule(self.spec)
        for pattern, replacement, word in ((r"slots\(\d+\)", "slots(65537)", "1 to 65536 slots"),
                                           (r"bytes\(\d+\)", "bytes(%d)" % 2**62, "at most")):
            self.check_refused_at(self.edited(text, pattern, replacement), 'xfer.ring "tx"', word)
        for transport in ("local", "ucx"):
            result = self.run_faro(self.edited(text, r"bytes\(\d+\)", "bytes(%d)" % 2**37), "--ranks", 4, "--nodes", 2, "--tokens",
                                   7, "--transport", transport)
            self.check_refused(result, "slots of", "for ring ")

    def test_schedules_that_do_not_verify_are_refused_at_their_line(self):
        text = self.schedule(self.spec)
        for pattern, replacement, where, words in (
            # The fan-out reads a slot that the wire still writes into.
            (r"(%fan_out = xfer\.fan_out %plan after\([^)]*?), %wire\)", r"\1)", "xfer.fan_out", ("'fan_out'", '"rx"', "'wire'")),
            # The wire writes into slots that nobody said are free.
            (r" acquires\(%rx\)", "", "xfer.wire", ("'wire'", '"rx"', "acquire")),
            # After as many slices as there are slots, nothing moves.
            (r" releases\(%tx\)", "", "xfer.wire", ("'wire'", '"tx"', "release")),
            # Rows that a neighbour has not handed over yet would be sent.
            (r", %await_handed\)", ")", "xfer.gather", ("'gather'", "'hand'")),
            # Partial rows would be added that have not come yet.
            (r", %await_landed\)", ", %await_open)", "xfer.pull %plan after(%settle", ("'pull'", "'fan_out'")),
        ):
            with self.subTest(where):
                self.check_refused_at(self.edited(text, pattern, replacement), where, *words)

    def test_gathers_by_copy_and_by_reference(self):
        text = self.schedule(self.spec)
        self.assertRegex(text, r"by\((copy|reference)\)")
        for way in ("copy", "reference"):
            self.run_verified(self.write_spec(re.sub(r"by\(\w+\)", "by(%s)" % way, text), "edited.mlir"))


class Deaths(Processes):
    """Inherits what is true of processes on one node, and is run on two."""

    def start_long(self, *more, ranks=4, nodes=2):
        return super().start_long("--nodes", nodes, *more, ranks=ranks)

    def test_a_killed_node_is_named(self):
        process, ranks = self.start_long()
        began = time.monotonic()
        for pid in ranks[2:]:
            os.kill(pid, signal.SIGKILL)
        result = self.finish(process, began, 15)
        self.assertEqual(result.status, 1, result)
        self.assertEqual(len(result.messages), 1, result)
        self.assertRegex(result.messages[0], r"rank [23] .*SIGKILL")
        self.check_nothing_left(ranks)

    def test_a_slow_rank_is_waited_for(self):
        # Stopped now and then: the others' slots fill up, and nothing is lost.
        process = self.start(self.program, "--ranks", 4, "--nodes", 2, "--tokens", 50, "--repeat", 40, "--verify")
        self.addCleanup(lambda: process.poll() is None and process.kill())
        slow = threading.Thread(target=self.pester, args=(process,))
        slow.start()
        result = self.finish(process, time.monotonic(), 60)
        slow.join()
        self.assertEqual(result.status, 0, result)
        self.assertIn("0 differences", result.out)

    def pester(self, process):
        from processes_test import children
        while process.poll() is None:
            ranks = sorted(children(process.pid))
            if len(ranks) == 4:
                try:
                    os.kill(ranks[3], signal.SIGSTOP)
                    time.sleep(0.02)
                    os.kill(ranks[3], signal.SIGCONT)
                except ProcessLookupError:
                    return
            time.sleep(0.01)


class Launched(LaunchedTest):
    """One rank of somebody else's job, on nodes that the launcher names."""

    def test_any_topology(self):
        spec = Spec("bf16", 24, 3, 10)
        program, rng = self.compile_library(spec), random.Random(4)
        # Blocks, by turns, of different sizes, and numbers that are no numbering.
        for number, node_of in enumerate(([0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 1, 0], [5, 2, 5, 9, 2], [1, 0])):
            for variable in ("GROUP_RANK", "NODE_RANK") if number == 1 else ("GROUP_RANK",):
                with self.subTest(node_of=node_of, variable=variable):
                    ranks = len(node_of)
                    batch = random_batch(rng, spec, [rng.randrange(9) for _ in node_of])
                    source = self.write_input([batch.tensors(r) for r in range(ranks)], "in%d" % number)
                    out = self.folder / ("out%d%s" % (number, variable))
                    results = self.launch(node_of, program, "--input", source, "--output", out, "--verify", "--experts-fn",
                                          "scale", variable=variable)
                    for result in results:
                        self.assertEqual((result.status, result.messages), (0, []), result)
                    self.assertIn("%d ranks on %d nodes" % (ranks, len(set(node_of))), results[0].out)
                    numbers = list(dict.fromkeys(node_of)) # in the order of their smallest ranks
                    for rank in range(ranks):
                        found = decode(out / ("rank%d.safetensors" % rank))
                        expected = batch.combined(rank, True, [numbers.index(n) for n in node_of])
                        self.assertEqual(found["combined"][2], b"".join(expected), "rank %d" % rank)

    @unittest.skipUnless(shutil.which("mpirun"), "needs Open MPI's mpirun")
    def test_mpirun(self):
        command = ["mpirun", "--allow-run-as-root", "--oversubscribe"]
        for node in range(2):
            command += ([":"] if node else []) + ["-n", "2", "-x", "FARO_NODE=%d" % node, FARO_RUN, str(self.compile_library(Spec())),
                                                  "--tokens", "5", "--verify"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60 * PATIENCE, env=self.environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout.count("4 ranks on 2 nodes"), 1, result.stdout)
        self.assertEqual(result.stdout.count("verified: 4 ranks, 40 rows"), 1, result.stdout)

    def test_survivors_name_the_rank_that_died(self):
        """No supervisor: each rank says what it knows and ends by itself."""
        program = self.compile_library(Spec("bf16", 64, 2, 8))
        for victim in (0, 3):
            with self.subTest(victim=victim):
                processes = self.begin([0, 0, 1, 1], program, "--tokens", 50, "--repeat", 1000000)
                time.sleep(2 * STARTED)
                self.assertEqual([p.poll() for p in processes], [None] * 4)
                began = time.monotonic()
                processes[victim].kill()
                for rank, process in enumerate(processes):
                    result = self.finish(process, began, 20)
                    if rank != victim:
                        self.assertEqual(result.status, 1, result)
                        self.assertIn("rank %d" % victim, result.err)

    def test_settings_that_differ_are_an_error_of_all(self):
        program = self.compile_library(Spec())
        for setting, usual, value in (("FARO_BALANCER", "blend", "static"), ("FARO_CHECK", "1", "0")):
            settings = {rank: {setting: usual if rank < 2 else value} for rank in range(3)}
            for result in self.launch([0, 0, 1], program, "--tokens", 3, settings=settings):
                self.assertEqual(result.status, 1, result)
                for word in ("%s=%s" % (setting, value), "rank 2", "they must be the same on all ranks"):
                    self.assertIn(word, result.err)

    def test_nodes_are_the_launchers(self):
        for result in self.launch([0, 0], self.compile_library(Spec()), "--nodes", 2):
            self.assertEqual(result.status, 2, result)
            self.assertIn("--nodes", result.err)


del Processes  # its own cases are those of processes_test.py

if __name__ == "__main__":
    unittest.main()
