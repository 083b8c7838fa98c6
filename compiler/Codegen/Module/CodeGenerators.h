// LLVM's code generators, as this project uses them.
#pragma once

namespace faro::compiler {

/// Registers those of x86-64 and of CUDA devices, once for the process. Threads: any. Both at once, as LLVM's list of
/// them must not grow while another thread looks something up in it.
void initialiseCodeGenerators();

} // namespace faro::compiler
