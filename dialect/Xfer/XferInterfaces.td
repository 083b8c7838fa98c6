// What all stages of a schedule have in common.
#ifndef XFER_INTERFACES_TD
#define XFER_INTERFACES_TD

include "mlir/IR/OpBase.td"

def Xfer_StageOpInterface : OpInterface<"StageOpInterface"> {
  let cppNamespace = "::faro::xfer";
  let description = [{
    A stage: an actor that fires once, when all the stages that it is `after` are done. Every stage has operands `after`
    and one result, the timepoint at which it is done.
  }];
  let methods = [
    InterfaceMethod<"The timepoints that this stage waits for.", "::mlir::OperandRange", "getAfter">,
    InterfaceMethod<"What it occupies while it runs.", "::faro::xfer::Resource", "getOn">,
    InterfaceMethod<"What it is called in diagnostics and tables: `await open`, `push`.", "std::string",
                    "getStageName">
  ];
}

#endif // XFER_INTERFACES_TD
