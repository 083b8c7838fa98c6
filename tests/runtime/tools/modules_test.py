"""Modules written by hand: a right one runs, and whatever is wrong with one is noticed. No compiler is needed."""

import json
import os
import pathlib
import re
import shutil
import signal
import time
import unittest

from harness import PATIENCE, STARTED, RunTest

MODULES = pathlib.Path(os.environ["HAND_MADE_MODULES"])


class Modules(RunTest):
    def run_module(self, name, *more, transport="ucx", ranks=2):
        return self.run_faro(MODULES / ("hand_made_%s.so" % name), "--ranks", ranks, "--tokens", 5, "--verify", "--transport",
                             transport, "--output", self.folder / "out", "--json", self.folder / "figures.json", *more)

    def test_a_right_module_runs(self):
        for transport in ("ucx", "local"):
            with self.subTest(transport):
                result = self.run_module("right", "--experts-fn", "scale", transport=transport)
                self.assertEqual(result.status, 0, result)
                self.assertIn("verified: 2 ranks, 20 rows, 10 combined tokens, 0 differences", result.out)
                self.assertEqual(len(list((self.folder / "out").iterdir())), 2)

    def test_somebody_elses_transport_is_loaded_by_its_name(self):
        shutil.copy(os.environ["UCX_TRANSPORT"], self.folder / "libfaro_transport_mine.so")
        self.environment["FARO_PLUGIN_PATH"] = str(self.folder)
        result = self.run_module("right", transport="mine")
        self.assertEqual(result.status, 0, result)
        self.assertIn("2 ranks on one node over mine; ", result.out)
        result = self.run_module("right", transport="yours")
        self.assertEqual(result.status, 2, result)
        self.assertRegex(result.err, "--transport yours: .*libfaro_transport_yours.so is neither in .*FARO_PLUGIN_PATH")

    def check_differences(self, result, count, *words):
        self.assertEqual(result.status, 1, result)
        self.assertIn("VERIFICATION FAILED: ", result.out)
        self.assertIn("%d differences" % count, result.out)
        self.assertEqual(len(result.messages), 1, result)
        for word in words:
            self.assertIn(word, result.messages[0])
        self.assertEqual(list((self.folder / "out").iterdir()), [], "wrong results were left")
        figures = json.loads((self.folder / "figures.json").read_text())
        self.assertFalse(figures["ok"])
        self.assertEqual(figures["verified"]["differences"], count)

    def test_a_wrong_row_is_found(self):
        for transport in ("ucx", "local"):
            with self.subTest(transport):
                # One bit in token 2's first row of each rank, and with it in the sum of that token.
                self.check_differences(self.run_module("wrong_row", transport=transport), 4, "recv row", "token 2", "column 2",
                                       "expected", "found")

    def test_a_wrong_sum_is_found(self):
        self.check_differences(self.run_module("wrong_sum"), 8, "rank 0: combined token 1, column 0")

    def test_a_crash_is_named(self):
        result = self.run_module("crashes")
        self.assertEqual(result.status, 1, result)
        # A sanitizer turns the signal into an exit status, and its own report may come after the message.
        self.assertRegex("\n".join(result.messages), r"(?m)^faro-run: rank [01] \(process \d+\) (was ended by SIGSEGV|ended "
                                                     r"with exit status \d+) while dispatching")
        if PATIENCE == 1:
            self.assertEqual(len(result.messages), 1, "UCX prints pages of its own:\n%s" % result)
        self.assertEqual(list((self.folder / "out").iterdir()), [])

    def test_a_kernel_that_hangs_ends_in_bounded_time(self):
        for transport in ("ucx", "local"):
            with self.subTest(transport):
                result = self.run_module("hangs", "--timeout", 2 * STARTED, transport=transport)
                self.check_refused(result, "--timeout", "all ranks dispatching")
                self.assertLess(result.seconds, 6 * PATIENCE)

    def test_signals_end_what_is_stuck_before_ranks_start(self):
        name, figures = "hand_made_hangs_when_loaded.so", self.folder / "figures.json"
        figures.write_text('{"ok": true}')
        process = self.start(MODULES / name, "--ranks", 2, "--tokens", 5, "--output", self.folder / "out", "--json", figures)
        maps, deadline = pathlib.Path("/proc/%d/maps" % process.pid), time.monotonic() + 20 * PATIENCE
        while name not in maps.read_text() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGHUP)
        self.check_refused(self.finish(process, time.monotonic(), 10), "SIGHUP", status=128 + signal.SIGHUP)
        self.assertFalse(json.loads(figures.read_text())["ok"])

    def test_modules_of_another_release_and_changed_ones_are_refused(self):
        result = self.run_module("other_version")
        self.check_refused(result, "hand_made_other_version.so")
        its, ours = re.search(r"version (\d+), this runtime reads version (\d+)", result.messages[0]).groups()
        self.assertEqual(int(its), int(ours) + 1)
        self.check_refused(self.run_module("wrong_hash"), "hand_made_wrong_hash.so", "hash")


if __name__ == "__main__":
    unittest.main()
