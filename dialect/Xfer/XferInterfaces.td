// What all stages of a schedule have in common.
#ifndef XFER_INTERFACES_TD
#define XFER_INTERFACES_TD

include "mlir/IR/OpBase.td"

def Xfer_StageOpInterface : OpInterface<"StageOpInterface"> {
  let cppNamespace = "::faro::xfer";
  let description = [{
    A stage: an actor that fires when all the stages that it is `after` are done and the rings that it acquires have a
    slot. Every stage has operands `after` and one result, the timepoint at which it is done. Stages that move slices
    fire once for each slice of each flow, the others once; only the former have rings.
  }];
  let methods = [
    InterfaceMethod<"The timepoints that this stage waits for.", "::mlir::OperandRange", "getAfter">,
    InterfaceMethod<"What it occupies while it runs.", "::faro::xfer::Resource", "getOn">,
    InterfaceMethod<"What it is called in diagnostics and tables: `await open`, `push`.", "std::string",
                    "getStageName">,
    InterfaceMethod<"Whether it fires once for each slice of each flow.", "bool", "isPerSlice", (ins), "",
                    "return false;">,
    InterfaceMethod<"The ring whose slot it reads, or null.", "::mlir::Value", "getFrom", (ins), "", "return {};">,
    InterfaceMethod<"The ring whose slot it fills, or null.", "::mlir::Value", "getInto", (ins), "", "return {};">,
    InterfaceMethod<"The rings of which it takes a slot before it fires.", "::mlir::OperandRange", "getAcquires", (ins),
                    "", "return $_op->getOperands().take_front(0);">,
    InterfaceMethod<"The rings of which it frees a slot when it is done.", "::mlir::OperandRange", "getReleases", (ins),
                    "", "return $_op->getOperands().take_front(0);">,
    InterfaceMethod<"The flag that it raises or awaits, or null.", "::mlir::StringAttr", "getFlagAttr", (ins), "",
                    "return {};">,
    InterfaceMethod<"The kernel that it runs, or null.", "::mlir::FlatSymbolRefAttr", "getKernelAttr", (ins), "",
                    "return {};">,
    InterfaceMethod<"The form of it with stores past the cache, or null.", "::mlir::FlatSymbolRefAttr",
                    "getStreamingAttr", (ins), "", "return {};">,
    InterfaceMethod<"The kernel that sums this node's share, or null.", "::mlir::FlatSymbolRefAttr", "getShareAttr",
                    (ins), "", "return {};">
  ];
  // /*kernel_k3*/
  let verify = [{ return ::faro::xfer::checkKernelNames($_op); }];
  let extraClassDeclaration = [{
    /// A clause that names a kernel: its word, which is the attribute's name, and the kernel.
    using KernelClause = ::std::pair<::llvm::StringRef, ::mlir::FlatSymbolRefAttr>;
    /// Those that this stage has. An attribute of such a name that the operation does not define is a user's, and none.
    ::llvm::SmallVector<KernelClause, 3> getKernelClauses() {
      ::llvm::SmallVector<KernelClause, 3> clauses;
      for (KernelClause each : {KernelClause("kernel", getKernelAttr()), KernelClause("streaming", getStreamingAttr()),
                                KernelClause("share", getShareAttr())})
        if (each.second)
          clauses.push_back(each);
      return clauses;
    }
  }];
}

#endif // XFER_INTERFACES_TD
