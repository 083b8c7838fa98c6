"""Every constraint of dialect/README.md has its name in the .td, in the verifier and on a negative test, and the other
way round: usage check_labels.py SOURCE_DIR"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])


def text_of(*patterns):
    files = [path for pattern in patterns for path in sorted(root.glob(pattern))]
    return "\n".join(path.read_text() for path in files)


# A label's name, as `dispatch_d1`: a word, an underscore, a letter, a number.
law = set()
for row in re.findall(r"^\| \([A-Z]+[0-9]+\) \|([^|]*)\|", (root / "dialect/README.md").read_text(), re.M):
    law.update(re.findall(r"`(\w+)`", row))
comment = r"/\*([a-z]+_[a-z][0-9]+)\*/"
places = {
    "a .td file": set(re.findall(comment, text_of("dialect/*/*.td", "compiler/*/Passes.td"))),
    "a verifier": set(re.findall(comment, text_of("dialect/*/*.cpp", "compiler/Plan/*.cpp", "compiler/Schedule/*.cpp"))),
    # The type, attribute or operation that is wrong belongs to a function, module or program of the label's name.
    "a negative test": set(
        re.findall(
            r"(?:func\.func(?: private)?|module|xfer\.program) @([a-z]+_[a-z][0-9]+)\b",
            text_of("tests/dialect/*/invalid*.mlir", "tests/dialect/*/*-errors.mlir"),
        )
    ),
}

faults = [] if law else ["dialect/README.md has no labels"]
for place, names in places.items():
    faults += [f"{name} is a constraint of dialect/README.md, but not named in {place}" for name in sorted(law - names)]
    faults += [f"{name} is named in {place}, but no constraint of dialect/README.md" for name in sorted(names - law)]
print("\n".join(faults) or f"{len(law)} constraints")
sys.exit(bool(faults))
