// The kernels of a schedule, written for one row. Their contracts are faro_abi_push_fn and
// faro_abi_pull_fn in runtime/abi/faro_abi.h.
#pragma once

#include "compiler/Codegen/Passes.h"
#include "runtime/abi/faro_abi.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

#include <optional>

namespace faro::compiler {

struct KernelShape {
  uint32_t element = FARO_ABI_BF16; ///< faro_abi_element of the rows that are read
  int64_t bytes = 0;                ///< of such a row
  int64_t stride = 0;               ///< between those that Faro owns; >= bytes
  uint32_t topk = 1;                ///< the most rows a token can have
  bool streaming = false;           ///< stores go past the cache
  uint32_t stored = FARO_ABI_BF16;  ///< faro_abi_element of the rows that a pull stores; of a push, the same as read

  bool operator==(const KernelShape &) const = default;
};

/// The types of kernels: faro_abi_push_fn, _pull_fn, _plan_fn and _resident_push_fn.
mlir::FunctionType pushType(mlir::MLIRContext *context);
mlir::FunctionType pullType(mlir::MLIRContext *context);
mlir::FunctionType planType(mlir::MLIRContext *context);
mlir::FunctionType residentType(mlir::MLIRContext *context);

/// What the input has under a kernel's name must be a kernel of the type that it will be called with; an error at `own`
/// if not, and a note at `user`, for which it would be called.
llvm::LogicalResult checkOwnKernel(mlir::Operation *own, mlir::FunctionType type, mlir::Operation *user);

/// Each adds a function `name` at the builder's place.
mlir::func::FuncOp emitPush(mlir::OpBuilder &builder, mlir::Location loc, llvm::StringRef name,
                            const KernelShape &shape, const EmitKernelsOptions &options);
mlir::func::FuncOp emitPull(mlir::OpBuilder &builder, mlir::Location loc, llvm::StringRef name,
                            const KernelShape &shape, const EmitKernelsOptions &options);

/// The same that waits for pushes while it runs: a faro_abi_resident_push_fn.
mlir::func::FuncOp emitResidentPush(mlir::OpBuilder &builder, mlir::Location loc, llvm::StringRef name,
                                    const KernelShape &shape, const EmitKernelsOptions &options);

class KernelBuilder;

/// faro_abi_push_fn's.
struct PushArguments {
  mlir::Value source, stride, offsets, destinations, begin, end;
};
/// A row to all its places.
void emitPushToken(KernelBuilder &kernel, const KernelShape &shape, const EmitKernelsOptions &options,
                   const PushArguments &push, mlir::Value token);

/// In how many equal parts a push by bulk copies moves a row; nothing where such copies cannot.
std::optional<int64_t> bulkPartsOf(const KernelShape &shape);
/// The body of such a push, all but its fence.
void emitPushBulk(KernelBuilder &kernel, const KernelShape &shape, int64_t parts, const PushArguments &push);

} // namespace faro::compiler
