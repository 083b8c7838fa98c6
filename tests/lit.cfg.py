# Settings of all lit tests; what a build knows comes from its lit.site.cfg.py.
import os

import lit.formats

config.name = "faro"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs"]

# The suite is one tests/ folder's subfolder, named by its site file, so that each can be run alone.
config.test_source_root = config.faro_suite_source_dir
config.test_exec_root = config.faro_suite_build_dir

# Tools of the build first: a faro-opt that happens to be installed must not be tested in its place.
config.environment["PATH"] = os.pathsep.join(
    [config.faro_tools_dir, config.llvm_tools_dir, config.environment.get("PATH", "")]
)
config.environment["FILECHECK_OPTS"] = "--dump-input-filter=all"
for name in ("HOME", "TMPDIR", "FARO_CACHE_DIR", "CUDA_HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

config.substitutions.append(("%faro_src", config.faro_source_dir))
for feature in config.faro_features.split(";"):
    if feature:
        config.available_features.add(feature)
