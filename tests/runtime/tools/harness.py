"""What the end-to-end tests of faro-run share: specs, safetensors files, running it. Standard library only.

The environment names the programs under test: FARO_RUN, and FAROC for tests of compiled modules.
"""

import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import unittest

FARO_RUN = os.environ["FARO_RUN"]
FAROC = os.environ.get("FAROC")
COMPILED = {}  # what faroc made of which text, how called
# The kernels that tests of other things are compiled for: one of the sets that faroc makes by itself.
CPU = "cpu:x86-64-v3" if " avx2 " in pathlib.Path("/proc/cpuinfo").read_text() else "cpu:x86-64"
# Sanitizers make everything several times slower.
PATIENCE = float(os.environ.get("FARO_TEST_PATIENCE", "1"))
# Seconds until ranks that were started are at work. Tests wait for all of it, so it is no longer than it has to be.
STARTED = 1 if PATIENCE == 1 else 2


def some(cases):
    """All of them; every third under sanitizers, which find nothing new in the others."""
    return cases if PATIENCE == 1 else cases[::3]


ELEMENT = {"bf16": "BF16", "f16": "F16", "f32": "F32"}
BYTES = {"BF16": 2, "F16": 2, "F32": 4, "I64": 8}


def shared_memory():
    return set(os.listdir("/dev/shm"))


def shared_memory_left(before):
    """What has come since and stays. Other tests' ranks run meanwhile: their segments have a name for a moment only."""
    left, deadline = shared_memory() - before, time.monotonic() + 10 * PATIENCE
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left &= shared_memory()
    return left


class Spec:
    """One shape of a program."""

    def __init__(self, element="f32", columns=4, topk=2, experts=4, order=("expert", "source", "token"), align=1,
                 combine=True, mesh=("?", "?"), placement="", partial=""):
        self.element, self.columns, self.topk, self.experts = element, columns, topk, experts
        self.order, self.align, self.combine, self.mesh, self.placement = order, align, combine, mesh, placement
        self.partial = partial  # of rows between nodes; "": the element

    def text(self):
        row = "%dx%s" % (self.columns, self.element)
        layout = "#faro.layout<order = [%s]%s>" % (", ".join(self.order),
                                                   ", align = %d" % self.align if self.align > 1 else "")
        text = "!tokens = !faro.tokens<%s>\n!experts = !faro.tokens<%s, %s>\n" % (row, row, layout)
        text += "!routes = !faro.routes<topk = %d, experts = %d%s>\n" % (self.topk, self.experts, self.placement)
        text += "module attributes {faro.mesh = #faro.mesh<nodes = %s, ranks_per_node = %s>} {\n" % self.mesh
        text += """  func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {
    %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
    return %y : !experts
  }
"""
        if self.combine:
            text += """  func.func @combine(%y: !experts, %r: !routes) -> !tokens {
    %x = faro.combine %y, %r""" + (" partial(" + self.partial + ")" if self.partial else "") + """ : (!experts, !routes) -> !tokens
    return %x : !tokens
  }
"""
        return text + "}\n"


def encode(tensors):
    """Bytes of a safetensors file of {name: (dtype, shape, bytes)}."""
    header, data = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def decode(path):
    """{name: (dtype, shape, bytes)} of a safetensors file, which must be whole."""
    raw = pathlib.Path(path).read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    header, data = json.loads(raw[8 : 8 + size]), raw[8 + size :]
    result, covered = {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        count = 1
        for n in entry["shape"]:
            count *= n
        assert begin == covered and end - begin == count * BYTES[entry["dtype"]], (path, name, entry)
        covered = end
        result[name] = (entry["dtype"], entry["shape"], data[begin:end])
    assert covered == len(data), path
    return result


def int64s(values):
    return struct.pack("<%dq" % len(values), *values)


def float32s(values):
    return struct.pack("<%df" % len(values), *values)


class Result:
    def __init__(self, status, out, err, seconds):
        self.status, self.out, self.err, self.seconds = status, out, err, seconds
        # A progress line may appear on a slow machine; it is no message.
        lines = [line for line in err.splitlines() if line.strip()]
        self.messages = [line for line in lines if not (line.startswith("faro-run: ") and " s, " in line[:22])]

    def __str__(self):
        return "exit status %s after %.1f s\n%s\n%s" % (self.status, self.seconds, self.out, self.err)


class RunTest(unittest.TestCase):
    """Has a folder of its own, and ways to fill it and run in it."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="faro-run-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMPI_", "PMI_", "SLURM_", "FARO_T"))}
        self.environment["FARO_CACHE_DIR"] = os.environ.get("FARO_TEST_CACHE", str(self.folder / "cache"))

    def write_spec(self, spec, name="moe.mlir"):
        path = self.folder / name
        path.write_text(spec if isinstance(spec, str) else spec.text())
        return path

    def compile_library(self, spec, name="moe", *arguments, **environment):
        """A compiled module of the spec, for one kind of processor unless it is said."""
        path = self.folder / (name + ".so")
        if not any(argument.startswith("--target") for argument in arguments):
            arguments += ("--target=" + CPU,)
        self.faroc(spec, name, *arguments, output=path, **environment)
        return path

    def schedule(self, spec):
        """The printed xfer level of a spec."""
        return self.faroc(spec, "moe", "--compile-to=xfer").decode()

    def faroc(self, spec, name, *arguments, output=None, **environment):
        """What faroc makes of a spec, and leaves in `output`, or prints. The same is made once only."""
        source = self.write_spec(spec, name + ".mlir")
        key = (name, source.read_text(), arguments)
        if key not in COMPILED:
            where = ["-o", str(output)] if output else []
            done = subprocess.run([FAROC, str(source), *arguments, *where], timeout=120 * PATIENCE, capture_output=True,
                                  env=dict(self.environment, **environment))
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            COMPILED[key] = output.read_bytes() if output else done.stdout
        elif output:
            output.write_bytes(COMPILED[key])
        return COMPILED[key]

    def write_input(self, inputs, name="in"):
        """A folder with rank<r>.safetensors of {name: (dtype, shape, bytes)} or plain bytes."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        for rank, tensors in enumerate(inputs):
            raw = tensors if isinstance(tensors, bytes) else encode(tensors)
            (folder / ("rank%d.safetensors" % rank)).write_bytes(raw)
        return folder

    def start(self, *arguments, environment=None, **more):
        return subprocess.Popen([FARO_RUN] + [str(a) for a in arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, env=dict(self.environment, **(environment or {})), **more)

    def finish(self, process, began, limit=60):
        try:
            out, err = process.communicate(timeout=limit * PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            self.fail("still running after %d s:\n%s\n%s" % (limit * PATIENCE, out, err))
        return Result(process.returncode, out, err, time.monotonic() - began)

    def run_faro(self, *arguments, limit=60, environment=None):
        began = time.monotonic()
        return self.finish(self.start(*arguments, environment=environment), began, limit)

    def check_refused(self, result, *words, status=1, output="out"):
        """One clear message, the right exit status, no file that looks whole."""
        self.assertEqual(result.status, status, result)
        self.assertEqual(len(result.messages), 1, "expected one message:\n%s" % result)
        for word in words:
            self.assertIn(word, result.messages[0])
        self.assertNotIn("verified", result.out)
        folder = self.folder / output
        if folder.is_dir():
            self.assertEqual(list(folder.iterdir()), [], "files were left")


class LaunchedTest(RunTest):
    """Ranks that are started by themselves, as other launchers start them."""

    def begin(self, node_of, *arguments, variable="GROUP_RANK", settings={}):
        """A process for each rank; `settings`: what is in the environment of some of them."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        processes = []
        for rank, node in enumerate(node_of):
            place = dict(RANK=rank, WORLD_SIZE=len(node_of), LOCAL_RANK=node_of[:rank].count(node),
                         LOCAL_WORLD_SIZE=node_of.count(node), MASTER_ADDR="127.0.0.1", MASTER_PORT=port, FARO_JOB_SECRET="test")
            place[variable] = node
            place.update(settings.get(rank, {}))
            processes.append(self.start(*arguments, environment={k: str(v) for k, v in place.items()}))
            self.addCleanup(lambda process=processes[-1]: process.poll() is None and process.kill())
        return processes

    def launch(self, *arguments, **more):
        began = time.monotonic()
        return [self.finish(process, began) for process in self.begin(*arguments, **more)]


class DeviceTest(RunTest):
    """With rows on a CUDA device, behind a driver over host memory (tests/runtime/device)."""

    def setUp(self):
        super().setUp()
        self.environment["FARO_CUDA_DRIVER"] = os.environ["FAKE_CUDA"]

    def compile_for_devices(self, spec, name="moe"):
        # Text is what the driver runs, and no toolkit is needed.
        return self.compile_library(spec, name, "--target=%s,cuda:sm_80" % CPU, FARO_PTXAS="none")

    def check_verified(self, result, words="0 differences"):
        self.assertEqual(result.status, 0, result)
        self.assertIn("verified: ", result.out)
        self.assertIn(words, result.out)
