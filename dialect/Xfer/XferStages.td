// Stages that fire once: flags, padding, and the rows that a kernel moves within a node.
#ifndef XFER_STAGES_TD
#define XFER_STAGES_TD

include "dialect/Xfer/XferProgram.td"

// `syntax`: what is written beside `after` and `on` (StageSyntax.h), which is parsed and printed by one function for all
// stages. A stage declares no memory effects: peers see what it does, so none may be removed, merged or moved.
class Xfer_AnyStage<string opMnemonic, dag operandsAndAttributes, string syntax, list<Trait> traits = []> :
    Xfer_Op<opMnemonic, !listconcat(traits, [HasParent<"ProgramOp">, Xfer_StageOpInterface,
                                    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>])> {
  let arguments = operandsAndAttributes;
  let results = (outs Xfer_Timepoint:$done);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = "std::string getStageName();";
  let extraClassDefinition = [{
    void $cppClass::getAsmResultNames(::mlir::OpAsmSetValueNameFn setName) { setName(getDone(), getStageName()); }
    ::mlir::ParseResult $cppClass::parse(::mlir::OpAsmParser &parser, ::mlir::OperationState &state) {
      using namespace syntax;
      return parseStage(parser, state, }] # syntax # [{);
    }
    void $cppClass::print(::mlir::OpAsmPrinter &printer) {
      using namespace syntax;
      printStage(printer, *this, }] # syntax # [{);
    }
  }];
}

class Xfer_Stage<string opMnemonic, dag extraArguments, string syntax> :
    Xfer_AnyStage<opMnemonic, !con(extraArguments, (ins Variadic<Xfer_Timepoint>:$after, Xfer_ResourceAttr:$on)), syntax>;

def Xfer_NotifyOp : Xfer_Stage<"notify", (ins StrAttr:$flag), "Flag"> {
  let summary = "raises a flag at every rank of this node";
  let description = [{
    On the direct path these are all ranks. All that this rank wrote before is visible to whoever sees the flag.
  }];
}

def Xfer_AwaitOp : Xfer_Stage<"await", (ins StrAttr:$flag), "Flag"> {
  let summary = "is done when every rank of this node has raised a flag here";
}

def Xfer_PadOp : Xfer_Stage<"pad", (ins Xfer_Descriptors:$plan), "Plan"> {
  let summary = "zeroes the padding rows of this rank's window";
}

class Xfer_KernelStage<string opMnemonic> : Xfer_Stage<opMnemonic,
    (ins Xfer_Descriptors:$plan, FlatSymbolRefAttr:$kernel, OptionalAttr<FlatSymbolRefAttr>:$streaming),
    "Plan | Kernel">;

def Xfer_PushOp : Xfer_KernelStage<"push"> {
  let summary = "stores this rank's tokens to their final rows on every rank of this node";
  let description = [{
    On the direct path these are all ranks. Runs a push kernel (faro_abi_push_fn) over the tokens of this rank: a row is read once and stored to all of its
    places. `kernel` names a function of the module `@kernels` with plain stores, `streaming` one with stores past the
    cache. Without the latter the former is always used.
  }];
}

def Xfer_PullOp : Xfer_Stage<"pull",
    (ins Xfer_Descriptors:$plan, FlatSymbolRefAttr:$kernel, OptionalAttr<FlatSymbolRefAttr>:$streaming,
         OptionalAttr<FlatSymbolRefAttr>:$share),
    "Plan | Kernel | Share"> {
  let summary = "sums the rows of this rank's tokens where they lie";
  let description = [{
    ```mlir
    %sums = xfer.pull %plan after(%in) on(core) kernel(@combine_pull)                                      // direct
    %sums = xfer.pull %plan after(%some, %landed) on(core) kernel(@combine_add) share(@combine_share)      // hierarchical
    ```
    Runs a pull kernel (faro_abi_pull_fn) over the tokens of this rank. On the direct path the rows are the experts', on
    every rank. On the hierarchical one they are the partial rows of each token in the order of the nodes, with weight 1;
    this node's own is summed just before, by the kernel `share`, from the experts' rows on this node. Tokens that a
    settle has summed are left out. `kernel` and `streaming` are as for `xfer.push`.
  }];
}

def Xfer_HandOp : Xfer_KernelStage<"hand"> {
  let summary = "stores rows that leave the node by another rank's rail to that rank's transit window";
  let description = [{
    Hierarchical dispatch. Runs a push kernel over this rank's tokens that the plan lets another rank of this node send;
    each is stored once. `kernel` and `streaming` are as for `xfer.push`.
  }];
}

def Xfer_AskOp : Xfer_Stage<"ask", (ins Xfer_Descriptors:$plan), "Plan"> {
  let summary = "tells the forwarders of other nodes which rows to sum for this rank's tokens";
  let description = [{
    Hierarchical combine. Sends the places and weights of the items that lie on another node to the rank there that sums
    them, with the place where the sum is to come back.
  }];
}

#endif // XFER_STAGES_TD
