"""Rows on a CUDA device, behind a driver over host memory (tests/runtime/device): all but the device itself."""

import itertools
import json
import re
import unittest

from harness import DeviceTest, Spec, decode


class Device(DeviceTest):
    def test_threads_and_processes_share_a_device(self):
        module = self.compile_for_devices(Spec("bf16", 96, 4, 16, align=8))
        # Once with a device that is late, and whose addresses are none of the host's.
        for transport, late in itertools.product(("local", "ucx"), ({}, {"FAKE_CUDA_LAG": "3", "FAKE_CUDA_STRICT": "1"})):
            with self.subTest(transport=transport, late=late):
                self.check_verified(self.run_faro(module, "--device", "cuda", "--ranks", 4, "--tokens", 50, "--repeat", 3,
                                                  "--verify", "--transport", transport, environment=late))

    def test_padding_of_all_groups_is_one_launch(self):
        module = self.compile_for_devices(Spec("bf16", 96, 4, 64, align=8))
        result = self.run_faro(module, "--device", "cuda", "--ranks", 1, "--tokens", 50, "--verify", "--transport", "local",
                               environment={"FAKE_CUDA_WORK": "1"})
        self.check_verified(result)
        self.assertEqual(len(re.findall(r"^dispatch_push: ", result.err, re.MULTILINE)), 2, result.err)  # rows, and zeros

    def test_outputs_of_experts_are_read_where_they_are(self):
        module = self.compile_for_devices(Spec("f16", 64, 2, 8))
        for transport in ("local", "ucx"):
            with self.subTest(transport):
                self.check_verified(self.run_faro(module, "--device", "cuda:1", "--ranks", 3, "--tokens", 31, "--repeat", 2,
                                                  "--experts-fn", "scale", "--verify", "--transport", transport))

    def test_shapes(self):
        for element, columns, topk, experts, ranks, tokens in (("f32", 1, 1, 1, 1, 7), ("bf16", 257, 3, 7, 5, 13),
                                                               ("f16", 7, 2, 4, 2, 1), ("bf16", 2048, 8, 64, 2, 64),
                                                               ("f32", 33, 5, 9, 3, 0)):
            with self.subTest(columns=columns, ranks=ranks, tokens=tokens):
                module = self.compile_for_devices(Spec(element, columns, topk, experts, align=3))
                self.check_verified(self.run_faro(module, "--device", "cuda", "--ranks", ranks, "--tokens", tokens, "--verify",
                                                  "--transport", "local", "--routing", "zipf:1.1"))

    def test_a_spec_is_compiled_for_the_device_just_in_time(self):
        spec = Spec("bf16", 96, 4, 16, align=8)
        program = self.write_spec(spec, "moe.mlir")
        for transport in ("local", "ucx"):
            # Text that the driver assembles, and machine code where the toolkit is there.
            for assembler in ("none", ""):
                with self.subTest(transport=transport, assembler=assembler):
                    self.check_verified(self.run_faro(program, "--device", "cuda", "--ranks", 2, "--tokens", 50, "--verify",
                                                      "--transport", transport,
                                                      environment={"FARO_PTXAS": assembler}))
        again = self.run_faro(program, "--device", "cuda", "--ranks", 2, "--tokens", 5, "--verify")
        self.check_verified(again)
        self.assertIn("found in the cache", again.out)
        # What was cached for the device is not taken for the CPU's.
        self.assertIn("compiled just in time", self.run_faro(program, "--ranks", 2, "--tokens", 5).out)

    def test_files_are_those_of_the_cpu(self):
        module = self.compile_for_devices(Spec("bf16", 40, 2, 6, align=4))
        for device in ("cpu", "cuda"):
            result = self.run_faro(module, "--device", device, "--ranks", 2, "--tokens", 20, "--output", self.folder / device)
            self.assertEqual(result.status, 0, result)
        for rank in range(2):
            name = "rank%d.safetensors" % rank
            self.assertEqual((self.folder / "cpu" / name).read_bytes(), (self.folder / "cuda" / name).read_bytes())

    def planned(self, module, *more, **extra):
        return self.run_faro(module, "--device", "cuda", "--plan", "device", *more, **extra)

    def test_planned_on_the_device_by_threads_and_processes(self):
        module = self.compile_for_devices(Spec("bf16", 96, 4, 16, align=8))
        # The driver's memory of one process is mapped by the others, and their kernels wait for each other.
        for transport, ranks, more in itertools.product(("local", "ucx"), (1, 4), ([], ["--experts-fn", "scale"])):
            with self.subTest(transport=transport, ranks=ranks, more=more):
                result = self.planned(module, "--ranks", ranks, "--tokens", 50, "--repeat", 3, "--verify", "--transport", transport,
                                      "--routing", "zipf:1.2", *more)
                self.check_verified(result)
                self.assertIn("over %s, planned on the device; " % transport, result.out)
        # A device that is late does its work when it is waited for.
        self.check_verified(self.planned(module, "--ranks", 4, "--tokens", 50, "--repeat", 2, "--verify",
                                         environment={"FAKE_CUDA_LAG": "3"}))

    def test_shapes_planned_on_the_device(self):
        for element, columns, topk, experts, ranks, tokens, combine in (("f32", 1, 1, 1, 1, 7, True), ("bf16", 257, 3, 7, 5, 13, True),
                                                                        ("f16", 7, 2, 4, 2, 1, False), ("f32", 33, 5, 9, 3, 0, True)):
            with self.subTest(columns=columns, ranks=ranks, tokens=tokens):
                module = self.compile_for_devices(Spec(element, columns, topk, experts, align=3, combine=combine))
                self.check_verified(self.planned(module, "--ranks", ranks, "--tokens", tokens, "--verify", "--transport", "local"))

    def test_files_and_figures_of_what_was_planned_on_the_device(self):
        module = self.compile_for_devices(Spec("bf16", 40, 2, 6, align=4))
        for plan in ("host", "device"):
            result = self.run_faro(module, "--device", "cuda", "--plan", plan, "--ranks", 2, "--tokens", 20, "--output",
                                   self.folder / plan, "--json", self.folder / (plan + ".json"))
            self.assertEqual(result.status, 0, result)
        for rank in range(2):
            host, device = (decode(self.folder / plan / ("rank%d.safetensors" % rank)) for plan in ("host", "device"))
            del host["recv_source"]  # which nobody on the host knows
            self.assertEqual(host, device)
        host, device = (json.loads((self.folder / (plan + ".json")).read_text()) for plan in ("host", "device"))
        self.assertEqual((host["plan"], device["plan"]), ("host", "device"))
        self.assertEqual([rank["rows"] for rank in host["per_rank"]], [rank["rows"] for rank in device["per_rank"]])
        for rank in device["per_rank"]:
            self.assertGreater(min(rank["prepare_ns"] + rank["dispatch_ns"] + rank["combine_ns"] + [rank["window_bytes"]]), 0)

    def test_what_was_planned_wrong_is_found(self):
        module = self.compile_for_devices(Spec("bf16", 96, 4, 16))
        for kernel in ("dispatch_plan_place", "dispatch_plan_weigh"):
            result = self.planned(module, "--ranks", 2, "--tokens", 50, "--verify", "--output", self.folder / "out",
                                  environment={"FAKE_CUDA_WRONG": kernel, "FARO_CHECK": "0"})
            self.check_refused(result, "expected", "found", "no output was written")
            self.assertIn("VERIFICATION FAILED", result.out)

    def test_what_was_planned_wrong_is_found_without_a_reference(self):
        module = self.compile_for_devices(Spec("bf16", 96, 4, 16))
        result = self.planned(module, "--ranks", 2, "--tokens", 50, "--output", self.folder / "out",
                              environment={"FAKE_CUDA_WRONG": "dispatch_plan_place"})
        self.check_refused(result, "FARO_CHECK: rank ", "its items begin at 0, expected 4")

    def test_what_cannot_be_planned_on_the_device_is_said(self):
        module = self.compile_for_devices(Spec())
        ranks = ("--ranks", 2, "--tokens", 4, "--output", self.folder / "out")
        for transport in ("local", "ucx"):
            with self.subTest(transport):
                other = self.compile_for_devices(Spec(order=("source", "expert", "token")), "other")
                self.check_refused(self.planned(other, *ranks, "--transport", transport),
                                   "other.so", "no kernels that plan on a device", "in the order [expert, source, token]")
                self.check_refused(self.planned(self.compile_library(Spec(), "plain"), *ranks, "--transport", transport), "plain.so",
                                   "no kernels that plan on a device", "--target=cpu,cuda:sm_")
        for options, words in ((["--plan", "device"], "give --device cuda as well"),
                               (["--device", "cuda", "--plan", "device", "--nodes", 2], "--plan device is for one node"),
                               (["--device", "cuda", "--plan", "gpu"], "--plan")):
            result = self.run_faro(module, *ranks, *options)
            self.assertEqual(result.status, 2, result)
            self.assertIn(words, result.err)

    def test_what_is_missing_is_said(self):
        module = self.compile_for_devices(Spec())
        run = lambda program, *more, **extra: self.run_faro(program, "--ranks", 2, "--tokens", 4, "--output", self.folder / "out",
                                                            *more, **extra)
        for transport in ("local", "ucx"):
            with self.subTest(transport):
                self.check_refused(run(module, "--device", "cuda", "--transport", transport,
                                       environment={"FARO_CUDA_DRIVER": "/no/driver/libcuda.so"}),
                                   "no CUDA driver", "/no/driver/libcuda.so", "leave work on the CPU")
                self.check_refused(run(module, "--device", "cuda:7", "--transport", transport), "there is no CUDA device 7")
        self.check_refused(run(self.compile_library(Spec(), "plain"), "--device", "cuda"), "kernels for the CPU only",
                           "faroc --target=cpu,cuda:sm_90")
        for device in ("tpu", "cuda:", "cuda:x", "cuda:-1"):
            result = run(module, "--device", device)
            self.assertEqual(result.status, 2, result)
            self.assertIn("--device: '%s' is none of" % device, result.err)
            self.assertIn("cuda:N", result.err)


if __name__ == "__main__":
    unittest.main()
