"""Rows on CUDA devices, ranks on several nodes, and pushes by kernels that are there and wait for them, behind a driver whose
streams run beside the host."""

import json
import os
import re
import signal
import time
import unittest

from device_nodes_test import NodesTest
from harness import STARTED, Spec, some
from processes_test import children


class ResidentPushes(NodesTest):
    """Of a dispatch and of a combine."""

    def setUp(self):
        super().setUp()
        # Kernels run beside the host. Each of their blocks polls, so a small device has to do.
        self.environment.update(FARO_PUSHES="resident", FAKE_CUDA_BESIDE="1", FAKE_CUDA_MULTIPROCESSORS="6")

    def pushes(self, module, ranks, nodes, *more, **environment):
        """How many of a dispatch's and of a combine's were done so."""
        figures = self.folder / "figures.json"
        result = self.run_faro(module, "--device", "cuda", "--ranks", ranks, "--nodes", nodes, "--verify", "--experts-fn", "scale",
                               "--json", figures, *more, environment=environment)
        self.check_verified(result)
        phases = json.loads(figures.read_text())["phases"]
        found = [phases[name]["wire"]["resident_pushes"] for name in ("dispatch", "combine")]
        self.assertEqual(", by resident kernels" in result.out, any(found), result.out)
        return found, phases["dispatch"]["wire"]["slices"]

    def test_shapes(self):
        for element, columns in some((("bf16", 257), ("f16", 2880), ("f32", 1))):
            with self.subTest(element=element, columns=columns):
                module = self.compile_for_devices(Spec(element, columns, 5, 13, align=3))
                for ranks, nodes, routing in some(((6, 3, "single-node"), (4, 2, "zipf:1.2"))):
                    self.run_verified(module, ranks, nodes, "--tokens", 61, "--routing", routing, "--experts-fn", "scale",
                                      "--repeat", 2)

    def test_are_all_pushes_between_nodes(self):
        module = self.compile_for_devices(Spec("bf16", 96, 4, 16, align=8))
        for transport in ("local", "ucx"):
            for slots in some(("pinned", "device") if transport == "local" else ("pinned",)):
                with self.subTest(transport=transport, slots=slots):
                    (dispatch, combine), slices = self.pushes(module, 4, 2, "--tokens", 120, "--transport", transport,
                                                              FARO_SLOTS=slots)
                    # A slice is gathered and fanned out; and each rank pushes to its own node.
                    self.assertGreaterEqual(dispatch, 2 * slices + 4)
                    # Partial rows of a token come from one other node: it is summed where they lie.
                    self.assertEqual(combine, 0)
            with self.subTest(transport=transport, nodes=3):
                self.assertGreater(min(self.pushes(module, 6, 3, "--tokens", 120, "--repeat", 5, "--transport", transport)[0]), 0)
        self.assertEqual(self.pushes(module, 4, 2, "--tokens", 120, FARO_PUSHES="launched")[0], [0, 0])
        self.assertEqual(self.pushes(module, 4, 1, "--tokens", 120)[0], [0, 0])

    def test_kernels_that_leave_before_the_next_push(self):
        """Where nothing runs beside the host a kernel does what is posted, waits in vain, and has to be launched again."""
        module = self.compile_for_devices(Spec("bf16", 96, 4, 16, align=8))
        dispatch, combine = self.pushes(module, 6, 3, "--tokens", 40, "--repeat", 2, FAKE_CUDA_BESIDE="0", FAKE_CUDA_LAG="0")[0]
        self.assertGreater(min(dispatch, combine), 0)

    def test_slots_of_any_schedule(self):
        text = self.schedule(Spec("bf16", 1000, 4, 8))
        for edits in some(([(r"slots\(\d+\)", "slots(1)")], [(r"bytes\(\d+\)", "bytes(2304)")],
                           [(r"bytes\(\d+\)", "bytes(512)"), (r"slots\(\d+\)", "slots(9)")])):
            edited = text
            for pattern, replacement in edits:
                edited = re.sub(pattern, replacement, edited)
            self.run_verified(self.compile_for_devices(edited, "edited"), 4, 2, "--tokens", 20, "--repeat", 2)

    def test_just_in_time(self):
        spec = self.write_spec(Spec("bf16", 96, 4, 16, align=8))
        self.assertGreater(self.pushes(spec, 4, 2, "--tokens", 20)[0][0], 0)

    def test_what_they_cannot_do_is_said(self):
        module = self.compile_for_devices(Spec("bf16", 64, 2, 8))
        arguments = (module, "--device", "cuda", "--ranks", 4, "--nodes", 2, "--tokens", 20)
        for transport in ("local", "ucx"):
            self.check_refused(self.run_faro(*arguments, "--transport", transport, environment={"FARO_PUSHES": "sometimes"}),
                               "FARO_PUSHES=sometimes", "launched", "resident")
        # A kernel that ends at once, and never says that it has done anything.
        result = self.run_faro(*arguments, "--timeout", 4 * STARTED, environment={"FAKE_CUDA_WRONG": "dispatch_push_resident"})
        self.check_refused(result, "is not done on its device after")

    def test_a_killed_rank_is_named(self):
        module = self.compile_for_devices(Spec("bf16", 64, 2, 8))
        process = self.start(module, "--device", "cuda", "--ranks", 4, "--nodes", 2, "--tokens", 50, "--repeat", 1000000)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        time.sleep(1.5 * STARTED)
        began = time.monotonic()
        os.kill(sorted(children(process.pid))[2], signal.SIGKILL)
        self.check_refused(self.finish(process, began, 15), "rank 2", "SIGKILL")


if __name__ == "__main__":
    unittest.main()
