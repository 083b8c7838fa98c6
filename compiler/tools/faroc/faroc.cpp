// faroc: compiles a spec ahead of time, or shows what becomes of it on the way.
#include "compiler/Codegen/CUDA/Images.h"
#include "compiler/Codegen/CUDA/Ptx.h"
#include "compiler/Codegen/Module/ModuleTables.h"
#include "compiler/Pipelines/Compilation.h"
#include "compiler/tools/faroc/Files.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>

namespace {

using namespace faro::compiler;

struct Options {
  std::string input, output, compileTo, dumpDirectory, targets = "cpu";
  std::string wire; ///< empty: not chosen
  bool usage = false;
  std::vector<CpuTarget> cpu; ///< those of aotTargets that are wanted, in its order
  std::vector<int> cuda;      ///< architectures, ascending
};

int complain(const std::string &message) {
  std::cerr << "faroc: error: " << message << '\n';
  return 1;
}

/// "cpu", "cpu:x86-64-v3", "cuda:sm_90", or several of them; a message when there is something else.
std::string readTargets(Options &options) {
  const std::vector<CpuTarget> all = aotTargets();
  std::vector<bool> wanted(all.size());
  std::stringstream list(options.targets + (options.targets.ends_with(',') ? "," : "")); // an empty one is one, too
  for (std::string target; std::getline(list, target, ',');) {
    const auto named =
        std::find_if(all.begin(), all.end(), [&](const CpuTarget &cpu) { return "cpu:" + cpu.name == target; });
    if (target == "cpu") {
      wanted.assign(all.size(), true);
    } else if (named != all.end()) {
      wanted[size_t(named - all.begin())] = true;
    } else if (target.starts_with("cpu:")) {
      std::string names;
      for (const CpuTarget &cpu : all)
        names += (names.empty() ? "" : ", ") + cpu.name;
      return "--target: unknown '" + target + "'; expected cpu, for all processors, or one of theirs: " + names;
    } else if (std::optional<int> architecture = parseCudaTarget(target)) {
      if (llvm::Error unknown = checkCudaArchitecture(uint32_t(*architecture)))
        return "--target: " + llvm::toString(std::move(unknown));
      options.cuda.push_back(*architecture);
    } else {
      return "--target: unknown '" + target +
             "'; expected cpu, cpu:<level> or cuda:sm_<number>, such as cuda:sm_90, from sm_70 on";
    }
  }
  for (size_t i = 0; i < all.size(); ++i)
    if (wanted[i])
      options.cpu.push_back(all[i]);
  std::sort(options.cuda.begin(), options.cuda.end());
  options.cuda.erase(std::unique(options.cuda.begin(), options.cuda.end()), options.cuda.end());
  if (options.cpu.empty() && options.cuda.empty())
    return "--target: expected cpu or cuda:sm_<number>, found nothing";
  return {};
}

/// Which of the phases' combinations with targets and outputs mean something.
std::string checkOptions(Options &options) {
  if (std::string wrong = readTargets(options); !wrong.empty())
    return wrong;
  const bool ptx = options.compileTo == "ptx", kernels = options.compileTo == "kernels";
  if (ptx && options.cuda.empty())
    return "--compile-to=ptx needs --target=cuda:sm_<number>";
  if ((ptx && options.cuda.size() > 1) || (kernels && options.cuda.size() + !options.cpu.empty() > 1))
    return "--compile-to=" + options.compileTo + " shows one target at a time, found --target=" + options.targets;
  if (options.compileTo.empty() && options.cpu.empty())
    return "a module has kernels for the CPU in any case: its tables and schedules are for the host; give "
           "--target=cpu," +
           options.targets;
  if (options.usage && (options.cuda.empty() || !options.compileTo.empty()))
    return "--kernel-usage needs --target=cpu,cuda:sm_<number> and a module as output";
  if ((options.compileTo == "llvm" || options.compileTo == "asm") && options.cpu.empty())
    return "--compile-to=" + options.compileTo + " is for --target=cpu; for CUDA there is --compile-to=ptx";
  if (options.compileTo.empty() && options.output.empty()) {
    if (options.input == "-")
      return "what is read from standard input has no name to derive the output's from; give -o OUT.so";
    options.output = stemOf(options.input) + ".so";
  }
  if (options.compileTo.empty() && options.output == "-")
    return "a module is not written to standard output; give -o OUT.so";
  return {};
}

class Driver {
public:
  Driver(const Options &options, std::string text)
      : options(options), compilation(std::move(text), options.input == "-" ? "<stdin>" : options.input,
                                      [](const std::string &message) { std::cerr << message << '\n'; }) {}

  llvm::LogicalResult run() {
    const bool isCuda = !options.cuda.empty() && (options.compileTo == "kernels" || options.compileTo == "ptx");
    const std::optional<Phase> wanted = phaseFromName(options.compileTo);
    const Phase end = wanted && *wanted < Phase::Kernels ? *wanted : Phase::Kernels;
    const LoweringOptions lowering{wireClassFromName(options.wire), EmitKernelsOptions(),
                                   /*plan=*/!options.cuda.empty()};
    const auto reached = [&](Phase phase) { return dump(phase, compilation.print()); };
    if (failed(compilation.parse()) || failed(compilation.lowerTo(std::min(end, Phase::Xfer), lowering, reached)))
      return llvm::failure();
    // Kernels for devices are written from the same schedule, with tiles of their own.
    if (!options.cuda.empty() && options.compileTo.empty() && failed(makeImages()))
      return llvm::failure();
    if (isCuda)
      return finishCuda();
    if (failed(compilation.lowerTo(end, lowering, reached)))
      return llvm::failure();
    if (wanted && *wanted <= Phase::Kernels)
      return write(compilation.print());
    return finishCpu(wanted);
  }

private:
  llvm::LogicalResult finishCuda() {
    llvm::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> gpu = makeGpuModule(compilation.module(), options.cuda.front());
    if (failed(gpu))
      return llvm::failure();
    if (failed(dumpGpu(options.cuda.front(), **gpu)))
      return llvm::failure();
    if (options.compileTo == "kernels")
      return write(textOf(**gpu));
    llvm::FailureOr<DeviceCode> code = toDeviceCode(gpuModuleOf(**gpu));
    if (failed(code))
      return llvm::failure();
    llvm::Expected<std::string> ptx = writePtx(std::move(*code), options.cuda.front());
    if (!ptx)
      return compilation.fail(ptx.takeError());
    if (llvm::Error unwritten = dumpPtx(options.cuda.front(), *ptx))
      return compilation.fail(std::move(unwritten));
    return write(*ptx);
  }

  llvm::LogicalResult makeImages() {
    const std::unique_ptr<Assembler> assembler = findAssembler();
    const char *chosen = std::getenv("FARO_PTXAS");
    if (!assembler && options.usage)
      return llvm::failure(complain(
          chosen && *chosen ? std::string("--kernel-usage asks an assembler, and FARO_PTXAS=") + chosen + " leaves none"
                            : "--kernel-usage asks libnvJitLink or ptxas, and neither was found in the system's paths, "
                              "CUDA_HOME or /usr/local/cuda; FARO_PTXAS may name a ptxas"));
    if (!assembler)
      std::cerr << "faroc: note: "
                << (chosen && *chosen
                        ? "FARO_PTXAS=none"
                        : "no libnvJitLink and no ptxas in the system's paths, CUDA_HOME or /usr/local/cuda, "
                          "nor in FARO_PTXAS")
                << "; the module carries PTX, which the driver assembles where it runs\n";
    constexpr size_t Parts = 4; // not by cores: a module has the same bytes wherever it is compiled
    auto work = CudaImageWork::start(
        compilation.module(), options.cuda, assembler.get(), {},
        [&](int architecture, mlir::ModuleOp kernels) { return dumpGpu(architecture, kernels); }, Parts);
    if (failed(work))
      return llvm::failure();
    llvm::Expected<CudaImages> made =
        (*work)->finish([&](int architecture, llvm::StringRef ptx) { return dumpPtx(architecture, ptx); });
    if (!made)
      return compilation.fail(made.takeError());
    images = std::move(made->images);
    if (options.usage)
      printUsage(*made);
    return llvm::success();
  }

  static void printUsage(const CudaImages &made) {
    std::cout << "| target | kernel | registers | spilled bytes | stack bytes |\n| --- | --- | --- | --- | --- |\n";
    for (const auto &[target, usage] : made.usage)
      std::cout << "| " << target << " | " << usage.kernel << " | " << usage.registers << " | "
                << usage.spillStores + usage.spillLoads << " | " << usage.stack << " |\n";
  }

  llvm::LogicalResult finishCpu(std::optional<Phase> wanted) {
    if (failed(compilation.toLLVM(options.cpu, images)))
      return llvm::failure();
    if (!options.dumpDirectory.empty() && failed(dump(Phase::LLVM, compilation.printLLVM())))
      return llvm::failure();
    if (wanted == Phase::LLVM)
      return write(compilation.printLLVM());
    const bool assembly = wanted == Phase::Assembly;
    llvm::FailureOr<std::unique_ptr<llvm::MemoryBuffer>> code =
        compilation.toCode(assembly ? Output::Assembly : Output::Object);
    if (failed(code))
      return llvm::failure();
    if (assembly)
      return write((*code)->getBuffer());
    if (llvm::Error error = linkShared((*code)->getBuffer(), options.output))
      return compilation.fail(std::move(error));
    return llvm::success();
  }

  /// Text goes to -o, or to standard output.
  llvm::LogicalResult write(llvm::StringRef text) { return said(writeText(options.output, text)); }

  static std::string textOf(mlir::ModuleOp module) {
    std::string printed;
    llvm::raw_string_ostream(printed) << module << '\n';
    return printed;
  }

  // Numbered, so that a listing shows them in their order.

  llvm::LogicalResult dump(Phase phase, llvm::StringRef text) {
    const std::string name = std::to_string(int(phase) + 1) + "-" + phaseName(phase);
    return said(dumpTo(name + (phase < Phase::LLVM ? ".mlir" : ".ll"), text));
  }
  llvm::LogicalResult dumpGpu(int architecture, mlir::ModuleOp kernels) {
    if (options.dumpDirectory.empty()) // do not print for nobody
      return llvm::success();
    return said(dumpTo("3-kernels.sm_" + std::to_string(architecture) + ".mlir", textOf(kernels)));
  }
  llvm::Error dumpPtx(int architecture, llvm::StringRef ptx) {
    const std::string wrong = dumpTo("4-ptx.sm_" + std::to_string(architecture) + ".ptx", ptx);
    return wrong.empty() ? llvm::Error::success() : llvm::createStringError(wrong);
  }

  /// What is wrong, or nothing.
  std::string dumpTo(const std::string &name, llvm::StringRef text) {
    if (options.dumpDirectory.empty())
      return {};
    const std::string path = options.dumpDirectory + "/" + name;
    if (isSpec(options.input, path))
      return "cannot write '" + path + "': it is the spec itself; give another folder with --dump-phases";
    std::error_code none;
    if (!options.output.empty() &&
        std::filesystem::weakly_canonical(options.output, none) == std::filesystem::weakly_canonical(path, none))
      return "cannot write '" + path + "': -o names it, too; give another folder with --dump-phases";
    return writeText(path, text);
  }
  static llvm::LogicalResult said(const std::string &wrong) {
    return wrong.empty() ? llvm::success() : llvm::failure(complain(wrong));
  }

  const Options &options;
  Compilation compilation;
  std::vector<ImageTable> images;
};

} // namespace

int main(int argc, char **argv) {
  // Whoever started this may not have wanted to hear of its children; of the linker and the assemblers we do.
  std::signal(SIGCHLD, SIG_DFL);
  Options options;
  CLI::App app("Compiles a token shuffle into a module that faro-run and the runtime load.");
  app.add_option("SPEC", options.input, "the spec; - reads standard input")->required();
  const auto *output =
      app.add_option("-o,--output", options.output, "the module to write (default: SPEC's name with .so)");
  app.add_option("--target", options.targets, "cpu, cpu:<level> and cuda:sm_<number>, separated by commas")
      ->capture_default_str();
  app.add_flag("--kernel-usage", options.usage,
               "print what the assembler says of registers and spills, a CUDA kernel a line");
  app.add_option("--wire", options.wire, "what is between nodes, for the choice of slices; of specs of the faro level")
      ->check(CLI::IsMember({wireClassName(WireClass::Tcp), wireClassName(WireClass::Rdma)}))
      ->default_str(wireClassName(WireClass::Tcp));
  app.add_option("--compile-to", options.compileTo, "stop at this phase and print it")
      ->check(CLI::IsMember({"faro", "xfer", "kernels", "llvm", "asm", "ptx"}));
  app.add_option("--dump-phases", options.dumpDirectory, "write each phase to a file of this folder");
  app.set_version_flag("--version", producer());
  for (int i = 1; i < argc; ++i) // or it would take what comes next for its value
    if (const std::string_view word = argv[i]; word.starts_with("--") && word.ends_with("="))
      return complain(std::string(word) + ": expected a value behind it");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &stop) {
    return app.exit(stop) == 0 ? 0 : 1;
  }
  // A file that grows past the user's limit is a failed write with a message, not the end of the process.
  std::signal(SIGXFSZ, SIG_IGN);

  if (output->count() && options.output.empty())
    return complain("-o: expected the name of a file, found nothing");
  if (std::string wrong = checkOptions(options); !wrong.empty())
    return complain(wrong);
  if (std::string wrong = resolveOutput(options.input, options.compileTo.empty(), options.output); !wrong.empty())
    return complain(wrong);
  std::string text;
  if (std::string wrong = readText(options.input, text); !wrong.empty())
    return complain(wrong);
  if (!options.dumpDirectory.empty())
    if (std::string wrong = makeFolder(options.dumpDirectory); !wrong.empty())
      return complain(wrong);
  return failed(Driver(options, std::move(text)).run()) ? 1 : 0;
}
