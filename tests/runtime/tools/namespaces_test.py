"""Nodes that share nothing: network namespaces with their own addresses, IPC, /dev/shm and /sys. Needs root."""

import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time
import unittest

from harness import FARO_RUN, PATIENCE, RunTest, Spec, decode, shared_memory, shared_memory_left
from model import random_batch

NODES = pathlib.Path(__file__).resolve().parents[3] / "scripts" / "nodes.sh"


def why_not():
    """Why there can be no namespaces here, or nothing."""
    if os.geteuid() != 0:
        return "needs root, to make network namespaces"
    for tool in ("ip", "tc", "nsenter", "unshare"):
        if not shutil.which(tool):
            return "'%s' is not there (Debian: apt-get install iproute2 util-linux)" % tool
    probe = subprocess.run(["unshare", "--net", "--pid", "--fork", "--mount", "true"], capture_output=True, text=True)
    return "namespaces are not allowed here: " + probe.stderr.strip() if probe.returncode else ""


WHY_NOT = why_not()
if WHY_NOT:
    print("SKIPPED: namespaces_test.py: " + WHY_NOT, file=sys.stderr)
    sys.exit(77)


class Namespaces(RunTest):
    def nodes(self, *arguments, limit=60):
        """Exit status, output and errors of scripts/nodes.sh."""
        began = time.monotonic()
        process = subprocess.Popen([str(NODES), "-t", str(int(limit * PATIENCE))] + [str(a) for a in arguments],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment)
        return self.finish(process, began, limit + 20)

    def setUp(self):
        super().setUp()
        self.spec = Spec("bf16", 64, 3, 12)
        self.program = self.compile_library(self.spec)
        self.interfaces = os.listdir("/sys/class/net")
        self.shared = shared_memory()

    def tearDown(self):
        self.assertEqual(os.listdir("/sys/class/net"), self.interfaces, "interfaces are left")
        self.assertEqual(shared_memory_left(self.shared), set(), "shared memory is left")
        super().tearDown()

    def check(self, sizes, *launcher, tokens=40):
        ranks = sum(sizes)
        node_of = [n for n, size in enumerate(sizes) for _ in range(size)]
        batch = random_batch(random.Random(1), self.spec, [tokens + 3 * r for r in range(ranks)])
        source, out = self.write_input([batch.tensors(r) for r in range(ranks)]), self.folder / "out"
        figures = self.folder / "figures.json"
        shutil.rmtree(out, ignore_errors=True)
        result = self.nodes("-p", ",".join(map(str, sizes)), *launcher, "--", FARO_RUN, self.program, "--input", source,
                            "--output", out, "--verify", "--repeat", 3, "--json", figures)
        self.assertEqual(result.status, 0, result)
        self.assertIn("%d ranks on %d nodes" % (ranks, len(sizes)), result.out)
        self.assertEqual(json.loads(figures.read_text())["phases"]["dispatch"]["wire"]["rows"], batch.wire_rows(node_of))
        for rank in range(ranks):
            found = decode(out / ("rank%d.safetensors" % rank))
            self.assertEqual(found["combined"][2], b"".join(batch.combined(rank, False, node_of)), "rank %d" % rank)

    def test_torchrun_variables(self):
        self.check([2, 2])

    def test_nodes_of_different_sizes(self):
        self.check([1, 3, 2])

    def test_a_shaped_link(self):
        self.check([2, 2], "-r", "200mbit")

    def test_each_rank_has_a_link_of_its_own(self):
        """What a rank sends leaves by the device that it is told to take, so the node has the links' rates together."""
        script = ('export UCX_NET_DEVICES=link$LOCAL_RANK; "$@"; status=$?; '
                  'echo "link $RANK $(cat /sys/class/net/link$LOCAL_RANK/statistics/tx_bytes)" >&2; exit $status')
        result = self.nodes("-p", "2,2", "-l", 2, "--", "bash", "-c", script, "sh", FARO_RUN, self.program, "--tokens", 3000,
                            "--verify", "--json", self.folder / "figures.json")
        self.assertEqual(result.status, 0, result)
        sent = {int(rank): int(size) for rank, size in re.findall(r"^link (\d) (\d+)$", result.err, re.MULTILINE)}
        for rank in json.loads((self.folder / "figures.json").read_text())["per_rank"]:
            slices = rank["dispatch_wire"]["bytes"] + rank["combine_wire"]["bytes"]
            self.assertGreater(slices, 100_000)
            self.assertGreater(sent[rank["rank"]], slices, "rank %d's rows took another link" % rank["rank"])

    @unittest.skipUnless(shutil.which("mpirun"), "needs Open MPI's mpirun")
    def test_mpirun(self):
        self.check([2, 2], "-m")

    def test_nodes_that_nobody_names_are_told_apart(self):
        """By the machines themselves, as under launchers that number ranks and not nodes."""
        result = self.nodes("-p", "2,1", "--", "env", "-u", "GROUP_RANK", "-u", "NODE_RANK", FARO_RUN, self.program, "--tokens",
                            30, "--verify")
        self.assertEqual(result.status, 0, result)
        self.assertIn("3 ranks on 2 nodes of 2 and 1 ranks", result.out)

    def test_a_node_that_goes_away_is_named(self):
        """All ranks of node 1 are killed while they work; the others say so, soon."""
        script = ('if [ "$GROUP_RANK" = 1 ]; then "$@" & sleep 4; kill -KILL $!; wait $!; else exec "$@"; fi')
        began = time.monotonic()
        result = self.nodes("-g", 30, "-p", "2,2", "--", "bash", "-c", script, "sh", FARO_RUN, self.program, "--tokens", 50,
                            "--repeat", 1000000, limit=100)
        self.assertNotEqual(result.status, 0)
        self.assertNotEqual(result.status, 124, "survivors had to be ended:\n%s" % result)
        self.assertRegex(result.err, r"faro-run: .*rank [23]")
        self.assertLess(time.monotonic() - began, 45 * PATIENCE)

    def test_a_link_that_goes_away_is_an_error_in_bounded_time(self):
        """The wire of node 1 is cut while its ranks work: nobody dies, nothing arrives."""
        script = ('if [ "$RANK" = 2 ]; then (sleep 4; ip link set link0 down) & fi; exec "$@"')
        began = time.monotonic()
        result = self.nodes("-g", 60, "-p", "2,2", "--", "bash", "-c", script, "sh", FARO_RUN, self.program, "--tokens", 2000,
                            "--repeat", 1000000, "--timeout", 20, limit=100)
        self.assertNotEqual(result.status, 0)
        self.assertNotEqual(result.status, 124, "ranks had to be ended:\n%s" % result)
        # Before --timeout is over, and with what was waited for: rows, the counts of a batch, or between two of them.
        self.assertRegex(result.err, r"waited [\d.]+ s in \w+_across for .*: .*wire of slice \d+ of \d+ (to|from) rank [0-3] "
                                     r"\(slot \d+ of ring rx\) waits for |waited [\d.]+ s in the count exchange of \w+ for "
                                     r"|did not come to '\w+' within ")
        self.assertNotIn("--timeout", result.err)
        self.assertLess(time.monotonic() - began, 60 * PATIENCE)

    def test_ranks_behind_a_link_that_went_away_are_not_called_dead(self):
        """Before any time-out, keepalive of the control connections finds it."""
        script = ('if [ "$RANK" = 1 ]; then (sleep 3; ip link set link0 down) & fi; exec "$@"')
        result = self.nodes("-g", 60, "-p", "1,1", "--", "bash", "-c", script, "sh", FARO_RUN, self.program, "--tokens", 2000,
                            "--repeat", 1000000, "--timeout", 200, limit=100)
        self.assertNotIn(result.status, (0, 124), result)
        self.assertRegex(result.err, r"rank [01] cannot be reached.*: .*link to it, is down")
        self.assertNotIn("died", result.err)


if __name__ == "__main__":
    unittest.main()
