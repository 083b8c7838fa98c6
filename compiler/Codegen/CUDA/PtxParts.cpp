#include "compiler/Codegen/CUDA/PtxParts.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

#include <algorithm>

namespace faro::compiler {

using namespace mlir;

namespace {

constexpr llvm::StringLiteral Entry = ".visible .entry ";

/// A kernel's operations: what it takes to compile it, roughly.
size_t sizeOf(gpu::GPUFuncOp kernel) {
  size_t operations = 0;
  kernel.walk([&](Operation *) { ++operations; });
  return operations;
}

/// A kernel's text with labels of kernel `place`. LLVM numbers them by functions of the part: $L__BB1_7.
std::string withLabelsOf(llvm::StringRef kernel, size_t place) {
  constexpr llvm::StringLiteral Label = "$L__BB";
  std::string text;
  for (size_t at = 0; at < kernel.size();) {
    const size_t next = std::min(kernel.find(Label, at), kernel.size());
    text += kernel.slice(at, next);
    if (next == kernel.size())
      break;
    text += (Label + std::to_string(place)).str();
    at = kernel.find_first_not_of("0123456789", next + Label.size());
  }
  return text;
}

} // namespace

std::vector<std::string> kernelNames(gpu::GPUModuleOp kernels) {
  std::vector<std::string> names;
  for (gpu::GPUFuncOp kernel : kernels.getOps<gpu::GPUFuncOp>())
    names.push_back(kernel.getName().str());
  return names;
}

std::vector<OwningOpRef<gpu::GPUModuleOp>> splitKernels(gpu::GPUModuleOp module, size_t most) {
  struct Kernel {
    size_t size, place;
    gpu::GPUFuncOp function;
  };
  std::vector<Kernel> kernels;
  for (gpu::GPUFuncOp function : module.getOps<gpu::GPUFuncOp>())
    kernels.push_back({sizeOf(function), kernels.size(), function});
  // The largest first, each to the part that is the smallest so far (Graham 1969).
  std::ranges::sort(
      kernels, [](const Kernel &a, const Kernel &b) { return a.size != b.size ? a.size > b.size : a.place < b.place; });
  std::vector<OwningOpRef<gpu::GPUModuleOp>> parts;
  OpBuilder builder(module.getContext());
  for (size_t part = 0; part < std::clamp<size_t>(most, 1, std::max<size_t>(kernels.size(), 1)); ++part)
    parts.push_back(gpu::GPUModuleOp::create(builder, module.getLoc(), module.getName()));
  std::vector<size_t> sizes(parts.size());
  for (auto &[size, place, kernel] : kernels) {
    const size_t part = size_t(std::ranges::min_element(sizes) - sizes.begin());
    sizes[part] += size;
    Block *body = parts[part]->getBody();
    if (auto uses = SymbolTable::getSymbolUses(kernel))
      for (const SymbolTable::SymbolUse &use : *uses)
        if (auto global = module.lookupSymbol<LLVM::GlobalOp>(use.getSymbolRef().getRootReference()))
          global->moveBefore(body, body->begin());
    kernel->moveBefore(body, body->end());
  }
  return parts;
}

std::string joinPtx(llvm::ArrayRef<std::string> parts, llvm::ArrayRef<std::string> names) {
  constexpr llvm::StringLiteral LastOfHead = ".address_size", End = "\n}\n";
  llvm::StringMap<llvm::StringRef> kernels;
  std::string text;
  for (llvm::StringRef part : parts) {
    const size_t head = part.find('\n', part.find(LastOfHead)) + 1;
    if (text.empty())
      text = part.take_front(head);
    size_t at = part.find(Entry, head);
    // What only this part's kernels use; the rest are comments.
    for (llvm::StringRef line : llvm::split(part.slice(head, at), '\n'))
      if (!line.empty() && !line.ltrim().starts_with("//"))
        text += (line + "\n").str();
    while (at != llvm::StringRef::npos) {
      const size_t end = std::min(part.find(End, at), part.size() - End.size()) + End.size(), name = at + Entry.size();
      kernels[part.slice(name, part.find('(', name))] = part.slice(at, end);
      at = part.find(Entry, end);
    }
  }
  for (size_t place = 0; place < names.size(); ++place)
    text += "\n" + withLabelsOf(kernels.lookup(names[place]), place);
  return text;
}

} // namespace faro::compiler
