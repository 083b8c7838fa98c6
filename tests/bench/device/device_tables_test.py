"""scripts/device_tables.py: from faro-bench's figures on a device to the tables of docs/performance.md, with a GPU and without.

The program under test, FARO_RUN of the harness, is faro-bench, behind a driver over host memory."""

import json
import pathlib
import subprocess
import sys
import unittest

from harness import DeviceTest, Spec

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCRIPT, PAGE = ROOT / "scripts" / "device_tables.py", ROOT / "docs" / "performance.md"
sys.path.insert(0, str(SCRIPT.parent))
from device_tables import BUDGETS, MARKS

NAMES = [what for what, _ in BUDGETS]
PLAN, COLD, WARM = NAMES[-3:]


def rows_of(text):
    """{budget: cells} of the table of budgets in a page."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in rows if row[0] in NAMES}


class Tables(DeviceTest):
    def setUp(self):
        super().setUp()
        self.figures = self.folder / "figures"
        self.figures.mkdir()
        self.page = self.folder / "page.md"
        self.page.write_text("before\n%s\nold\n%s\nbehind\n" % MARKS)

    def tables(self, *more):
        return subprocess.run([sys.executable, "-B", str(SCRIPT), str(self.figures), *more], capture_output=True, text=True)

    def filled(self):
        """Rows of budgets, as printed and as put into a page."""
        printed, into = self.tables(), self.tables("--into", str(self.page))
        self.assertEqual((printed.returncode, into.returncode, printed.stderr + into.stderr), (0, 0, ""))
        self.assertEqual(self.page.read_text(), "before\n%s\n%s%s\nbehind\n" % (MARKS[0], printed.stdout, MARKS[1]))
        rows = rows_of(printed.stdout)
        self.assertEqual(list(rows), NAMES)
        self.assertEqual([rows[name][0] for name in NAMES], [target for _, target in BUDGETS])
        return rows, printed.stdout

    def record(self, name, *budgets, **more):
        """A file as faro-bench writes it, of one run."""
        run = dict({"op": "dispatch", "ranks": 1, "tokens": 4096, "align": 1, "caches": "cold", "multiprocessors": 0,
                    "device": {"name": "Some GPU", "number": 0, "architecture": "sm_90"}, "budgets": list(budgets),
                    "methods": [{"name": "Faro, its kernel", "kind": "faro", "run_ms_median": 0.25, "run_ms_min": 0.2,
                                 "wrong_rows": 0, "checked": True, "ratio": 3.04, "share": 0.93}]}, **more)
        machine = {"processor": "some", "cores": 2, "loops": "plain", "load_at_end": 0}
        (self.figures / (name + ".json")).write_text(json.dumps({"machine": machine, "runs": [run]}))

    def test_without_a_gpu_each_budget_is_missing_and_none_is_met(self):
        rows, text = self.filled()
        for row in rows.values():
            self.assertEqual((row[1], row[-1]), ("missing: no GPU", "no"))
        self.assertTrue(text.startswith("Nothing was measured: no GPU."))

    def test_the_page_has_a_row_for_each_budget(self):
        block = PAGE.read_text().split(MARKS[0])[1].split(MARKS[1])[0]
        rows = rows_of(block)
        self.assertEqual([(name, row[0]) for name, row in rows.items()], BUDGETS)
        for row in rows.values():
            self.assertTrue(row[1].startswith("missing: ") == (row[-1] == "no" and row[2] == "-"), row)

    def test_budgets_are_those_of_faro_bench(self):
        source = (ROOT / "tests" / "bench" / "device" / "device_budgets.cpp").read_text()
        for name in NAMES:
            self.assertEqual(source.count('"%s"' % name), 1, name)

    def test_what_was_measured_is_met_missed_or_missing(self):
        def budget(what, measured, met, at_least=True, target=None, **more):
            given = float(dict(BUDGETS)[what].split()[1])
            return dict({"what": what, "target": target or given, "at_least": at_least, "measured": measured, "met": met}, **more)

        torch = {"what": NAMES[4], "target": 2.5, "at_least": True, "not_measured": "no --torch", "met": False}
        self.record("a", budget(NAMES[0], 0.93, True), budget(NAMES[2], 2.4, False, ceiling=2.6), torch)
        self.record("b", budget(NAMES[0], 0.88, False), align=128)
        self.record("c", budget(PLAN, 21.5, True, at_least=False), op="plan")
        self.record("d", budget(WARM, 33.0, False, at_least=False), op="round-trip", tokens=128, caches="warm")
        rows, text = self.filled()
        self.assertEqual(rows[NAMES[0]][1:], ["0.88", "0.93", "-", "1 of 2"])
        self.assertEqual(rows[NAMES[2]][1:], ["2.4", "2.4", "2.6", "no"])
        self.assertEqual(rows[NAMES[4]][1:], ["missing: no --torch", "-", "-", "no"])
        self.assertEqual(rows[PLAN][1:], ["21.5 us", "21.5 us", "-", "yes"])
        self.assertEqual(rows[WARM][1:], ["33.0 us", "33.0 us", "-", "no"])
        self.assertEqual(rows[COLD][1:], ["missing: not in these runs", "-", "-", "no"])
        self.assertIn("Device: Some GPU (sm_90); torch: none; 4 runs; rows that came out wrong: 0.", text)
        self.assertIn("| method | T4096, align 1, cold | T4096, align 128, cold |\n", text)
        self.assertIn("| **Faro, its kernel** | 0.25 (3.0) 0.93 | 0.25 (3.0) 0.93 |\n", text)

        for wrong in (budget(PLAN, 21.5, True, at_least=False, target=40), dict(budget(PLAN, 1, True), what="another")):
            self.record("c", wrong, op="plan")
            failed = self.tables()
            self.assertEqual((failed.returncode, failed.stdout), (1, ""), failed)
            self.assertIn("device_tables.py: c: a budget of", failed.stderr)

    def test_a_page_without_marks_is_left_alone(self):
        self.page.write_text("no marks\n")
        failed = self.tables("--into", str(self.page))
        self.assertEqual((failed.returncode, self.page.read_text()), (1, "no marks\n"))
        self.assertIn("device_tables.py: %s has no marks" % self.page, failed.stderr)

    def test_faro_bench_fills_it_in(self):
        for what, columns, options in (("plan", 8, ["--op", "plan", "--tokens", 4096]),
                                       ("cold", 7168, ["--op", "round-trip", "--tokens", 128, "--methods", "faro"]),
                                       ("warm", 7168, ["--op", "round-trip", "--tokens", 128, "--methods", "faro", "--caches", "warm"])):
            spec = Spec("bf16", columns, 8, 256)
            result = self.run_faro("--device", "cuda", "--module", self.compile_for_devices(spec), "--hidden", columns, "--topk", 8,
                                   "--experts", 256, "--iterations", 1, "--json", self.figures / (what + ".json"), *options)
            self.assertEqual(result.status, 0, result)
        rows, text = self.filled()
        for name in NAMES:
            self.assertEqual(rows[name][1].endswith(" us"), name in (PLAN, COLD, WARM), rows)
        self.assertIn("Device: Fake GPU (sm_90); torch: none; 3 runs; rows that came out wrong: 0.", text)
        self.assertIn("| method | T128, align 1, cold | T128, align 1, warm |\n", text)
        self.assertIn("| **Faro, planned on the device, as a graph** | ", text)


if __name__ == "__main__":
    unittest.main()
