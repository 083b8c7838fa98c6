"""What `faro-run --trace` says of schedules across nodes: each stage of each slice, on the line of its resource."""

import json
import unittest

from harness import RunTest, Spec


class Traces(RunTest):
    def test_a_trace_has_the_stages_of_each_slice(self):
        figures, trace = self.folder / "figures.json", self.folder / "trace.json"
        spec = Spec("bf16", 256, 2, 8)
        for transport in ("ucx", "local"):
            with self.subTest(transport):
                result = self.run_faro(self.compile_library(spec), "--ranks", 4, "--nodes", 2, "--tokens", 700, "--repeat", 2,
                                       "--json", figures, "--trace", trace, "--transport", transport)
                self.assertEqual(result.status, 0, result)
                events = json.loads(trace.read_text())["traceEvents"]
                calls = {(e["pid"], e["name"], e["args"]["repeat"]): e for e in events if e.get("cat") == "call"}
                wire = {}
                for each in json.loads(figures.read_text())["per_rank"]:
                    for call in ("dispatch", "combine"):
                        wire[each["rank"], call] = each[call + "_wire"]["slices"]
                for (rank, call, repeat), span in calls.items():
                    if call not in ("dispatch", "combine"):
                        continue
                    begin, end = span["ts"], span["ts"] + span["dur"]
                    inside = [e for e in events if e.get("cat") == "stage" and e["pid"] == rank and begin <= e["ts"] <= end]
                    names = [e["name"] for e in inside if e["ph"] != "e"]
                    # What is made here is sent from here, and all of it is over when the call is.
                    self.assertEqual(names.count("wire"), wire[rank, call])
                    self.assertEqual(names.count("gather" if call == "dispatch" else "reduce"), wire[rank, call])
                    self.assertEqual(names.count("settle"), 0 if call == "dispatch" else names.count("fan_out"))
                    self.assertEqual(names.count("await done"), 1)
                    # A core does one thing at a time.
                    core = sorted((e["ts"], e["ts"] + e["dur"]) for e in inside if e["ph"] == "X")
                    self.assertTrue(all(a[1] <= b[0] + 0.01 for a, b in zip(core, core[1:])))
                    # Both ends of everything else.
                    ids = [e["id"] for e in inside if e["ph"] in "be"]
                    self.assertTrue(all(ids.count(i) == 2 for i in set(ids)))
                    for e in inside:
                        if e["name"] in ("wire", "settle", "fan_out"):
                            self.assertEqual(e["args"]["repeat"], repeat)
                            self.assertNotEqual(e["args"]["peer"] // 2, rank // 2)


if __name__ == "__main__":
    unittest.main()
