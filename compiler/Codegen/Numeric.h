// Rows as f32 numbers: the one place that knows how elements are widened, rounded and made canonical.
//
//   load(loadType) ──widen──► f32 vectors ──(sum)──► f32 vectors ──narrow──► integers, ready to be stored
//
// Loads and stores are of integers: a non-temporal store of f16 or bf16 vectors silently becomes a plain one.
#pragma once

#include "compiler/Codegen/KernelBuilder.h"
#include "runtime/abi/faro_abi.h"

namespace faro::compiler {

class Numeric {
public:
  Numeric(KernelBuilder &kernel, uint32_t element) : kernel(kernel), kind(element) {}

  /// 2 or 4.
  int64_t elementBytes() const { return kind == FARO_ABI_F32 ? 4 : 2; }

  /// How `bytes` of a row are loaded. `bytes` is a power of two, at least one element.
  mlir::VectorType loadType(int64_t bytes);

  /// How many f32 vectors `bytes` of a row widen to, and of which type.
  int64_t parts(int64_t bytes) const;
  mlir::VectorType partType(int64_t bytes);

  /// Exact.
  llvm::SmallVector<mlir::Value> widen(mlir::Value loaded, int64_t bytes);

  /// To nearest, ties to even; every NaN becomes the one quiet NaN of sign 0 and payload 0. The inverse of widen in the
  /// order of lanes; an integer vector.
  mlir::Value narrow(mlir::ValueRange parts, int64_t bytes);

private:
  mlir::Value splat(mlir::VectorType type, int64_t value);
  mlir::Value canonical(mlir::Value f32, mlir::Value bits, int64_t quietNaN);
  mlir::Value roundToUpperHalf(mlir::Value f32);
  /// bf16 in one lane of i32 each two: even lanes by a shift, odd lanes by a mask.
  bool inPairs(int64_t bytes) const { return kind == FARO_ABI_BF16 && bytes >= 4; }

  KernelBuilder &kernel;
  uint32_t kind;
};

} // namespace faro::compiler
