#include "runtime/core/ElfCheck.h"

#include <cerrno>
#include <cstring>
#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace faro {

namespace {

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0)
      ::close(fd);
  }
};

bool readAt(int fd, void *out, size_t size, uint64_t offset) {
  return ::pread(fd, out, size, off_t(offset)) == ssize_t(size);
}

bool inside(uint64_t offset, uint64_t size, uint64_t fileSize) {
  return offset <= fileSize && size <= fileSize - offset;
}

} // namespace

Status checkElf(const std::string &path) {
  // Not to block on a pipe.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  struct stat info{};
  if (file.fd < 0 || ::fstat(file.fd, &info) != 0)
    return {FARO_INVALID_ARGUMENT, fmt::format("{}: cannot be read: {}", path, std::strerror(errno))};
  if (!S_ISREG(info.st_mode))
    return {FARO_INVALID_ARGUMENT, fmt::format("{}: no regular file", path)};
  const uint64_t size = uint64_t(info.st_size);

  Elf64_Ehdr header{};
  const size_t got = size_t(std::max<ssize_t>(0, ::pread(file.fd, &header, sizeof header, 0)));
  if (got < SELFMAG || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    return {FARO_INVALID_ARGUMENT, fmt::format("{}: no shared library (it does not start with \\x7fELF)", path)};
  const auto torn = [&](const char *what) {
    return Status(FARO_DATA_LOSS, fmt::format("{}: a torn shared library: its {} lie behind the {} bytes that the file "
                                              "has; make it again",
                                              path, what, size));
  };
  if (got < sizeof header)
    return torn("headers");
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != EM_X86_64 || header.e_type != ET_DYN)
    return {FARO_INVALID_ARGUMENT, fmt::format("{}: an ELF file, but no shared library for x86-64", path)};
  if (header.e_phentsize != sizeof(Elf64_Phdr) ||
      !inside(header.e_phoff, uint64_t(header.e_phnum) * sizeof(Elf64_Phdr), size))
    return torn("program headers");
  // The section headers come last: whatever cut the file cut them.
  if (header.e_shoff != 0 && !inside(header.e_shoff, uint64_t(header.e_shnum) * header.e_shentsize, size))
    return torn("section headers");
  for (uint32_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    if (!readAt(file.fd, &segment, sizeof segment, header.e_phoff + i * sizeof segment))
      return torn("program headers");
    if (!inside(segment.p_offset, segment.p_filesz, size))
      return torn("segments");
  }
  return Status::ok();
}

} // namespace faro
