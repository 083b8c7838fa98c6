// A text of PTX cut into texts that can be assembled at the same time. Kernels call nothing and share nothing, so each
// of them, behind the text's head (version, target, address size), is a text of its own.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace faro::compiler {

/// At most `most` texts, of about the same length, that together have the kernels of `ptx`, each once; less where it
/// has fewer kernels. A text that is not as LLVM prints it (a head, then kernels) is one part.
std::vector<std::string> splitPtx(std::string_view ptx, size_t most);

} // namespace faro::compiler
