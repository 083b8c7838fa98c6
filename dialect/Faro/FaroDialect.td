// The faro dialect: WHAT moves.
//
//      spec.mlir, a framework's graph
//                  |
//                  v
//   +--------------------------------+   types say the layout of both sides, one operation says the shuffle;
//   |  faro   (WHAT)   <- you are    |   no ranks' addresses, no counts, no order of events
//   +--------------------------------+
//                  |   faro-plan-route, faro-check-program, faro-lower-to-xfer
//                  v
//   +--------------------------------+
//   |  xfer   (WHEN and HOW)         |   stages, timepoints, kernels
//   +--------------------------------+
//
// dialect/README.md is the law: what each type and operation means. A constraint there has a label, (D1) say, which
// stands as /*dispatch_d1*/ here, in the verifier, and as @dispatch_d1 in tests/dialect/Faro.
#ifndef FARO_DIALECT_TD
#define FARO_DIALECT_TD

include "mlir/IR/OpBase.td"

def Faro_Dialect : Dialect {
  let name = "faro";
  let cppNamespace = "::faro::ir";
  let summary = "token shuffles between layouts";
  let description = [{
    A Mixture-of-Experts layer sends every token to the ranks that hold its experts and brings the results back. Here
    the layouts of both sides are types and the shuffle between them is one operation.

    The module attribute `faro.mesh` says for which mesh the programs are written; without it, for any:
      - /*module_m2*/ it stands on a `builtin.module` and is a `#faro.mesh`;
      - /*module_m3*/ a table placement names only ranks of a static mesh.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let extraClassDeclaration = [{
    /// The name of the module attribute that holds the mesh.
    static constexpr llvm::StringLiteral MeshAttrName = "faro.mesh";
  }];
}

#endif // FARO_DIALECT_TD
