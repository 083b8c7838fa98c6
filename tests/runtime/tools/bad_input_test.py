"""Everything that can be wrong with what faro-run is given: one clear message, exit status 1 or 2, no files, soon."""

import json
import os
import pathlib
import random
import struct
import subprocess
import unittest

from harness import PATIENCE, STARTED, RunTest, Spec, encode, float32s, int64s
from model import random_batch


class BadInput(RunTest):
    def setUp(self):
        super().setUp()
        self.spec = Spec("f32", 4, 2, 4)
        batch = random_batch(random.Random(1), self.spec, [3, 2])
        self.tensors = [batch.tensors(r) for r in range(2)]

    def program(self):
        return self.compile_library(self.spec)

    def refused_input(self, *words, ranks=2, files=None, program=None, extra=()):
        source = self.write_input(files or self.tensors)
        result = self.run_faro(program or self.program(), "--ranks", ranks, "--input", source, "--output",
                               self.folder / "out", *extra)
        self.check_refused(result, *words)

    def test_values_and_shapes(self):
        program = self.program()
        good = self.tensors[1]
        tokens, idx, weights = good["tokens"], good["topk_idx"], good["topk_weights"]
        cases = [
            ("topk_idx", ("I64", [2, 2], int64s([0, 1, 4, 0])), ["rank 1", "token 1", "choice 0", "expert 4", "0 to 3"]),
            ("topk_idx", ("I64", [2, 2], int64s([0, -2, 1, 0])), ["rank 1", "token 0", "choice 1", "expert -2"]),
            ("topk_idx", ("I64", [2, 2], int64s([0, 1, 1, 2**63 - 1])), ["token 1", "choice 1", str(2**63 - 1)]),
            ("topk_idx", ("I64", [2, 3], int64s([0] * 6)), ["'topk_idx'", "[2, 3]", "[2, 2]"]),
            ("topk_idx", ("I64", [1, 2], int64s([0] * 2)), ["'topk_idx'", "[1, 2]", "[2, 2]"]),
            ("topk_idx", ("I64", [4], int64s([0] * 4)), ["'topk_idx'", "[4]"]),
            ("topk_idx", ("F32", [2, 2], float32s([0] * 4)), ["'topk_idx'", "F32", "I64"]),
            ("topk_weights", ("F32", [2, 1], float32s([0] * 2)), ["'topk_weights'", "[2, 1]", "[2, 2]"]),
            ("topk_weights", ("I64", [2, 2], int64s([0] * 4)), ["'topk_weights'", "I64", "F32"]),
            ("tokens", ("F32", [2, 5], float32s([0] * 10)), ["'tokens'", "[2, 5]", "4"]),
            ("tokens", ("BF16", [2, 4], b"\0" * 16), ["'tokens'", "BF16", "F32"]),
            ("tokens", ("F32", [8], float32s([0] * 8)), ["'tokens'", "[8]"]),
        ]
        for name, tensor, words in cases:
            with self.subTest(name=name, shape=tensor[1], dtype=tensor[0]):
                self.refused_input("rank1.safetensors", "rank 1", *words, program=program,
                                   files=[self.tensors[0], dict(good, **{name: tensor})])
        for name in ("tokens", "topk_idx", "topk_weights"):
            with self.subTest(missing=name):
                self.refused_input("rank1.safetensors", "rank 1", "'%s'" % name, "missing", program=program,
                                   files=[self.tensors[0], {k: v for k, v in good.items() if k != name}])

    def test_torn_and_lying_files(self):
        program = self.program()
        whole = encode(self.tensors[1])
        (size,) = struct.unpack("<Q", whole[:8])
        header = json.loads(whole[8 : 8 + size])

        def lying(change):
            changed = json.loads(json.dumps(header))
            change(changed)
            text = json.dumps(changed).encode()
            return struct.pack("<Q", len(text)) + text + whole[8 + size :]

        cases = {
            "empty": b"",
            "short": whole[:5],
            "cut in the header": whole[: 8 + size // 2],
            "cut in the data": whole[:-1],
            "more than it says": whole + b"x",
            "huge header": struct.pack("<Q", 2**64 - 1) + whole[8:],
            "not JSON": struct.pack("<Q", 4) + b"{{{{",
            "some other file": b"\x7fELF" + b"\0" * 100,
            "huge shape": lying(lambda h: h["tokens"].update(shape=[2**62, 2**62])),
            "offsets outside": lying(lambda h: h["tokens"].update(data_offsets=[0, 2**63])),
            "overlap": lying(lambda h: h["topk_idx"].update(data_offsets=h["tokens"]["data_offsets"], shape=[2, 2])),
            "negative": lying(lambda h: h["tokens"].update(shape=[-2, 4])),
            "twice": struct.pack("<Q", 17) + b'{"a":{}, "a": {}}',
        }
        for name, raw in cases.items():
            with self.subTest(name):
                self.refused_input("rank1.safetensors", program=program, files=[self.tensors[0], raw])

    def test_missing_files(self):
        program = self.program()
        self.refused_input("rank1.safetensors", "no such file", files=self.tensors[:1], program=program)
        result = self.run_faro(program, "--ranks", 2, "--input", self.folder / "none", "--output", self.folder / "out")
        self.check_refused(result, "none", "no such folder")
        pipe = self.folder / "in" / "rank1.safetensors"
        os.mkfifo(pipe)
        result = self.run_faro(program, "--ranks", 2, "--input", self.folder / "in", "--output", self.folder / "out")
        self.check_refused(result, "rank1.safetensors", "no regular file")

    def test_programs_that_are_none(self):
        cases = {
            "none.mlir": (None, "cannot open"),
            "empty.mlir": (b"", "empty.mlir"),
            "text.mlir": (b"not a spec", "text.mlir:1:1"),
            "other.so": (pathlib.Path("/proc/self/exe").read_bytes(), "other.so"),
            "torn.so": (self.program().read_bytes()[:1000], "torn.so"),
            "header.so": (b"\x7fELF", "header.so"),
            "blocks.so": (zeroed(self.program().read_bytes(), 4096), "blocks.so"),
            "bit.so": (flipped(self.program().read_bytes(), 5000), "bit.so"),
        }
        for name, (raw, word) in cases.items():
            with self.subTest(name):
                if raw is not None:
                    (self.folder / name).write_bytes(raw)
                result = self.run_faro(self.folder / name, "--ranks", 2, "--tokens", 3, "--output", self.folder / "out")
                self.check_refused(result, word)
        self.check_refused(self.run_faro(self.folder, "--ranks", 2), str(self.folder), "no regular file")

    def test_spec_errors_have_line_and_column(self):
        text = self.spec.text().replace("topk = 2", "topk = 5")
        path = self.write_spec(text, "wrong.mlir")
        result = self.run_faro(path, "--ranks", 2, "--output", self.folder / "out")
        self.assertEqual(result.status, 1, result)
        self.assertRegex(result.err, r"^\S*wrong\.mlir:3:\d+: error: ")
        self.assertFalse((self.folder / "out").exists())

    def test_ranks_that_do_not_fit_the_mesh(self):
        program = self.compile_library(Spec(mesh=("1", "4")), "four")
        self.check_refused(self.run_faro(program, "--ranks", 3, "--tokens", 2), "mesh", "1 nodes x 4", "3 ranks")
        self.check_refused(self.run_faro(program, "--ranks", 4, "--nodes", 2, "--tokens", 2), "mesh", "1 nodes x 4",
                           "2 nodes x 2 ranks", "--ranks 4 --nodes 1")
        self.assertEqual(self.run_faro(program, "--ranks", 4, "--tokens", 2, "--verify").status, 0)
        # What is advised can be done, or is not advised.
        huge = self.write_spec(Spec(mesh=("65536", "65536")), "huge.mlir")
        result = self.run_faro(huge, "--ranks", 2, "--tokens", 2)
        self.check_refused(result, "4294967296 ranks, more than the 1024")
        self.assertNotIn("--ranks", result.err)
        four = self.write_spec(Spec(mesh=("4", "?")), "four_nodes.mlir")
        self.check_refused(self.run_faro(four, "--ranks", 2, "--tokens", 2), "--ranks 4 --nodes 4")

    def test_names_do_not_reach_a_terminal_as_they_are(self):
        result = self.run_faro(self.folder / "a\x1b[31mb.so", "--ranks", 2)
        self.check_refused(result, "a\\x1b[31mb.so: cannot open the program")
        self.assertNotIn("\x1b", result.err)

    def test_settings_that_are_none(self):
        program = self.program()
        for name, value, words in (("FARO_SLOTS", "gpu", "`pinned`"), ("FARO_PUSHES", "sometimes", "`resident`")):
            result = self.run_faro(program, "--ranks", 2, "--tokens", 2, environment={name: value})
            self.check_refused(result, "%s=%s" % (name, value), words)

    def test_folders_that_cannot_be_looked_into(self):
        program = self.program()
        loop = self.folder / "loop"
        loop.symlink_to(loop)
        for name in (loop, self.folder / ("x" * 300)):
            report = self.folder / "report.json"
            result = self.run_faro(program, "--ranks", 2, "--output", name, "--json", report)
            self.check_refused(result, name.name[:20], "cannot create this folder")
            self.assertNotIn("filesystem error", result.err)
            self.assertFalse(json.loads(report.read_text())["ok"])
            self.check_refused(self.run_faro(program, "--ranks", 2, "--input", name), name.name[:20],
                               "cannot look into this folder")

    def test_output_that_cannot_be_written(self):
        program, source = self.program(), self.write_input(self.tensors)
        (self.folder / "file").write_text("")
        for out, word in ((self.folder / "file", "file"), (self.folder / "file" / "out", "out"), ("/proc/out", "/proc/out")):
            with self.subTest(out=out):
                result = self.run_faro(program, "--ranks", 2, "--input", source, "--output", out)
                self.check_refused(result, word)
        result = self.run_faro(program, "--ranks", 2, "--input", source, "--output", source)
        self.check_refused(result, "--input")
        for option in ("--json", "--trace"):
            result = self.run_faro(program, "--ranks", 2, "--tokens", 2, option, self.folder / "no" / "such" / "file")
            self.check_refused(result, "no/such/file")

    def test_a_full_disk(self):
        # A limit on the size of files stands for it: the write fails half-way.
        program, source = self.compile_library(Spec("f32", 4096, 2, 4)), self.folder / "none"
        process = self.start(program, "--ranks", 2, "--tokens", 200, "--output", self.folder / "out",
                             preexec_fn=lambda: limit_file_size(1 << 20))
        result = self.finish(process, 0)
        self.check_refused(result, "rank", "File too large")

    def test_command_lines_that_make_no_sense(self):
        program = self.program()
        for arguments, word in (
            ([], "--ranks"),
            (["--ranks", 0], "--ranks"),
            (["--ranks", "x"], "--ranks"),
            (["--ranks", 2, "--nodes", 0], "--nodes"),
            (["--ranks", 2, "--nodes", 3], "--nodes 3: there are only 2 ranks"),
            (["--ranks", 2, "--nodes", "all"], "--nodes"),
            (["--nodes", 2], "--nodes"),
            (["--ranks", 2, "--routing", "zipf"], "zipf"),
            (["--ranks", 2, "--routing", "zipf:-1"], "zipf:-1"),
            (["--ranks", 2, "--transport", "rdma"], "--transport"),
            (["--ranks", 2, "--experts-fn", "relu"], "--experts-fn"),
            (["--ranks", 2, "--tokens", -1], "--tokens"),
            (["--ranks", 2, "--tokens", "0x10"], "--tokens: '0x10' is no whole number"),
            (["--ranks", 2, "--timeout", "0x10"], "--timeout: '0x10' is no decimal number"),
            (["--ranks", 2, "--timeout", "nan"], "--timeout: 'nan'"),
            (["--ranks", 2, "--repeat", 0], "--repeat"),
            (["--ranks", 2, "--timeout", 0], "--timeout"),
            (["--ranks", 2, "--timeout", 2000000], "--timeout"),
            (["--ranks", 2, "--input", ""], "--input"),
            (["--ranks", 2, "--output", ""], "--output"),
            (["--ranks", 2, "--json", ""], "--json"),
            (["--ranks", 2, "--trace", ""], "--trace"),
            (["--ranks", 2, "--seed", ""], "--seed"),
            (["--ranks", 2, "--seed", -1], "--seed"),
            (["--ranks", 2, "--seed", 1 << 64], "--seed"),
            (["--ranks", 2, "--no-such-option"], "no-such-option"),
            (["--ranks", 2, "--internal-child", "1:2:3"], "--internal-child"),
        ):
            with self.subTest(arguments=arguments):
                result = self.run_faro(program, *arguments, limit=10)
                self.assertEqual(result.status, 2, result)
                self.assertIn(word, result.messages[0])
                self.assertEqual(result.out, "")

    def test_numbers_are_decimal(self):
        result = self.run_faro(self.program(), "--ranks", "02", "--transport", "local", "--tokens", "0100", "--timeout", "060")
        self.assertEqual(result.status, 0, result)
        self.assertIn("2 ranks on one node over local; 100 tokens a rank", result.out)

    def test_the_json_tells_of_failures(self):
        path = self.folder / "figures.json"
        result = self.run_faro(self.program(), "--ranks", 2, "--input", self.folder / "none", "--json", path)
        self.assertEqual(result.status, 1)
        figures = json.loads(path.read_text())
        self.assertFalse(figures["ok"])
        self.assertIn("no such folder", figures["error"]["message"])


    def test_the_json_tells_of_a_run_that_was_not_done(self):
        path = self.folder / "figures.json"
        path.write_text('{"ok": true}')
        result = self.run_faro(self.program(), "--ranks", 2, "--repeat", 1000000, "--transport", "local", "--timeout", 2 * STARTED,
                               "--json", path)
        self.check_refused(result, "--timeout")
        figures = json.loads(path.read_text())
        self.assertFalse(figures["ok"])
        self.assertEqual(figures["error"]["code"], "DEADLINE_EXCEEDED")

    def test_a_report_that_cannot_be_written_leaves_no_output(self):
        result = self.run_faro(self.program(), "--ranks", 2, "--tokens", 3, "--output", self.folder / "out", "--json", "/dev/full")
        self.check_refused(result, "/dev/full")

    def test_reports_do_not_replace_what_is_read(self):
        program, source = self.program(), self.write_input(self.tensors)
        for option, path in (("--json", program), ("--trace", source / "rank0.safetensors")):
            before = path.read_bytes()
            result = self.run_faro(program, "--ranks", 2, "--input", source, option, path)
            self.check_refused(result, path.name, "will not be replaced")
            self.assertEqual(path.read_bytes(), before)

    def test_nothing_is_replaced_that_the_run_reads_or_writes(self):
        program, source, out = self.program(), self.write_input(self.tensors), self.folder / "out"
        # Names of their own, of the same files.
        (self.folder / "report.json").symlink_to(source / "rank0.safetensors")
        (self.folder / "same.so").symlink_to(program)
        (self.folder / "links").mkdir()
        (self.folder / "links" / "rank1.safetensors").symlink_to(source / "rank0.safetensors")
        (self.folder / "twice").mkdir()
        for rank in range(2):
            (self.folder / "twice" / ("rank%d.safetensors" % rank)).symlink_to(self.folder / "one")
        (self.folder / "one").write_text("old")
        before = {p: p.read_bytes() for p in (program, *source.iterdir(), self.folder / "one")}
        for arguments, words in (
            (["--json", self.folder / "report.json"], ["report.json", "it is input", "rank0.safetensors"]),
            (["--trace", self.folder / "same.so"], ["same.so", "it is the program"]),
            (["--output", out, "--json", out / "rank1.safetensors"], ["it is the output of rank 1"]),
            (["--output", out, "--trace", out / ".." / "out" / "rank0.safetensors"], ["it is the output of rank 0"]),
            (["--json", self.folder / "one", "--trace", self.folder / "links" / ".." / "one"], ["it is the other report"]),
            (["--output", self.folder / "links"], ["links/rank1.safetensors", "the output of rank 1: it is input"]),
            (["--output", self.folder / "twice"], ["twice/rank1.safetensors", "it is the output of rank 0"]),
        ):
            with self.subTest(arguments=arguments):
                result = self.run_faro(program, "--ranks", 2, "--transport", "local", "--input", source, *arguments)
                self.check_refused(result, "will not be replaced", *words)
                self.assertEqual({p: p.read_bytes() for p in before}, before)

    def test_reports_in_the_folder_that_is_created(self):
        program = self.program()
        for number, report in enumerate(("report.json", "../report.json")):
            out = self.folder / str(number) / "out"
            result = self.run_faro(program, "--ranks", 2, "--transport", "local", "--tokens", 2, "--output", out, "--json",
                                   os.path.normpath(out / report))
            self.assertEqual(result.status, 0, result)
            self.assertTrue(json.loads((out / report).read_text())["ok"])

    def test_names_cannot_drive_a_terminal(self):
        program, good = self.program(), self.tensors[0]
        for tensors in (
            dict(good, **{"\x1b[2J": ("F32", [3], b"")}), # torn
            {k if k != "tokens" else "\x1b[2J": v for k, v in good.items()},
            dict(good, tokens=("\x1b[2J",) + good["tokens"][1:]),
        ):
            result = self.run_faro(program, "--ranks", 2, "--input", self.write_input([tensors, self.tensors[1]]))
            self.check_refused(result, "\\x1b[2J")
            self.assertNotIn("\x1b", result.err)

    def test_messages_that_nobody_can_read(self):
        with open("/dev/full", "w") as full:
            for arguments in (["/nonexist", "--ranks", "2"], [str(self.program()), "--ranks", "0"]):
                process = subprocess.run([os.environ["FARO_RUN"]] + arguments, stderr=full, env=self.environment,
                                         timeout=60 * PATIENCE)
                self.assertIn(process.returncode, (1, 2), arguments)

    def test_a_header_of_many_tensors(self):
        tensors = dict(self.tensors[0])
        for n in range(20000):
            tensors["more%d" % n] = ("F32", [0], b"")
        source = self.write_input([tensors, self.tensors[1]])
        result = self.run_faro(self.program(), "--ranks", 2, "--input", source, "--verify")
        self.check_verified_run(result)
        self.assertLess(result.seconds, 10 * PATIENCE)

    def check_verified_run(self, result):
        self.assertEqual(result.status, 0, result)
        self.assertIn("verified: ", result.out)

    def test_more_experts_than_memory(self):
        program = self.write_spec(Spec("f32", 4, 2, 2000000000), "many.mlir")
        self.check_refused(self.run_faro(program, "--ranks", 2, "--tokens", 4), "GB of memory")

    def test_settings_are_one_or_none(self):
        for name in ("FARO_CHECK", "FARO_LARGE_PAGES"):
            result = self.run_faro(self.program(), "--ranks", 2, "--tokens", 4, environment={name: "true"})
            self.check_refused(result, name + "='true'")


def zeroed(raw, begin):
    return raw[:begin] + bytes(len(raw) - begin)


def flipped(raw, at):
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1:]


def limit_file_size(size):
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


if __name__ == "__main__":
    unittest.main()
