#include "compiler/tools/faroc/Files.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

namespace faro::compiler {

std::string readText(const std::string &path, std::string &text) {
  if (path != "-" && llvm::sys::fs::is_directory(path))
    return "cannot read '" + path + "': it is a folder";
  auto file = llvm::MemoryBuffer::getFileOrSTDIN(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    return "cannot read '" + path + "': " + file.getError().message();
  text = (*file)->getBuffer().str();
  return {};
}

bool isSpec(const std::string &input, const std::string &path) {
  bool same = false;
  return input != "-" && !llvm::sys::fs::equivalent(input, path, same) && same;
}

std::string resolveOutput(const std::string &input, bool isModule, std::string &output) {
  namespace fs = llvm::sys::fs;
  fs::file_status status;
  if (output.empty() || output == "-" || fs::status(output, status))
    return {}; // nothing is there yet
  if (isModule && !fs::is_regular_file(status) && !fs::is_directory(status))
    return "cannot write '" + output + "': it is there and no regular file, which a module would replace";
  if (isSpec(input, output))
    return "cannot write '" + output + "': it is the spec itself; give another name with -o";
  if (llvm::SmallString<128> resolved; fs::is_regular_file(status) && !fs::real_path(output, resolved))
    output = resolved.str().str();
  return {};
}

static std::string writeInto(const std::string &path, std::string_view text) {
  std::error_code wrong;
  llvm::raw_fd_ostream stream(path, wrong, llvm::sys::fs::CD_OpenExisting, llvm::sys::fs::FA_Write,
                              llvm::sys::fs::OF_None);
  if (!wrong) {
    stream << text;
    stream.close();
    wrong = stream.error();
    stream.clear_error();
  }
  return wrong ? "cannot write '" + path + "': " + wrong.message() : std::string();
}

std::string writeText(const std::string &path, std::string_view text) {
  const bool toStdout = path.empty() || path == "-";
  if (toStdout) {
    llvm::raw_ostream &out = llvm::outs();
    out << text;
    out.flush();
    auto &stream = static_cast<llvm::raw_fd_ostream &>(out);
    if (!stream.has_error())
      return {};
    const std::string message = stream.error().message();
    stream.clear_error();
    return "cannot write to standard output: " + message;
  }
  const auto failed = [&](const std::string &why) { return "cannot write '" + path + "': " + why; };
  if (llvm::sys::fs::is_directory(path))
    return failed("it is a folder");
  if (llvm::sys::fs::exists(path) && !llvm::sys::fs::is_regular_file(path))
    return writeInto(path, text);
  llvm::Expected<llvm::sys::fs::TempFile> file = llvm::sys::fs::TempFile::create(path + "-%%%%%%%%.tmp");
  if (!file)
    return failed(llvm::toString(file.takeError()));
  llvm::raw_fd_ostream stream(file->FD, /*shouldClose=*/false);
  stream << text;
  stream.flush();
  if (std::error_code code = stream.error()) {
    stream.clear_error();
    llvm::consumeError(file->discard());
    return failed(code.message());
  }
  if (llvm::Error error = file->keep(path))
    return failed(llvm::toString(std::move(error)));
  return {};
}

std::string makeFolder(const std::string &path) {
  if (std::error_code code = llvm::sys::fs::create_directories(path, /*IgnoreExisting=*/true,
                                                               llvm::sys::fs::all_all)) // but for the umask
    return "cannot make the folder '" + path + "': " + code.message();
  return {};
}

std::string stemOf(const std::string &path) { return llvm::sys::path::stem(path).str(); }

} // namespace faro::compiler
