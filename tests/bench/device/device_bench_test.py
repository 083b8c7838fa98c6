"""faro-bench --device behind a driver over host memory (tests/runtime/device): all but the device itself and its times.

The program under test, FARO_RUN of the harness, is faro-bench."""

import json
import re
import unittest

from harness import PATIENCE, DeviceTest, Spec

PEERS = {"dispatch": ["permute, copy, permute", "permute, copy, permute; first reads tokens once", "permute in one pass"],
         "combine": ["permute back, copy, weighted sum"]}
# The pull kernel takes packed tokens only where rows are whole strides.
PULLS = ["permute, copy, permute; first in one launch", "permute in one pass; in one launch"]
FARO = ["Faro, its kernel", "Faro, the call"]
PLANNED = ["Faro, planned on the device", "Faro, planned on the device, as a graph"]
# Planned on the device or on the host, with nothing else.
PLANS = {"plan": "Faro's sessions, on the host", "round-trip": "Faro's sessions, planned on the host"}
BOUNDS = {"dispatch": ["device copy, as many bytes read and written"], "combine": ["device copy, as many bytes read and written"],
          "plan": [], "round-trip": ["two device copies, as many bytes read and written"]}


class DeviceBench(DeviceTest):
    def bench(self, spec, module, *more, device="cuda", iterations=2, environment=None):
        shape = ["--hidden", spec.columns, "--dtype", spec.element, "--topk", spec.topk, "--experts", spec.experts,
                 "--align", spec.align, "--iterations", iterations]
        where = ["--module", module] if module else []
        return self.run_faro("--device", device, *where, *shape, *more, environment=environment)

    def check_runs(self, spec, ranks, tokens, *more, pulls=False):
        figures = self.folder / "figures.json"
        result = self.bench(spec, self.compile_for_devices(spec), "--ranks", ranks, "--tokens", tokens, "--json", figures, *more)
        self.assertEqual(result.status, 0, result)
        self.assertEqual(result.err, "")
        runs = json.loads(figures.read_text())["runs"]
        self.assertEqual([run["op"] for run in runs], ["dispatch", "combine", "plan", "round-trip"])
        tables = result.out.strip().split("\n\n")
        self.assertEqual(len(tables), 4, result)
        for run, table in zip(runs, tables):
            self.assertIn("%s on Fake GPU (sm_90, CUDA device 0): %d ranks x %d tokens" % (run["op"], ranks, tokens),
                          table.splitlines()[0])
            self.assertEqual(run["device"], {"name": "Fake GPU", "number": 0, "architecture": "sm_90"})
            self.assertEqual((run["ranks"], run["tokens"], run["budgets"]), (ranks, tokens, []))
            row = spec.columns * (4 if spec.element == "f32" else 2)
            shuffled = ranks * tokens * (spec.topk + 1) * row
            self.assertEqual(run["payload_bytes"], {"plan": ranks * tokens * spec.topk * 8, "round-trip": 2 * shuffled}
                             .get(run["op"], shuffled))
            checked = [m["name"] for m in run["methods"] if m["checked"]]
            if run["op"] in PLANS:
                expected = [PLANS[run["op"]]] + PLANNED
            else:
                expected = PEERS[run["op"]] + FARO + PLANNED + (PULLS if pulls and run["op"] == "dispatch" else [])
            self.assertEqual(sorted(checked), sorted(expected))
            self.assertEqual([m["wrong_rows"] for m in run["methods"]], [0] * len(run["methods"]), table)
            self.assertEqual(table.count("ok, exact"), len(expected), table)
            self.assertEqual([m["name"] for m in run["methods"] if m["kind"] == "bound"], BOUNDS[run["op"]])
            self.assertEqual([m["name"] for m in run["methods"] if "plan_ms_median" in m],
                             [] if run["op"] in PLANS else ["Faro, the call"])
            for method in run["methods"]:
                self.assertGreater(method["run_ms_min"], 0, method)
                self.assertEqual("share" in method, run["op"] != "plan")
                self.assertGreater(method.get("share", 1), 0, method)
                self.assertGreater(method["ratio"], 0, method)
        names = [m["name"] for m in runs[0]["methods"]]
        self.assertEqual("part: zeroing the padding" in names, spec.align > 1)

    def test_one_rank_with_rows_of_odd_size_and_padding(self):
        self.check_runs(Spec("f32", 333, 3, 7, align=8), 1, 33)

    def test_several_ranks_some_with_few_experts(self):
        self.check_runs(Spec("bf16", 287, 2, 5), 3, 17, "--routing", "zipf:1.2", "--caches", "warm")

    def test_rows_of_whole_lines_have_more_peers(self):
        self.check_runs(Spec("f16", 96, 4, 16, align=3), 2, 50, pulls=True)

    def test_rows_in_another_order_are_noticed(self):
        spec = Spec("f32", 4, 2, 6, order=("source", "expert", "token"))
        result = self.bench(spec, self.compile_for_devices(spec), "--ranks", 2, "--tokens", 20)
        self.assertEqual(result.status, 1, result)
        wrong = [line for line in result.out.splitlines() if "WRONG" in line]
        self.assertEqual([line[:14] for line in wrong], ["Faro, the call"] * 2, result)
        # Nor are they planned on a device.
        self.assertIn("not planned on the device: ", result.out)
        self.assertNotIn("round-trip", result.out)
        for op in ("plan", "round-trip"):
            self.check_refused(self.bench(spec, self.folder / "moe.so", "--op", op), "--op " + op,
                               "has no kernels that plan on a device: expected a dispatch of rows in the order", status=2)

    def test_a_device_that_is_late(self):
        self.environment["FAKE_CUDA_LAG"] = "3"
        self.check_runs(Spec("bf16", 64, 2, 8, align=2), 1, 20, pulls=True)

    def test_a_rank_planned_wrong_is_noticed(self):
        # A kernel that does nothing leaves the lists empty: rows stay wiped, and no methods' but those planned there.
        spec = Spec("bf16", 64, 2, 4)
        for op in ("dispatch", "plan", "round-trip"):
            result = self.bench(spec, self.compile_for_devices(spec), "--tokens", 9, "--op", op, "--routing", "zipf:1.2",
                                environment={"FAKE_CUDA_WRONG": "dispatch_plan_place", "FARO_CHECK": "0"})
            self.assertEqual(result.status, 1, result)
            wrong = [line.split("  ")[0] for line in result.out.splitlines() if "WRONG" in line]
            self.assertEqual(wrong, PLANNED, result)

    def budgets(self, spec, *more):
        figures = self.folder / "figures.json"
        result = self.bench(spec, self.compile_for_devices(spec), "--json", figures, *more, iterations=1,
                            environment={"FAKE_CUDA_WORK": "1"})
        self.assertEqual(result.status, 0, result)
        self.work = {kernel: int(longest) for kernel, longest in
                     re.findall(r"^(\w+): .* (\d+) of the longest thread$", result.err, re.MULTILINE)}
        return {b["what"]: b for run in json.loads(figures.read_text())["runs"] for b in run["budgets"]}

    def test_planning_and_a_decode_have_budgets(self):
        found = self.budgets(Spec("bf16", 8, 8, 256), "--op", "plan", "--tokens", 4096)
        self.assertEqual(list(found), ["planning on the device, 4096 tokens, top-8 of 256"])
        # Planning takes as long as the longest walk of a thread: of 256 choices, 128 chunks, 256 experts.
        for kernel, most in (("count", 2600), ("scan", 1800), ("offsets", 2300), ("place", 2800)):
            self.assertLessEqual(self.work["dispatch_plan_" + kernel], most)
        self.assertNotIn("dispatch_plan_meet", self.work)  # one rank has nobody to meet
        decode = Spec("bf16", 7168, 8, 256)
        for caches in ("cold", "warm"):
            found.update(self.budgets(decode, "--op", "round-trip", "--tokens", 128, "--methods", "faro", "--caches", caches))
        self.assertEqual(list(found)[1:], ["dispatch + combine of 128 tokens, one graph, %s cache" % caches for caches in ("cold", "warm")])
        for budget in found.values():
            self.assertEqual((budget["target"], budget["at_least"], budget["met"]), (30, False, budget["measured"] <= 30))
            self.assertGreater(budget["least"], 0)
        # They are about one rank.
        self.assertEqual(self.budgets(decode, "--op", "round-trip", "--tokens", 128, "--methods", "faro", "--ranks", 2), {})

    def test_parts_and_devices_are_chosen(self):
        spec = Spec("bf16", 64, 2, 4)
        result = self.bench(spec, self.compile_for_devices(spec), "--tokens", 9, "--op", "combine", "--methods", "faro",
                            device="cuda:1")
        self.assertEqual(result.status, 0, result)
        self.assertIn("combine on Fake GPU (sm_90, CUDA device 1): 1 ranks x 9 tokens", result.out)
        self.assertNotIn("permute", result.out)
        self.assertNotIn("limit", result.out)

    def test_without_a_module_the_shape_is_compiled_for_the_device(self):
        spec = Spec("bf16", 64, 2, 4)
        result = self.bench(spec, None, "--ranks", 2, "--tokens", 9)
        self.assertEqual(result.status, 0, result)
        self.assertIn("ok, exact", result.out)

    def check_jit(self, device, assembler, environment):
        figures = self.folder / "jit.json"
        result = self.bench(Spec("bf16", 512, 2, 4), None, "--op", "jit", "--json", figures, device=device, environment=environment)
        self.assertEqual(result.status, 0, result)
        run, = json.loads(figures.read_text())["runs"]
        self.assertEqual(run["device"]["architecture"], "sm_90")
        self.assertRegex(run["device"]["assembler"], assembler)
        for name in ("ptx_ms", "all_kernels_ms"):
            self.assertTrue(all(ms > 0 for ms in run["device"][name]), run)
        self.assertEqual([len(run["device"][name]) for name in ("ptx_ms", "code_ms", "all_kernels_ms")], [3, 3, 4])
        budget = next(b for b in run["budgets"] if "CUDA" in b["what"])
        self.assertEqual(budget["target"], 60)
        return result.out, budget

    def test_compiling_needs_an_architecture_only(self):
        nothing = {"FARO_CUDA_DRIVER": "/no/driver/libcuda.so", "FARO_PTXAS": "none"}
        out, budget = self.check_jit("cuda:sm_90", "^$", nothing)
        self.assertIn("for sm_90, the kernels that a session needs; no assembler", out)
        self.assertFalse(budget["met"])
        self.assertIn("not measured: no assembler", out)
        unknown = self.bench(Spec("bf16", 64, 2, 4), None, "--op", "jit", device="cuda:sm_91", environment=nothing)
        self.assertEqual(unknown.status, 1, unknown)
        self.assertIn("error: sm_91 is no architecture that kernels can be compiled for; expected one of", unknown.err)
        # That of a device, where there is one; by whatever assembler this machine has.
        self.check_jit("cuda", "^", {})

    def test_what_is_missing_is_said(self):
        spec = Spec("bf16", 64, 2, 4)
        module = self.compile_for_devices(spec)
        self.check_refused(self.bench(spec, "/no/such/moe.so"), "--module", "/no/such/moe.so", status=2)
        self.check_refused(self.bench(spec, module, environment={"FARO_CUDA_DRIVER": "/no/driver/libcuda.so"}),
                           "no CUDA driver", "/no/driver/libcuda.so", "install NVIDIA's driver")
        self.check_refused(self.bench(spec, module, device="cuda:7"), "there is no CUDA device 7", status=2)
        self.check_refused(self.bench(Spec("bf16", 64, 3, 8), module), "moe.so", "@dispatch is for 64 x bf16, top-2 of 4, align 1",
                           "this run is 64 x bf16, top-3 of 8, align 1", status=2)
        self.check_refused(self.bench(spec, self.compile_library(spec, "plain")), "plain.so", "kernels for the CPU only",
                           "faroc --target=cpu,cuda:sm_90")
        large = Spec("bf16", 1 << 20, 2, 4)
        self.check_refused(self.bench(large, self.compile_for_devices(large, "large"), "--tokens", 300),
                           "no room for the rows of the experts", "cuMemAlloc of", "fewer --tokens")
        self.check_refused(self.bench(spec, module, "--json", "/no/folder/x.json", "--tokens", 3), "--json /no/folder/x.json",
                           status=2)

    def test_what_does_not_go_together_is_said(self):
        spec = Spec("bf16", 64, 2, 4)
        module = self.compile_for_devices(spec)
        for device in ("tpu", "cuda:", "cuda:x", "cuda:-1"):
            self.check_refused(self.bench(spec, module, device=device),
                               "--device %s: expected cpu, cuda or cuda:N" % device, status=2)
        self.check_refused(self.bench(spec, module, device="cuda:sm_90"), "an architecture is enough for --op jit", status=2)
        self.check_refused(self.bench(spec, module, "--nodes"), "one node", status=2)
        self.check_refused(self.bench(spec, module, "--tokens", "0x10"), "--tokens: '0x10' is no whole number", status=2)
        self.check_refused(self.run_faro("--device", "cpu", "--op", "round-trip"), "--op round-trip is for --device cuda", status=2)
        self.check_refused(self.bench(spec, module, "--ranks", 2, device="cpu"), "--ranks is for --device cuda", status=2)
        self.check_refused(self.bench(spec, module, "--ranks", 3, "--routing", "single-node"), "does not divide the 3 ranks",
                           status=2)


if __name__ == "__main__":
    unittest.main()
