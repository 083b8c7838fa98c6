// A program and its stages.
#ifndef XFER_PROGRAM_TD
#define XFER_PROGRAM_TD

include "dialect/Faro/FaroTypes.td"
include "dialect/Xfer/XferInterfaces.td"
include "dialect/Xfer/XferTypes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Xfer_Op<string opMnemonic, list<Trait> traits = []> : Op<Xfer_Dialect, opMnemonic, traits>;

def Xfer_ProgramOp : Xfer_Op<"program", [IsolatedFromAbove, NoTerminator, SingleBlock, Symbol]> {
  let summary = "the schedule of one shuffle";
  let description = [{
    What every rank does for one batch: stages, ordered by timepoints. It is done when all of its stages are.

    ```mlir
    xfer.program @dispatch dispatch(!experts, !routes) path(direct)
        attributes {row_stride = 14336 : i64, streaming_threshold = 2097152 : i64} {
      %plan = xfer.descriptors : !xfer.descriptors
      %open = xfer.notify "open" on(link)
      %pad  = xfer.pad %plan on(core)
      %in   = xfer.await "open" after(%open) on(link)
      %push = xfer.push %plan after(%in) on(core) kernel(@dispatch_push) streaming(@dispatch_push_streaming)
      %sent = xfer.notify "done" after(%push) on(link)
      %all  = xfer.await "done" after(%sent, %pad) on(link)
    }
    ```

    `rows` is the experts' side; the tokens' side is token-major with the same row. In memory that Faro owns rows lie
    `row_stride` bytes apart. Stores go past the cache when a rank's output has at least `streaming_threshold` bytes.

    Constraints:
      - /*program_p1*/ `rows` is not token-major;
      - /*program_p2*/ `row_stride` holds a row;
      - /*program_p3*/ `streaming_threshold` is not negative;
      - /*program_p4*/ the body holds only stages and `xfer.descriptors`;
      - /*program_p5*/ the stages use at most 4 flags.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Xfer_ShuffleAttr:$shuffle,
                       TypeAttrOf<Faro_TokensType>:$rows, TypeAttrOf<Faro_RoutesType>:$routes, Faro_PathAttr:$path,
                       I64Attr:$row_stride, I64Attr:$streaming_threshold);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name custom<Word>($shuffle) `(` $rows `,` $routes `)` `path` `(` custom<Word>($path) `)` attr-dict-with-keyword $body
  }];
  let skipDefaultBuilders = 1;
  let builders = [
    OpBuilder<(ins "::llvm::StringRef":$name, "Shuffle":$shuffle, "::faro::ir::TokensType":$rows,
                   "::faro::ir::RoutesType":$routes, "::faro::ir::Path":$path, "int64_t":$rowStride,
                   "int64_t":$streamingThreshold)>
  ];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The flags a program may use: the module ABI's FARO_ABI_FLAGS.
    static constexpr int64_t MaxFlags = 4;
    ::faro::ir::TokensType getRowsType() { return ::llvm::cast<::faro::ir::TokensType>(getRows()); }
    ::faro::ir::RoutesType getRoutesType() { return ::llvm::cast<::faro::ir::RoutesType>(getRoutes()); }
    /// The names of the flags in the order of their first use; a flag's id is its place here.
    ::llvm::SmallVector<::llvm::StringRef> getFlags();
    /// The stages in program order; a stage's index in the tables is its place here.
    ::llvm::SmallVector<StageOpInterface> getStages();
  }];
}

def Xfer_DescriptorsOp : Xfer_Op<"descriptors", [Pure, HasParent<"ProgramOp">, DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "where each item of the batch goes";
  let description = [{
    The plan of one batch: for each item the rank and row where it goes (or lies), and the rows of this rank's window
    that are padding. The runtime makes it from the exchanged counts before the program's first stage fires.
  }];
  let results = (outs Xfer_Descriptors:$plan);
  let extraClassDefinition = [{
    void $cppClass::getAsmResultNames(::mlir::OpAsmSetValueNameFn setName) { setName(getPlan(), "plan"); }
  }];
  let assemblyFormat = "attr-dict `:` type($plan)";
}

// A stage declares no memory effects: peers see what it does, so none may be removed, merged or moved.
class Xfer_Stage<string opMnemonic, dag extraArguments, string head, string tail = ""> :
    Xfer_Op<opMnemonic, [HasParent<"ProgramOp">, Xfer_StageOpInterface,
                         DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let arguments = !con(extraArguments, (ins Variadic<Xfer_Timepoint>:$after, Xfer_ResourceAttr:$on));
  let results = (outs Xfer_Timepoint:$done);
  let extraClassDeclaration = "std::string getStageName();";
  let extraClassDefinition = [{
    void $cppClass::getAsmResultNames(::mlir::OpAsmSetValueNameFn setName) { setName(getDone(), getStageName()); }
  }];
  let assemblyFormat = head # " (`after` `(` $after^ `)`)? `on` `(` custom<Word>($on) `)` " # tail # " attr-dict";
}

def Xfer_NotifyOp : Xfer_Stage<"notify", (ins StrAttr:$flag), "$flag"> {
  let summary = "raises a flag at every rank";
  let description = [{
    All that this rank wrote before is visible to whoever sees the flag.
  }];
}

def Xfer_AwaitOp : Xfer_Stage<"await", (ins StrAttr:$flag), "$flag"> {
  let summary = "is done when every rank has raised a flag here";
}

def Xfer_PadOp : Xfer_Stage<"pad", (ins Xfer_Descriptors:$plan), "$plan"> {
  let summary = "zeroes the padding rows of this rank's window";
}

class Xfer_KernelStage<string opMnemonic> : Xfer_Stage<opMnemonic,
    (ins Xfer_Descriptors:$plan, FlatSymbolRefAttr:$kernel, OptionalAttr<FlatSymbolRefAttr>:$streaming), "$plan",
    "`kernel` `(` $kernel `)` (`streaming` `(` $streaming^ `)`)?">;

def Xfer_PushOp : Xfer_KernelStage<"push"> {
  let summary = "stores this rank's tokens to their final rows on every rank";
  let description = [{
    Runs a push kernel (faro_abi_push_fn) over the tokens of this rank: a row is read once and stored to all of its
    places. `kernel` names a function of the module `@kernels` with plain stores, `streaming` one with stores past the
    cache. Without the latter the former is always used.
  }];
}

def Xfer_PullOp : Xfer_KernelStage<"pull"> {
  let summary = "sums the rows of this rank's tokens where they lie on every rank";
  let description = [{
    Runs a pull kernel (faro_abi_pull_fn) over the tokens of this rank. `kernel` and `streaming` are as for `xfer.push`.
  }];
}

#endif // XFER_PROGRAM_TD
