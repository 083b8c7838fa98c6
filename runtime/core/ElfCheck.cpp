#include "runtime/core/ElfCheck.h"

#include "runtime/abi/faro_abi.h"
#include "runtime/core/Digest.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

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

/// Whether a library is what it was made of: behind the last byte that its headers speak of there is a sum, or nothing,
/// as in libraries that others made, or stripped.
Status checkSum(int fd, uint64_t end, uint64_t size, const std::string &path) {
  constexpr std::string_view Mark = FARO_ABI_SUM_MARK;
  if (size == end)
    return Status::ok();
  std::array<char, Mark.size()> mark{};
  Digest sum{};
  std::vector<std::byte> bytes(end);
  const auto damaged = [&](const char *what) {
    return Status(FARO_DATA_LOSS, fmt::format("{}: damaged: {}; compile the spec again", path, what));
  };
  if (size - end != Mark.size() + sum.size())
    return damaged("there is something behind its end, and it is no hash of it");
  if (!readAt(fd, bytes.data(), bytes.size(), 0) || !readAt(fd, mark.data(), mark.size(), end) ||
      !readAt(fd, sum.data(), sum.size(), end + mark.size()))
    return {FARO_INVALID_ARGUMENT, fmt::format("{}: cannot be read: {}", path, std::strerror(errno))};
  if (std::string_view(mark.data(), mark.size()) != Mark || sha256(bytes) != sum)
    return damaged("its bytes are not those that faroc wrote");
  return Status::ok();
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
  // All of them zero but the first is how a file looks whose last blocks were never written.
  uint32_t sections = 0;
  uint64_t end = header.e_shoff + uint64_t(header.e_shnum) * header.e_shentsize;
  for (uint32_t i = 0; header.e_shoff != 0 && header.e_shentsize == sizeof(Elf64_Shdr) && i < header.e_shnum; ++i) {
    Elf64_Shdr section{};
    if (!readAt(file.fd, &section, sizeof section, header.e_shoff + i * sizeof section))
      return torn("section headers");
    sections += section.sh_type != SHT_NULL;
    if (section.sh_type != SHT_NULL && section.sh_type != SHT_NOBITS)
      end = std::max(end, section.sh_offset + section.sh_size);
  }
  if (header.e_shnum > 1 && sections == 0)
    return {FARO_DATA_LOSS,
            fmt::format("{}: a damaged shared library: its section headers are empty; make it again", path)};
  for (uint32_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    if (!readAt(file.fd, &segment, sizeof segment, header.e_phoff + i * sizeof segment))
      return torn("program headers");
    if (!inside(segment.p_offset, segment.p_filesz, size))
      return torn("segments");
    end = std::max(end, segment.p_offset + segment.p_filesz);
  }
  if (end > size)
    return torn("sections");
  return checkSum(file.fd, end, size, path);
}

} // namespace faro
