"""The examples run as their README says, on one node and on several."""

import pathlib
import subprocess
import unittest

from harness import PATIENCE, RunTest

EXAMPLES = pathlib.Path(__file__).resolve().parents[3] / "examples"


class Examples(RunTest):
    def test_each_runs_on_one_two_and_four_nodes(self):
        names = sorted(p.parent.name for p in EXAMPLES.glob("*/run.sh"))
        self.assertGreaterEqual(len(names), 4)
        for name in names:
            more = [] if name.startswith("01_") else ["--tokens", "64"] # the first one brings its own tokens
            for nodes in (1, 2, 4):
                with self.subTest(name, nodes=nodes):
                    result = subprocess.run([str(EXAMPLES / name / "run.sh"), "--nodes", str(nodes)] + more, text=True,
                                            capture_output=True, timeout=120 * PATIENCE, env=self.environment)
                    self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
                    self.assertRegex(result.stdout, r"verified: \d+ ranks, \d+ rows, \d+ combined tokens, 0 differences")
                    self.assertIn("on one node" if nodes == 1 else "on %d nodes" % nodes, result.stdout)

    def test_paths_are_those_of_the_caller(self):
        result = subprocess.run([str(EXAMPLES / "03_mixtral" / "run.sh"), "--tokens", "4", "--transport", "local", "--json", "mine.json"],
                                text=True, capture_output=True, timeout=120 * PATIENCE, env=self.environment, cwd=self.folder)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertTrue((self.folder / "mine.json").exists())


if __name__ == "__main__":
    unittest.main()
