#!/usr/bin/env python3
"""The table of docs/cuda.md: registers of the examples' kernels on CUDA devices, as the assembler counts them.

    cuda_registers.py [BUILD] [--into FILE]    (default: build; prints the table)
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

ARCHITECTURES = ("sm_80", "sm_90", "sm_100")
BEGIN, END = "<!-- registers -->", "<!-- end of registers -->"


def usage(build, spec):
    """By kernel and architecture: (registers, bytes that a thread has no registers for)."""
    with tempfile.TemporaryDirectory() as folder:
        targets = ",".join("cuda:" + each for each in ARCHITECTURES)
        said = subprocess.run([f"{build}/bin/faroc", spec, f"--target=cpu,{targets}", "--kernel-usage", "-o", f"{folder}/moe.so"],
                              check=True, capture_output=True, text=True).stdout
    found = {}
    for line in said.splitlines()[2:]:
        target, kernel, registers, spilled, stack = (cell.strip() for cell in line.strip("|").split("|"))
        found.setdefault(kernel, {})[target.removeprefix("cuda:")] = (int(registers), int(spilled) + int(stack))
    return found


def table(build):
    # Examples whose kernels are alike share a line.
    lines, spilled = {}, 0
    for spec in sorted((pathlib.Path(__file__).resolve().parent.parent / "examples").glob("*/moe.mlir")):
        for kernel, by in usage(build, spec).items():
            counts = tuple(str(by[a][0]) if a in by else "-" for a in ARCHITECTURES)
            spilled += sum(bytes for _, bytes in by.values())
            lines.setdefault((kernel, counts), []).append(spec.parent.name[:2])
    yield "| kernel | examples | " + " | ".join(ARCHITECTURES) + " |"
    yield "| --- | --- |" + " --- |" * len(ARCHITECTURES)
    for (kernel, counts), examples in sorted(lines.items()):
        yield f"| `{kernel}` | {', '.join(examples)} | " + " | ".join(counts) + " |"
    yield ""
    yield f"Bytes spilled, or on a stack, by all of them together: {spilled}."


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?", default="build")
    parser.add_argument("--into", metavar="FILE")
    arguments = parser.parse_args()
    text = "\n".join(table(arguments.build)) + "\n"
    if not arguments.into:
        sys.stdout.write(text)
        return
    page = pathlib.Path(arguments.into)
    head, rest = page.read_text().split(BEGIN)
    page.write_text(head + BEGIN + "\n" + text + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
