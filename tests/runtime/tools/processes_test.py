"""Ranks as processes: none outlives faro-run, whatever ends it; a lost, stuck or slow rank is named in bounded time."""

import json
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import subprocess
import time
import unittest

from harness import FARO_RUN, PATIENCE, STARTED, RunTest, Spec, shared_memory, shared_memory_left
from model import random_batch


def children(pid):
    try:
        return [int(p) for p in pathlib.Path("/proc/%d/task/%d/children" % (pid, pid)).read_text().split()]
    except FileNotFoundError:
        return []


def alive(pid):
    try:
        return pathlib.Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Processes(RunTest):
    def setUp(self):
        super().setUp()
        self.before = shared_memory()
        self.program = self.compile_library(Spec("bf16", 64, 2, 8))

    def start_long(self, *more, ranks=3):
        """A run that takes long enough to be disturbed. Returns it with its ranks' processes, which are at work."""
        process = self.start(self.program, "--ranks", ranks, "--tokens", 50, "--repeat", 1000000, "--output",
                             self.folder / "out", *more)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        deadline = time.monotonic() + 20 * PATIENCE
        while len(children(process.pid)) < ranks and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(STARTED)
        ranks_of = sorted(children(process.pid))
        self.assertEqual(len(ranks_of), ranks)
        return process, ranks_of

    def check_nothing_left(self, pids):
        deadline = time.monotonic() + 5 * PATIENCE
        while any(map(alive, pids)) and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual([p for p in pids if alive(p)], [], "processes are left")
        self.assertEqual(shared_memory_left(self.before), set(), "shared memory is left")
        out = self.folder / "out"
        self.assertEqual(list(out.iterdir()) if out.exists() else [], [], "files are left")

    def test_signals_end_everything(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(number.name):
                process, ranks = self.start_long()
                began = time.monotonic()
                process.send_signal(number)
                result = self.finish(process, began, 10)
                self.assertEqual(result.status, 128 + number, result)
                self.assertIn(number.name, result.messages[-1])
                self.check_nothing_left(ranks)

    def test_ranks_die_with_a_killed_parent(self):
        process, ranks = self.start_long()
        process.kill()
        process.communicate()
        self.check_nothing_left(ranks)

    @unittest.skipUnless("SLOW_SEGMENTS" in os.environ, "sanitizers come first in LD_PRELOAD")
    def test_ranks_that_are_ended_while_they_make_a_segment_leave_none(self):
        """System V's have no name in /dev/shm; they have their maker's number."""
        def segments(makers):
            lines = pathlib.Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
            return {fields[1]: int(fields[4]) for fields in map(str.split, lines) if int(fields[4]) in makers}
        for number in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(number.name):
                process = self.start(self.program, "--ranks", 3, "--tokens", 2,
                                     environment={"LD_PRELOAD": os.environ["SLOW_SEGMENTS"]})
                deadline, made = time.monotonic() + 20 * PATIENCE, {}
                while not made and time.monotonic() < deadline:
                    time.sleep(0.005)
                    ranks = children(process.pid)
                    made = segments(ranks)
                self.assertTrue(made, "no rank has made a segment")
                os.kill(process.pid if number == signal.SIGTERM else next(iter(made.values())), number)
                result = self.finish(process, time.monotonic(), 10)
                self.assertIn(number.name, result.messages[-1])
                self.assertEqual(segments(ranks), {}, "segments are left, by their makers")
                self.check_nothing_left(ranks)

    @unittest.skipUnless("SLOW_SEGMENTS" in os.environ, "sanitizers come first in LD_PRELOAD")
    def test_without_system_v_there_are_files(self):
        result = self.run_faro(self.program, "--ranks", 3, "--tokens", 20, "--verify",
                               environment={"LD_PRELOAD": os.environ["SLOW_SEGMENTS"], "NO_SEGMENTS": "1"})
        self.assertEqual(result.status, 0, result)
        self.assertIn(" 0 differences", result.out)
        self.check_nothing_left([])

    def test_too_few_descriptors_are_said_before_any_rank_starts(self):
        def limit(soft, hard):
            return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for hard, words in ((12, ["12"]), (64, ["too many open files", "16 ranks on 2 nodes need about 96", "64"])):
            began = time.monotonic()
            process = self.start(self.program, "--ranks", 16, "--nodes", 2, "--tokens", 3, preexec_fn=limit(hard, hard))
            self.check_refused(self.finish(process, began, 10), "too many open files", *words)
        process = self.start(self.program, "--ranks", 4, "--tokens", 3, "--verify", preexec_fn=limit(20, 4096))
        result = self.finish(process, time.monotonic(), 20)
        self.assertEqual(result.status, 0, "the soft limit is raised\n%s" % result)

    @unittest.skipUnless(PATIENCE == 1, "sanitizers have threads of their own")
    def test_too_few_threads_are_said(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
            if os.geteuid() == 0:
                os.setuid(65534)  # to whom the limit applies
        for path in (self.folder, self.program):
            path.chmod(0o755)
        for transport in ("ucx", "local"):
            process = self.start(self.program, "--ranks", 2, "--tokens", 3, "--transport", transport, preexec_fn=limit)
            self.check_refused(self.finish(process, time.monotonic(), 10), "cannot start the thread", "ulimit -u")

    def test_signals_end_threads(self):
        figures = self.folder / "figures.json"
        figures.write_text('{"ok": true}')
        process = self.start(self.program, "--ranks", 3, "--tokens", 50, "--repeat", 1000000, "--transport", "local",
                             "--output", self.folder / "out", "--json", figures)
        time.sleep(STARTED)
        process.terminate()
        self.check_refused(self.finish(process, time.monotonic(), 10), "SIGTERM", status=128 + signal.SIGTERM)
        self.assertFalse(json.loads(figures.read_text())["ok"])
        self.check_nothing_left([])

    def test_signals_that_are_ignored_stay_so(self):
        process = self.start(self.program, "--ranks", 2, "--tokens", 50, "--repeat", 1000000,
                             preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        deadline = time.monotonic() + 20 * PATIENCE
        while len(children(process.pid)) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
        process.terminate()
        self.check_refused(self.finish(process, time.monotonic(), 10), "SIGTERM", status=128 + signal.SIGTERM)

    def test_input_that_is_cut_off_meanwhile(self):
        batch = random_batch(random.Random(1), Spec("bf16", 64, 2, 8), [50, 50])
        for transport in ("ucx", "local"):
            with self.subTest(transport):
                source = self.write_input([batch.tensors(r) for r in range(2)])
                process = self.start(self.program, "--ranks", 2, "--repeat", 1000000, "--transport", transport, "--input", source)
                time.sleep(STARTED)
                os.truncate(source / "rank1.safetensors", 0)
                result = self.finish(process, time.monotonic(), 15)
                self.assertEqual(result.status, 1, result)
                if PATIENCE == 1: # a sanitizer turns the signal of a process into an exit status
                    self.assertIn("SIGBUS", result.messages[-1])
                    self.assertIn("was a file cut off while it was read (input, ", result.messages[-1])
                    self.assertEqual("/dev/shm" in result.messages[-1], transport == "ucx", result)

    def test_a_killed_rank_is_named(self):
        process, ranks = self.start_long()
        began = time.monotonic()
        os.kill(ranks[1], signal.SIGKILL)
        result = self.finish(process, began, 15)
        self.check_refused(result, "rank 1", "SIGKILL")
        self.check_nothing_left(ranks)

    def test_a_stuck_rank_ends_in_bounded_time(self):
        process, ranks = self.start_long("--timeout", 6 * STARTED)
        began = time.monotonic()
        os.kill(ranks[2], signal.SIGSTOP)
        result = self.finish(process, began, 15)
        self.check_refused(result, "rank 2 (process %d) is stopped, by SIGSTOP" % ranks[2])
        self.check_nothing_left(ranks)

    def test_time_is_bounded(self):
        for transport in ("ucx", "local"):
            with self.subTest(transport):
                began = time.monotonic()
                process = self.start(self.program, "--ranks", 2, "--repeat", 1000000, "--timeout", 2 * STARTED,
                                     "--transport", transport)
                result = self.finish(process, began, 10)
                self.check_refused(result, "--timeout")
                self.assertLess(result.seconds, 6 * PATIENCE)

    def test_a_launcher_that_hears_of_no_child(self):
        # Ignored signals are inherited.
        began = time.monotonic()
        process = self.start(self.program, "--ranks", 2, "--tokens", 3, "--timeout", 30 * STARTED,
                             preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        result = self.finish(process, began, 20)
        self.assertEqual(result.status, 0, result)

    def test_standard_output_that_is_closed(self):
        result = subprocess.run("'%s' '%s' --ranks 2 --tokens 3 >&-" % (FARO_RUN, self.program), shell=True,
                                stderr=subprocess.PIPE, env=self.environment, timeout=30 * PATIENCE)
        self.assertEqual(result.returncode, 1, result.stderr)

    def test_standard_descriptors_that_are_closed(self):
        """No pipe or file of ours takes their place: the table would go there, and errors would be read as signals."""
        for closed in ("<&- >&-", "<&- >&- 2>&-"):
            result = subprocess.run("'%s' '%s' --ranks 2 --tokens 3 --output '%s' %s" % (FARO_RUN, self.program, self.folder / "out", closed),
                                    shell=True, env=self.environment, timeout=30 * PATIENCE)
            self.assertEqual(result.returncode, 1, closed)
            self.assertEqual(list((self.folder / "out").iterdir()), [], closed)

    def test_a_reader_that_has_gone_away(self):
        out, figures = self.folder / "out", self.folder / "figures.json"
        def run(tokens, stdout):
            return subprocess.run([FARO_RUN, str(self.program), "--ranks", "2", "--transport", "local", "--tokens", tokens, "--output",
                                   str(out), "--json", str(figures)], stdout=stdout, stderr=subprocess.PIPE, text=True,
                                  env=self.environment, timeout=30 * PATIENCE)
        self.assertEqual(run("3", subprocess.DEVNULL).returncode, 0)
        before = {p.name: p.read_bytes() for p in out.iterdir()}
        read, write = os.pipe()
        os.close(read)
        result = run("4", write)
        os.close(write)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr, "faro-run: cannot write the table to standard output\n")
        self.assertEqual({p.name: p.read_bytes() for p in out.iterdir()}, before, "what was there is not back")
        self.assertFalse(json.loads(figures.read_text())["ok"])


class Many(RunTest):
    @unittest.skipUnless(PATIENCE == 1, "64 processes, with sanitizers, are a minute")
    def test_sixty_four_ranks(self):
        program = self.compile_library(Spec("bf16", 64, 2, 8))
        result = self.run_faro(program, "--ranks", 64, "--tokens", 7, "--routing", "zipf:1.2", "--verify")
        self.assertEqual(result.status, 0, result)
        self.assertIn("verified: 64 ranks", result.out)


class Launched(RunTest):
    """One rank of somebody else's job."""

    def launch(self, ranks, *arguments, environment=lambda rank: {}, options=lambda rank: ()):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        processes = []
        for rank in range(ranks):
            place = dict(RANK=rank, WORLD_SIZE=ranks, LOCAL_RANK=rank, LOCAL_WORLD_SIZE=ranks, MASTER_ADDR="127.0.0.1",
                         MASTER_PORT=port, FARO_JOB_SECRET="test")
            place = {k: str(v) for k, v in place.items()}
            place.update(environment(rank))
            processes.append(self.start(*arguments, *options(rank), environment=place))
        began = time.monotonic()
        return [self.finish(process, began) for process in processes]

    def test_torchrun(self):
        results = self.launch(3, self.compile_library(Spec()), "--tokens", 5, "--verify", "--output", self.folder / "out", "--json",
                              self.folder / "figures.json")
        for result in results:
            self.assertEqual(result.status, 0, result)
            self.assertEqual(result.messages, [], result)
        self.assertIn("verified: 3 ranks, 30 rows, 15 combined tokens, 0 differences", results[0].out)
        self.assertEqual([r.out for r in results[1:]], ["", ""])
        self.assertEqual(len(list((self.folder / "out").iterdir())), 3)
        self.assertTrue(json.loads((self.folder / "figures.json").read_text())["ok"])

    def test_ranks_that_are_told_different_things(self):
        results = self.launch(3, self.compile_library(Spec()), "--tokens", 5, options=lambda rank: ("--repeat", 1 + rank // 2))
        self.assertEqual([r.status for r in results], [1, 1, 1])
        self.assertEqual(len(results[0].messages), 1, results[0])
        self.assertIn("rank 2 runs with --repeat 2", results[0].err)
        self.assertIn("rank 0 with --repeat 1", results[0].err)
        self.assertEqual([r.err for r in results[1:]], ["", ""])

    def test_ranks_that_make_up_different_input(self):
        results = self.launch(2, self.compile_library(Spec()), options=lambda rank: ("--tokens", 5 + rank))
        self.assertEqual([r.status for r in results], [1, 1])
        self.assertIn("rank 1 runs with --repeat 1", results[0].err)
        self.assertIn("--tokens 6", results[0].err)

    def test_a_terminal_that_goes_ends_a_rank(self):
        """UCX takes SIGHUP for its debugging, unless it is told to take another."""
        place = dict(RANK="0", WORLD_SIZE="1")
        process = self.start(self.compile_library(Spec()), "--tokens", 50, "--repeat", 1000000, environment=place)
        time.sleep(STARTED)
        process.send_signal(signal.SIGHUP)
        result = self.finish(process, time.monotonic(), 10)
        self.check_refused(result, "SIGHUP", status=128 + signal.SIGHUP)
        self.assertNotIn("UCX", result.out + result.err)

    def test_options_that_have_no_effect_are_said(self):
        source = self.write_input([random_batch(random.Random(1), Spec(), [3]).tensors(0)])
        result, = self.launch(1, self.compile_library(Spec()), "--transport", "local", "--input", source, "--seed", 1)
        self.assertEqual(result.status, 0, result)
        self.assertEqual(result.err, "faro-run: note: --tokens, --routing and --seed make input up; the input comes from %s\n" % source)

    def test_ranks_with_different_specs(self):
        programs = [self.compile_library(Spec(), "one"), self.compile_library(Spec(topk=1), "other")]
        results = self.launch(3, "--tokens", 5, options=lambda rank: (programs[rank // 2],))
        self.assertEqual([r.status for r in results], [1, 1, 1])
        self.assertEqual(len(results[0].messages), 1, results[0])
        self.assertRegex(results[0].err, "rank 2's .*other.so is made from another spec than rank 0's .*one.so")
        self.assertEqual([r.err for r in results[1:]], ["", ""])

    def test_a_report_that_cannot_be_written_leaves_no_output(self):
        results = self.launch(3, self.compile_library(Spec()), "--tokens", 5, "--output", self.folder / "out", "--json", "/dev/full")
        self.assertEqual([r.status for r in results], [1, 1, 1], results)
        self.assertIn("/dev/full", results[0].err)
        self.assertEqual(list((self.folder / "out").iterdir()), [])

    def test_bad_input_is_said_once(self):
        results = self.launch(3, self.compile_library(Spec()), "--input", self.folder / "none", "--output", self.folder / "out")
        self.assertEqual([r.status for r in results], [1, 1, 1])
        self.assertEqual(len(results[0].messages), 1, results[0])
        self.assertIn("no such folder", results[0].err)
        self.assertEqual([r.err for r in results[1:]], ["", ""])
        self.assertFalse((self.folder / "out" / "rank0.safetensors").exists())

    @unittest.skipUnless(shutil.which("mpirun"), "needs Open MPI's mpirun")
    def test_mpirun(self):
        result = subprocess.run(
            ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "2", FARO_RUN, str(self.compile_library(Spec())), "--tokens", "5",
             "--verify"], capture_output=True, text=True, timeout=60 * PATIENCE, env=self.environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout.count("verified: 2 ranks, 20 rows"), 1, result.stdout)


class Reports(RunTest):
    def test_table_json_and_trace_tell_the_same(self):
        program = self.compile_library(Spec("bf16", 64, 2, 8))
        figures, trace = self.folder / "figures.json", self.folder / "trace.json"
        for transport in ("ucx", "local"):
            with self.subTest(transport):
                result = self.run_faro(program, "--ranks", 2, "--tokens", 40, "--repeat", 3, "--verify", "--json", figures,
                                       "--trace", trace, "--transport", transport, "--experts-fn", "scale")
                self.assertEqual(result.status, 0, result)
                json_figures = json.loads(figures.read_text())
                self.assertTrue(json_figures["ok"])
                self.assertEqual(json_figures["transport"], transport)
                self.assertEqual(json_figures["verified"],
                                 {"ranks": 2, "rows": 160, "padding_rows": 0, "combined": 80, "differences": 0})
                self.assertEqual(json_figures["phases"]["dispatch"]["bytes"], 160 * 128)
                self.assertEqual(len(json_figures["per_rank"][1]["dispatch_ns"]), 3)
                events = [e for e in json.loads(trace.read_text())["traceEvents"] if e.get("cat") == "call"]
                self.assertEqual(sorted({e["name"] for e in events}),
                                 ["combine", "dispatch", "experts", "prepare", "reserve"])
                self.assertEqual(len(events), 2 * (1 + 3 * 4))
                self.assertTrue(all(e["dur"] > 0 and e["ts"] >= 0 for e in events))
                stages = [e for e in json.loads(trace.read_text())["traceEvents"] if e.get("cat") == "stage" and e["ph"] != "e"]
                self.assertEqual({e["name"] for e in stages}, {"notify open", "await open", "push", "pull", "notify done", "await done"})
                self.assertEqual(len([e for e in stages if e["name"] == "push"]), 2 * 3)

    def test_no_compiler_is_loaded_for_a_library(self):
        program = self.compile_library(Spec())
        needed = subprocess.run(["ldd", FARO_RUN], capture_output=True, text=True, check=True).stdout
        self.assertNotRegex(needed, "LLVM|MLIR|faro_compiler|ucp")
        for transport in ("ucx", "local"):
            log = self.folder / ("loaded-" + transport)
            result = self.run_faro(program, "--ranks", 2, "--tokens", 3, "--verify", "--transport", transport,
                                   environment={"LD_DEBUG": "files", "LD_DEBUG_OUTPUT": str(log)})
            self.assertEqual(result.status, 0, result)
            loaded = "".join(p.read_text(errors="replace") for p in self.folder.glob(log.name + ".*"))
            self.assertIn("libfaro.so", loaded)
            self.assertNotRegex(loaded, "LLVM|MLIR|faro_compiler")


if __name__ == "__main__":
    unittest.main()
