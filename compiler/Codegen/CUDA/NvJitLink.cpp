// libnvJitLink of a CUDA toolkit, loaded when it is asked for: PTX to machine code without a process or a file. A part
// of the kernels is compiled as for a later link (relocatable).
#include "compiler/Codegen/CUDA/Assemble.h"

#include "llvm/Support/FileSystem.h"

#include <dlfcn.h>
#include <vector>

namespace faro::compiler {
namespace {

// As nvJitLink.h declares them, for machines without that header.
using Handle = struct HandleTag *;
using Result = int; // nvJitLinkResult; 0: success
constexpr int InputCubin = 1, InputPtx = 2;

struct Library {
  void *opened = nullptr;
  std::string path;
  Result (*version)(unsigned *, unsigned *) = nullptr;
  Result (*create)(Handle *, uint32_t, const char **) = nullptr;
  Result (*destroy)(Handle *) = nullptr;
  Result (*addData)(Handle, int, const void *, size_t, const char *) = nullptr;
  Result (*complete)(Handle) = nullptr;
  Result (*cubinSize)(Handle, size_t *) = nullptr;
  Result (*cubin)(Handle, void *) = nullptr;
  Result (*errorSize)(Handle, size_t *) = nullptr;
  Result (*error)(Handle, char *) = nullptr;
  Result (*infoSize)(Handle, size_t *) = nullptr;
  Result (*info)(Handle, char *) = nullptr;

  template <typename Fn> bool find(Fn &function, const char *symbol) {
    function = reinterpret_cast<Fn>(dlsym(opened, symbol));
    return function != nullptr;
  }
  bool findAll() {
    return find(version, "nvJitLinkVersion") && find(create, "nvJitLinkCreate") && find(destroy, "nvJitLinkDestroy") &&
           find(addData, "nvJitLinkAddData") && find(complete, "nvJitLinkComplete") &&
           find(cubinSize, "nvJitLinkGetLinkedCubinSize") && find(cubin, "nvJitLinkGetLinkedCubin") &&
           find(errorSize, "nvJitLinkGetErrorLogSize") && find(error, "nvJitLinkGetErrorLog") &&
           find(infoSize, "nvJitLinkGetInfoLogSize") && find(info, "nvJitLinkGetInfoLog");
  }
};

/// One linking.
class Linking {
public:
  explicit Linking(const Library &library) : library(library) {}
  ~Linking() {
    if (handle)
      library.destroy(&handle);
  }
  Linking(const Linking &) = delete;
  Linking &operator=(const Linking &) = delete;

  struct Input {
    int kind;
    const std::string &bytes; ///< a text is taken with its final zero
  };
  /// `relocatable`: not finished, to be linked.
  llvm::Expected<Assembled> run(llvm::ArrayRef<Input> inputs, int architecture, bool relocatable) {
    const std::string target = "-arch=sm_" + std::to_string(architecture);
    const char *options[] = {target.c_str(), "-O3", "-verbose", "-r"};
    if (library.create(&handle, std::size(options) - !relocatable, options) != 0)
      return failed(target +
                    " is not known to it; with FARO_PTXAS=none the module carries text, which the driver compiles");
    for (const Input &input : inputs)
      if (library.addData(handle, input.kind, input.bytes.c_str(), input.bytes.size() + (input.kind == InputPtx),
                          "faro") != 0)
        return failed(target + ": " + log(library.errorSize, library.error));
    size_t size = 0;
    if (library.complete(handle) != 0 || library.cubinSize(handle, &size) != 0 || size == 0)
      return failed(target + ": " + log(library.errorSize, library.error));
    Assembled assembled{std::string(size, 0), readUsage(log(library.infoSize, library.info))};
    if (library.cubin(handle, assembled.cubin.data()) != 0)
      return failed(target + ": no machine code");
    return assembled;
  }

private:
  llvm::Error failed(const std::string &why) const {
    return llvm::createStringError("'%s' %s", library.path.c_str(), why.c_str());
  }
  std::string log(Result (*sizeOf)(Handle, size_t *), Result (*read)(Handle, char *)) const {
    size_t size = 0;
    if (sizeOf(handle, &size) != 0 || size == 0)
      return {};
    std::string text(size, 0);
    if (read(handle, text.data()) != 0)
      return {};
    return llvm::StringRef(text).rtrim('\0').rtrim().str();
  }

  const Library &library;
  Handle handle = nullptr;
};

class NvJitLink final : public Assembler, public PartAssembler {
public:
  explicit NvJitLink(Library library) : library(std::move(library)) {}

  /// Its version, and size and time of the file: there are several releases of a version.
  std::string name() const override {
    unsigned major = 0, minor = 0;
    (void)library.version(&major, &minor);
    const std::string version = "nvJitLink " + std::to_string(major) + "." + std::to_string(minor);
    Dl_info info;
    llvm::sys::fs::file_status status;
    if (::dladdr(reinterpret_cast<const void *>(library.version), &info) == 0 ||
        llvm::sys::fs::status(info.dli_fname, status))
      return version;
    return version + " " + std::to_string(status.getSize()) + " " +
           std::to_string(llvm::sys::toTimeT(status.getLastModificationTime()));
  }
  llvm::Expected<Assembled> assemble(const std::string &ptx, int architecture) override {
    return Linking(library).run(Linking::Input{InputPtx, ptx}, architecture, /*relocatable=*/false);
  }

  PartAssembler *parts() override { return this; }
  llvm::Expected<Assembled> assemblePart(const std::string &ptx, int architecture) override {
    return Linking(library).run(Linking::Input{InputPtx, ptx}, architecture, /*relocatable=*/true);
  }
  llvm::Expected<std::string> link(llvm::ArrayRef<std::string> parts, int architecture) override {
    std::vector<Linking::Input> inputs;
    for (const std::string &part : parts)
      inputs.push_back({InputCubin, part});
    llvm::Expected<Assembled> linked = Linking(library).run(inputs, architecture, /*relocatable=*/false);
    if (!linked)
      return linked.takeError();
    return std::move(linked->cubin);
  }

private:
  const Library library; // stays loaded
};

} // namespace

std::unique_ptr<Assembler> findNvJitLink() {
  std::vector<std::string> places{""};
  for (const std::string &folder : toolkitFolders())
    for (const char *inside : {"/lib64/", "/lib/"})
      places.push_back(folder + inside);
  for (const std::string &place : places)
    for (const char *file : {"libnvJitLink.so.13", "libnvJitLink.so.12"}) {
      Library library;
      library.path = place + file;
      library.opened = dlopen(library.path.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (library.opened && library.findAll())
        return std::make_unique<NvJitLink>(std::move(library));
    }
  return nullptr;
}

} // namespace faro::compiler
