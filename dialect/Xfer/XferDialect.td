// The xfer dialect: WHEN and HOW.
//
//   faro (WHAT)  --- faro-lower-to-xfer --->  xfer.program: stages and timepoints     -> tables of the module
//                                             func.func {xfer.kernel}: leaf operations -> llvm (CPU), nvvm (CUDA)
//
// Two halves that meet in a stage's `kernel(@name)`:
//
//   schedule   xfer.program holds the stages of one shuffle as they happen on every rank. A stage fires when the stages
//              of its `after` are done and its rings have slots, once or once a slice: a marked graph whose edges are SSA
//              values of type !xfer.timepoint, and whose slots are tokens. It maps one to one to the tables of runtime/abi/faro_abi.h, and the engine knows nothing else.
//   leaves     the few operations on addresses that kernels need beside scf, arith and vector. They know no target.
#ifndef XFER_DIALECT_TD
#define XFER_DIALECT_TD

include "mlir/IR/OpBase.td"

def Xfer_Dialect : Dialect {
  let name = "xfer";
  let cppNamespace = "::faro::xfer";
  let summary = "schedules of shuffles, and the leaf operations of their kernels";
  let description = [{
    Schedules (`xfer.program` and its stages) and kernel leaves (`xfer.load`, `xfer.store`, ...).

    A kernel is a `func.func` with the unit attribute `xfer.kernel` in the module `@kernels`:
      - /*kernel_k1*/ `xfer.kernel` is a unit attribute and stands on a `func.func`;
      - /*kernel_k2*/ a kernel has no results, and takes addresses and scalars;
      - /*kernel_k3*/ its name, on the function and where a stage names it, is an identifier: letters, digits and
        underscores, no digit first.
  }];
  let dependentDialects = ["::faro::ir::FaroDialect"];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let extraClassDeclaration = [{
    /// The name of the unit attribute of a kernel.
    static constexpr llvm::StringLiteral KernelAttrName = "xfer.kernel";
    /// The name of the module that holds the kernels.
    static constexpr llvm::StringLiteral KernelsModuleName = "kernels";
    /// Whether a program, or the function that becomes one, may have this name; an error of `op` if not.
    static llvm::LogicalResult checkProgramName(mlir::Operation *op, llvm::StringRef name);
  }];
}

#endif // XFER_DIALECT_TD
