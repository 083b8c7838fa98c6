"""Rows on a CUDA device, ranks on several nodes, behind a driver over host memory (tests/runtime/device): slots that kernels
and the wire take turns at, and kernels that end long after they were launched."""

import itertools
import json
import os
import random
import re
import signal
import time
import unittest

from harness import PATIENCE, STARTED, DeviceTest, LaunchedTest, Spec, some
from model import random_batch
from processes_test import children


class NodesTest(DeviceTest):
    def setUp(self):
        super().setUp()
        # Work is done when it has been asked for twice in vain, and addresses of the device are none of the host's.
        self.environment.update(FAKE_CUDA_LAG="2", FAKE_CUDA_STRICT="1")

    def run_verified(self, program, ranks, nodes, *more, transports=("local", "ucx"), **extra):
        for transport in transports:
            with self.subTest(transport=transport, nodes=nodes):
                result = self.run_faro(program, "--device", "cuda", "--ranks", ranks, "--nodes", nodes, "--transport", transport,
                                       "--verify", *more, **extra)
                self.check_verified(result)
                self.assertIn("on %d nodes" % nodes, result.out)


class AcrossNodes(NodesTest):
    def test_nodes_of_one_rank_and_of_several(self):
        module = self.compile_for_devices(Spec("bf16", 96, 4, 16, align=8))
        for ranks, nodes in some(((2, 2), (4, 2), (8, 4), (5, 3))):
            self.run_verified(module, ranks, nodes, "--tokens", 120, "--repeat", 3, "--experts-fn", "scale")

    def test_shapes(self):
        for element, columns, partial in some((("bf16", 1, ""), ("bf16", 257, "f32"), ("f32", 33, ""), ("f16", 2880, ""),
                                               ("f32", 512, "f32"))):
            with self.subTest(element=element, columns=columns, partial=partial):
                module = self.compile_for_devices(Spec(element, columns, 5, 13, align=3, partial=partial))
                for ranks, nodes, routing in some(((4, 2, "zipf:1.2"), (6, 3, "single-node"))):
                    self.run_verified(module, ranks, nodes, "--tokens", 61, "--routing", routing, "--experts-fn", "scale",
                                      "--repeat", 2)

    def test_no_tokens_and_few(self):
        module = self.compile_for_devices(Spec("bf16", 40, 2, 6))
        for tokens in some((3, 0, 1)):
            self.run_verified(module, 4, 2, "--tokens", tokens, "--repeat", 2)

    def test_kernels_that_end_at_once_and_late(self):
        module = self.compile_for_devices(Spec("f32", 200, 4, 16, align=4))
        for lag in some((50, 0, 1)):
            with self.subTest(lag=lag):
                self.run_verified(module, 4, 2, "--tokens", 150, "--repeat", 2, environment={"FAKE_CUDA_LAG": str(lag)})

    def test_files_are_those_of_the_cpu_whoever_carries_rows(self):
        # All of the first node's rows come from one of its ranks: others carry some of them.
        spec = Spec("bf16", 72, 4, 12, align=4, partial="f32")
        batch = random_batch(random.Random(3), spec, [260, 0, 1, 30], dropped=0.2, special=0.01)
        module, source = self.compile_for_devices(spec), self.write_input([batch.tensors(r) for r in range(4)])
        for balancer, transport in itertools.product(("static", "blend"), ("local", "ucx")):
            found = []
            for device in ("cpu", "cuda"):
                out = self.folder / ("%s-%s-%s" % (device, balancer, transport))
                result = self.run_faro(module, "--device", device, "--ranks", 4, "--nodes", 2, "--transport", transport, "--input",
                                       source, "--output", out, "--verify", "--experts-fn", "scale",
                                       environment={"FARO_BALANCER": balancer})
                self.check_verified(result)
                found.append([(out / ("rank%d.safetensors" % r)).read_bytes() for r in range(4)])
                left = re.search(r"(\d+) rows? left by another rank", result.out)
                self.assertEqual(int(left.group(1)) > 0, balancer == "blend", result.out)
            self.assertEqual(found[0], found[1])


class Slots(NodesTest):
    """Rows of slots in the memory of devices, or in pinned host memory."""

    def wire(self, module, transport, slots, *more, **environment):
        """What crossed the nodes, and how much of it left from a device."""
        figures = self.folder / "figures.json"
        result = self.run_faro(module, "--device", "cuda", "--ranks", 4, "--nodes", 2, "--transport", transport, "--tokens", 150,
                               "--repeat", 2, "--experts-fn", "scale", "--verify", "--json", figures, *more,
                               environment=dict(environment, FARO_SLOTS=slots))
        self.check_verified(result)
        phases = json.loads(figures.read_text())["phases"]
        wires = [phases[name]["wire"] for name in ("dispatch", "combine")]
        self.assertEqual(", from the device's memory" in result.out, any(wire["device_bytes"] for wire in wires), result.out)
        return wires

    def check_slots(self, on_device, *arguments, **environment):
        for wire in self.wire(*arguments, **environment):
            self.assertGreater(wire["rows"], 0)
            if on_device:
                # All of the rows, and none of the heads.
                self.assertEqual(wire["device_bytes"] % wire["rows"], 0)
                self.assertGreater(wire["device_bytes"], 0)
                self.assertGreaterEqual(wire["bytes"], wire["device_bytes"] + 64 * wire["slices"])
            else:
                self.assertEqual(wire["device_bytes"], 0)

    def begin_ucx_with_cuda(self):
        """UCX takes a device's addresses for what they are, so they have to be the host's."""
        del self.environment["FAKE_CUDA_STRICT"]
        self.environment.update(LD_PRELOAD=os.environ["FAKE_UCX"], FAKE_UCX_DEVICE="1",
                                ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")

    def test_lie_where_the_transport_says_and_where_they_are_told_to(self):
        module = self.compile_for_devices(Spec("bf16", 200, 4, 16, align=8))
        for slots, on_device in (("", True), ("device", True), ("pinned", False)):
            with self.subTest(slots=slots):
                self.check_slots(on_device, module, "local", slots)
        for slots in ("", "pinned"):
            with self.subTest(slots=slots):
                self.check_slots(False, module, "ucx", slots)

    def test_in_pinned_memory_where_the_transport_could_do_better(self):
        self.environment["FARO_SLOTS"] = "pinned"
        module = self.compile_for_devices(Spec("f16", 96, 4, 16, align=8, partial="f32"))
        for ranks, nodes in some(((4, 2), (5, 3))):
            self.run_verified(module, ranks, nodes, "--tokens", 120, "--repeat", 3, transports=("local",))

    def test_of_a_ucx_that_knows_cuda(self):
        self.begin_ucx_with_cuda()
        modules = [self.compile_for_devices(spec, "m%d" % n) for n, spec in enumerate((
            Spec("bf16", 257, 5, 13, align=3, partial="f32"), Spec("f32", 2880, 4, 16)))]
        for module in modules:
            for more in some(({}, {"UCX_RNDV_THRESH": "0"}, {"FAKE_CUDA_LAG": "50"})):
                with self.subTest(module=module.name, **more):
                    self.check_slots(True, module, "ucx", "device", **more)
        # Over tcp it would copy through host memory, and do no better than kernels do.
        self.check_slots(False, modules[0], "ucx", "")

    def test_that_cannot_be_had_are_said(self):
        module = self.compile_for_devices(Spec("bf16", 64, 2, 8))
        for transport, slots, words in (("ucx", "device", ("FARO_SLOTS=device", "rank ", "'ucx'", "cuda_copy")),
                                        ("local", "gpu", ("FARO_SLOTS=gpu", "`device`", "`pinned`"))):
            with self.subTest(slots=slots):
                result = self.run_faro(module, "--device", "cuda", "--ranks", 4, "--nodes", 2, "--transport", transport,
                                       "--tokens", 5, environment={"FARO_SLOTS": slots})
                self.check_refused(result, *words)

    def test_of_any_kind_hold_slices_of_any_schedule(self):
        text = self.schedule(Spec("bf16", 1000, 4, 8))
        one_row, one_slot = (r"bytes\(\d+\)", "bytes(2304)"), (r"slots\(\d+\)", "slots(1)")
        modules = {}
        for name, edits in (("reference", ((r"by\(\w+\)", "by(reference)"),)), ("smallest", (one_row, one_slot))):
            edited = text
            for pattern, replacement in edits:
                edited = re.sub(pattern, replacement, edited)
            modules[name] = self.compile_for_devices(edited, name)
        for name, slots in some(list(itertools.product(modules, ("device", "pinned")))):
            with self.subTest(schedule=name, slots=slots):
                self.check_slots(slots == "device", modules[name], "local", slots)
        self.begin_ucx_with_cuda()
        self.check_slots(True, modules["smallest"], "ucx", "device")


class SlotsOfAll(LaunchedTest, DeviceTest):
    """Ranks that are not alike."""

    def check_refused_on(self, settings, *words):
        module = self.compile_for_devices(Spec("bf16", 64, 2, 8))
        results = self.launch([0, 1], module, "--device", "cuda", "--tokens", 5, settings=settings)
        self.assertEqual([result.status for result in results], [1, 1], results)
        said = "".join(result.err for result in results)
        for word in words:
            self.assertIn(word, said)

    def test_what_one_rank_cannot_receive_no_other_sends(self):
        knows = {"LD_PRELOAD": os.environ["FAKE_UCX"], "FAKE_UCX_DEVICE": "1", "FARO_SLOTS": "device",
                 "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        self.check_refused_on({0: knows, 1: {"FARO_SLOTS": "device"}}, "FARO_SLOTS=device, but rank 1's transport 'ucx'")

    def test_all_are_told_the_same(self):
        self.check_refused_on({0: {"FARO_SLOTS": "device"}, 1: {"FARO_SLOTS": "pinned"}}, "FARO_SLOTS=pinned", "must be the same")


class EditedSchedules(NodesTest):
    """Slots of other sizes and numbers than the compiler's."""

    def check_edited(self, *edits, columns=1000):
        text = self.schedule(Spec("bf16", columns, 4, 8))
        for pattern, replacement in edits:
            self.assertRegex(text, pattern)
            text = re.sub(pattern, replacement, text)
        self.run_verified(self.compile_for_devices(text, "edited"), 4, 2, "--tokens", 70, "--repeat", 2)

    def test_one_slot(self):
        self.check_edited((r"slots\(\d+\)", "slots(1)"))

    def test_slots_of_one_row(self):
        # 2000 bytes and their header fit 2304.
        self.check_edited((r"bytes\(\d+\)", "bytes(2304)"))

    def test_slots_of_one_row_and_only_one_slot(self):
        self.check_edited((r"bytes\(\d+\)", "bytes(2304)"), (r"slots\(\d+\)", "slots(1)"))

    def test_slots_smaller_than_a_row(self):
        """A row takes several slots."""
        self.check_edited((r"bytes\(\d+\)", "bytes(512)"), (r"slots\(\d+\)", "slots(9)"))

    def test_slices_that_launch_nothing_behind_others_that_do(self):
        """On three nodes most slices have no token that is settled, and others only such: a slot must not go back, nor a
        stage be done, for what is done with a slice that came later."""
        text = self.schedule(Spec("bf16", 16, 3, 8))
        program = self.compile_for_devices(re.sub(r"slots\(\d+\) bytes\(\d+\)", "slots(2) bytes(256)", text), "small")
        for resident in (False, True):
            extra = {"FAKE_CUDA_LAG": "5"}
            if resident:
                extra = {"FARO_PUSHES": "resident", "FAKE_CUDA_BESIDE": "1", "FAKE_CUDA_MULTIPROCESSORS": "2"}
            with self.subTest(resident=resident):
                self.run_verified(program, 6, 3, "--tokens", 40, "--repeat", 3, "--routing", "zipf:1.5",
                                  transports=("local",), environment=extra)

    def test_rows_less_than_an_access_apart(self):
        self.check_edited((r"row_stride = \d+", "row_stride = 202"), columns=100)

    def test_rows_by_reference_are_copied(self):
        """The wire cannot read them where they lie; slots that were made for heads alone hold them all the same."""
        refer = (r"by\(\w+\)", "by(reference)")
        self.check_edited(refer, (r'(?s)("tx" slots\()\d+(\) bytes\()\d+(.*gather)', r"\g<1>3\g<2>256\g<3>"))
        self.check_edited(refer, columns=1001)
        self.check_edited(refer, (r"slots\(\d+\)", "slots(9)"), (r"bytes\(\d+\)", "bytes(512)"))


class Deaths(DeviceTest):
    def begin(self, *more, lag, **settings):
        module = self.compile_for_devices(Spec("bf16", 64, 2, 8))
        process = self.start(module, "--device", "cuda", "--ranks", 4, "--nodes", 2, "--tokens", 50, "--repeat", 1000000, "--output",
                             self.folder / "out", *more, environment=dict(settings, FAKE_CUDA_LAG=str(lag)))
        self.addCleanup(lambda: process.poll() is None and process.kill())
        return process, time.monotonic()

    def test_a_killed_rank_is_named(self):
        for lag in some((20, 0)):
            with self.subTest(lag=lag):
                process, _ = self.begin(lag=lag)
                time.sleep(1.5 * STARTED)
                ranks = sorted(children(process.pid))
                self.assertEqual(len(ranks), 4)
                began = time.monotonic()
                os.kill(ranks[2], signal.SIGKILL)
                self.check_refused(self.finish(process, began, 15), "rank 2", "SIGKILL")
                self.assertEqual([pid for pid in ranks if os.path.exists("/proc/%d" % pid)], [])

    def test_a_device_that_does_not_answer_is_an_error(self):
        for transport in ("local", "ucx"):
            with self.subTest(transport):
                process, began = self.begin("--transport", transport, "--timeout", 4 * STARTED, lag=10**9)
                result = self.finish(process, began, 30)
                self.assertEqual(result.status, 1, result)
                self.assertRegex(result.err, r"rank \d: stage \w+ of dispatch_across is not done on its device after \d")
                self.assertEqual(list((self.folder / "out").iterdir()), [])


if __name__ == "__main__":
    unittest.main()
