"""faro-bench --torch: PyTorch as a peer, on the host, beside a driver over host memory. Where no Python can import torch, a
stand-in of plain Python (torch_stand_in.py) tries all of faro-bench's side, and each way in which the other can fail.

The program under test, FARO_RUN of the harness, is faro-bench. FARO_TORCH_PYTHON names a Python with torch; else python3 is
tried."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest

from harness import PATIENCE, DeviceTest, Spec

STAND_IN = pathlib.Path(__file__).with_name("torch_stand_in.py")
STEPS, ONCE = "torch: index_select, copy, index_select", "torch: one index_select"
WORDS = [STEPS + "; as int64", ONCE + "; as int64"]  # where rows are whole words
WAYS = {"dispatch": [STEPS, ONCE, "torch.compile: fused permute"],
        "combine": ["torch: index_select, copy, weighted sum", "torch: index_select, copy, weighted sum; in order",
                    "torch.compile: fused weighted sum"],
        "plan": ["torch: argsort, bincount, cumsum", "torch: sort of int16, searchsorted"], "round-trip": []}


def python_with_torch():
    named = os.environ.get("FARO_TORCH_PYTHON") or "python3"
    try:
        found = subprocess.run([named, "-c", "import torch"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=300)
    except OSError as error:
        return None, "%s: %s" % (named, error)
    return (named, "") if found.returncode == 0 else (None, "%s cannot import torch" % named)


def is_there(process):
    """Whether it runs: one that ended and that nobody has asked about yet does not."""
    try:
        return pathlib.Path("/proc/%d/stat" % process).read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class TorchTest(DeviceTest):
    def command(self, spec, torch, *more, ranks=1, tokens=9, on="cpu"):
        if not hasattr(self, "module"):
            self.module = self.compile_for_devices(spec)
        shape = ["--hidden", spec.columns, "--dtype", spec.element, "--topk", spec.topk, "--experts", spec.experts,
                 "--align", spec.align, "--iterations", 2, "--ranks", ranks, "--tokens", tokens]
        where = ["--torch", torch, "--torch-device", on] if torch else []
        return ["--device", "cuda", "--module", self.module, *shape, *where, *more]

    def bench(self, spec, torch, *more, environment=None, limit=60, **shape):
        return self.run_faro(*self.command(spec, torch, *more, **shape), environment=environment, limit=limit)

    def check_runs(self, spec, torch, *more, environment=None, limit=60, **shape):
        """All ways take part and move the right rows; the runs of the JSON file."""
        figures = self.folder / "figures.json"
        result = self.bench(spec, torch, "--json", figures, *more, environment=environment, limit=limit, **shape)
        self.assertEqual((result.status, result.err), (0, ""), result)
        runs = json.loads(figures.read_text())["runs"]
        self.assertEqual([run["op"] for run in runs], list(WAYS))
        for run in runs:
            words = WORDS if run["op"] == "dispatch" and spec.columns * (4 if spec.element == "f32" else 2) % 8 == 0 else []
            ours = [m for m in run["methods"] if m["name"].startswith("torch")]
            self.assertEqual(sorted(m["name"] for m in ours), sorted(WAYS[run["op"]] + words))
            for method in ours:
                self.assertEqual((method["kind"], method["checked"], method["wrong_rows"]), ("peer", True, 0), result)
                self.assertGreater(method["run_ms_min"], 0)
                self.assertNotIn("plan_ms_median", method)
            self.assertEqual("torch" in run, bool(WAYS[run["op"]]))
            self.assertEqual(run.get("torch", {}).get("device", "cpu"), "cpu")
        self.assertEqual(result.out.count("its times are the host's and say nothing beside the others"), 3, result)
        return runs


class WithTorch(TorchTest):
    @classmethod
    def setUpClass(cls):
        cls.torch, why = python_with_torch()
        if cls.torch is None and os.environ.get("FARO_TORCH_PYTHON"):
            raise AssertionError("FARO_TORCH_PYTHON: " + why)
        if cls.torch is None:
            print("SKIPPED: PyTorch itself is not tried: %s; FARO_TORCH_PYTHON names one that can" % why, file=sys.stderr)
            raise unittest.SkipTest(why)

    def check_with_torch(self, spec, *more, **shape):
        compiled = {"TORCHINDUCTOR_CACHE_DIR": str(self.folder / "inductor")}
        return self.check_runs(spec, self.torch, *more, environment=compiled, limit=400, **shape)

    def test_several_ranks_with_padding(self):
        for run in self.check_with_torch(Spec("bf16", 288, 3, 7, align=8), "--routing", "zipf:1.2", ranks=3, tokens=50)[:2]:
            self.assertNotIn("max_error", next(m for m in run["methods"] if m["name"].endswith("; in order") or
                                               m["name"] == "torch.compile: fused permute"))

    def test_one_rank_with_rows_of_odd_size(self):
        self.check_with_torch(Spec("f32", 333, 2, 5), "--caches", "warm", tokens=33)

    def test_halves_and_one_choice(self):
        self.check_with_torch(Spec("f16", 65, 1, 4, align=3), ranks=2, tokens=20)

    def test_a_device_that_torch_has_not_is_said(self):
        hidden = {"CUDA_VISIBLE_DEVICES": ""}
        result = self.bench(Spec("f32", 4, 2, 4), self.torch, on="cuda", environment=hidden)
        self.check_refused(result, "finds no CUDA device", "--torch-device cpu tries it without one")


class WithoutTorch(TorchTest):
    SPEC = Spec("f32", 22, 3, 5, align=4)

    def faulty(self, fault, *more, **shape):
        self.note = self.folder / "processes"
        self.note.unlink(missing_ok=True)
        environment = {"STAND_IN_FAULT": fault, "STAND_IN_NOTE": str(self.note)}
        return self.bench(self.SPEC, STAND_IN, *more, environment=environment, **shape)

    def check_nothing_left(self):
        noted = [int(line) for line in self.note.read_text().split()]
        self.assertTrue(noted)
        end = time.monotonic() + 10 * PATIENCE
        while any(is_there(process) for process in noted):
            self.assertLess(time.monotonic(), end, "still there: %s" % noted)
            time.sleep(0.02)

    def test_a_stand_in_has_all_that_torch_needs(self):
        for ranks in (1, 3):
            self.check_runs(self.SPEC, STAND_IN, ranks=ranks, tokens=17)

    def test_wrong_rows_are_noticed(self):
        result = self.faulty("gives a wrong row")
        self.assertEqual(result.status, 1, result)
        wrong = [line for line in result.out.splitlines() if line.startswith("torch") and not line.startswith("torch: stand-in")]
        self.assertEqual([line[-13:] for line in wrong], ["WRONG, 2 rows"] * len(wrong), result)
        result = self.faulty("gives nothing")
        self.assertEqual((result.status, result.out.count("WRONG, 54 rows")), (1, 5), result)
        self.assertEqual(result.out.count("WRONG, 18 rows"), 3, result)
        self.assertEqual(result.out.count("WRONG, 66 rows"), 2, result)  # and where experts begin

    def test_the_order_of_a_sum_may_be_another_and_its_error_is_told(self):
        result = self.faulty("adds backwards")
        self.assertEqual((result.status, result.err), (0, ""), result)
        self.assertEqual(result.out.count("ok, error <= "), 3, result)
        result = self.faulty("sums are a little too large")
        self.assertEqual((result.status, result.out.count("WRONG, 18 rows")), (1, 3), result)

    def test_what_goes_wrong_with_a_process_is_one_message(self):
        for fault, words in {"dies": ["ended with exit status 3", "it said: first line | the reason"],
                             "is killed": ["was ended by signal 9"], "closes its output": ["closed its output"],
                             "leaves a process": ["ended with exit status 4"],
                             "does not end its line": ["without the end of a line"]}.items():
            with self.subTest(fault):
                result = self.faulty(fault)
                self.check_refused(result, str(STAND_IN), "asked to \"run\"", *words)
                self.check_nothing_left()

    def test_no_wait_is_longer_than_asked_for(self):
        result = self.faulty("hangs", "--torch-timeout", 3)
        self.check_refused(result, "does not answer within 3 s when asked to \"run\" (--torch-timeout)")
        self.assertLess(result.seconds, 20 * PATIENCE)
        self.check_nothing_left()

    def test_answers_that_mean_nothing_are_one_message(self):
        for fault, words in {"is no JSON": ["nonsense: \"hello there\"", "expected a line of JSON"], "is no object": ["nonsense"],
                             "is of another command": ["nonsense"], "is no text": ["nonsense"],
                             "has no time": ["expected \"ms\", a time above 0"], "has a negative time": ["expected \"ms\""],
                             "has a time that is text": ["expected \"ms\""],
                             "is an error": ["failed at \"run\": no more memory"]}.items():
            with self.subTest(fault):
                self.check_refused(self.faulty(fault), *words)
                self.check_nothing_left()

    def test_much_on_standard_error_holds_nobody_up(self):
        result = self.faulty("says much")
        self.assertEqual((result.status, result.err), (0, ""), result)

    def test_torch_ends_with_faro_bench(self):
        for end in (signal.SIGKILL, signal.SIGINT):
            self.note = self.folder / "processes"
            self.note.unlink(missing_ok=True)
            process = self.start(*self.command(self.SPEC, STAND_IN),
                                 environment={"STAND_IN_FAULT": "hangs", "STAND_IN_NOTE": str(self.note)})
            began = time.monotonic()
            while not self.note.exists() or not self.note.read_text().endswith("\n"):
                self.assertLess(time.monotonic(), began + 30 * PATIENCE)
                time.sleep(0.02)
            process.send_signal(end)
            self.finish(process, began)
            self.check_nothing_left()

    def test_a_python_that_cannot_do_it_is_said(self):
        spec = Spec("f32", 4, 2, 4)
        self.check_refused(self.bench(spec, "/no/such/python"), "--torch /no/such/python cannot be started: No such file",
                           "it must name a Python that can import torch", status=2)
        self.check_refused(self.bench(spec, self.folder), "cannot be started: Permission denied", status=2)
        self.check_refused(self.bench(spec, "true"), "--torch true", "ended with exit status 0 when it was asked to \"begin\"")
        # Isolated and without site-packages: whatever this Python has, it has no torch then.
        bare = self.folder / "bare"
        bare.write_text("#!/bin/sh\nexec '%s' -I -S \"$@\"\n" % sys.executable)
        bare.chmod(0o755)
        self.check_refused(self.bench(spec, bare), "cannot import torch: No module named 'torch'", "name another Python")

    def test_another_device_is_said(self):
        result = self.bench(self.SPEC, STAND_IN, on="cuda", environment={"STAND_IN_DEVICE": "Other GPU"})
        self.check_refused(result, "is on another device: CUDA device 0 is Fake GPU here, and Other GPU there")

    def test_without_it_the_table_says_how(self):
        result = self.bench(self.SPEC, None)
        self.assertEqual(result.status, 0, result)
        self.assertEqual(result.out.count("torch: not measured; --torch PYTHON"), 3, result)

    def test_what_does_not_go_together_is_said(self):
        self.check_refused(self.bench(self.SPEC, STAND_IN, "--methods", "faro,limits"), "--torch names a peer", status=2)
        self.check_refused(self.run_faro("--device", "cpu", "--torch", STAND_IN), "--torch is for --device cuda", status=2)
        for seconds in ("0", "soon"):
            self.check_refused(self.bench(self.SPEC, STAND_IN, "--torch-timeout", seconds), "--torch-timeout", status=2)


if __name__ == "__main__":
    unittest.main()
