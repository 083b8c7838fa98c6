// A program: the schedule of one shuffle on one path. Its stages are in XferStages.td and XferSlices.td.
#ifndef XFER_PROGRAM_TD
#define XFER_PROGRAM_TD

include "dialect/Faro/FaroTypes.td"
include "dialect/Xfer/XferInterfaces.td"
include "dialect/Xfer/XferTypes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Xfer_Op<string opMnemonic, list<Trait> traits = []> : Op<Xfer_Dialect, opMnemonic, traits>;

def Xfer_ProgramOp : Xfer_Op<"program", [IsolatedFromAbove, NoTerminator, SingleBlock, Symbol,
                                       DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
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

    `path` says between which ranks rows move so: `direct`, between all ranks, which are of one node; `hierarchical`,
    over nodes. A program that is `of` another is the same shuffle on another path; whoever runs it takes the one that
    fits the mesh.

    ```mlir
    xfer.program @combine_across combine(!experts, !routes) path(hierarchical) of(@combine) partial(f32)
        attributes {row_stride = 14336 : i64, streaming_threshold = 2097152 : i64} { ... }
    ```

    `partial` is the element of the sums that travel between nodes; the row's own, if nothing is written.

    `rows` is the experts' side; the tokens' side is token-major with the same row. In memory that Faro owns rows lie
    `row_stride` bytes apart. Stores go past the cache when a rank's output has at least `streaming_threshold` bytes.

    Constraints:
      - /*program_p1*/ `rows` is not token-major;
      - /*program_p2*/ `row_stride` holds a row, and less than a cache line (64 bytes) more, in whole elements;
      - /*program_p3*/ `streaming_threshold` is not negative;
      - /*program_p4*/ the body holds only stages, `xfer.ring` and `xfer.descriptors`;
      - /*program_p5*/ the stages use at most 4 flags;
      - /*program_p6*/ `of` names a program that is `of` none itself: the same shuffle of the same rows and routes with
        the same row_stride and streaming_threshold, on a path that no other of its programs has;
      - /*program_p7*/ the path is `direct` or `hierarchical`: a program is for one path;
      - /*program_p8*/ `partial` stands on a hierarchical combine, and is the row's element or f32;
      - /*program_p9*/ there are at most 64 stages;
      - /*program_p10*/ there are at most 8 rings, each with a name of its own;
      - /*program_p11*/ rows can be placed by counts alone: neither token nor choice comes before source in the order;
      - /*program_p12*/ its name is not empty, holds no zero byte, and is not `kernels`: kernels lie in a module of that name;
      - /*program_p13*/ the body has no arguments.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Xfer_ShuffleAttr:$shuffle,
                       TypeAttrOf<Faro_TokensType>:$rows, TypeAttrOf<Faro_RoutesType>:$routes, Faro_PathAttr:$path,
                       OptionalAttr<FlatSymbolRefAttr>:$of, OptionalAttr<TypeAttr>:$partial,
                       I64Attr:$row_stride, I64Attr:$streaming_threshold);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name custom<Word>($shuffle) `(` $rows `,` $routes `)` `path` `(` custom<Word>($path) `)`
    (`of` `(` $of^ `)`)? (`partial` `(` $partial^ `)`)? attr-dict-with-keyword $body
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
    /// The module ABI's FARO_ABI_MAX_STAGES and FARO_ABI_MAX_RINGS.
    static constexpr int64_t MaxStages = 64, MaxRings = 8;
    ::faro::ir::TokensType getRowsType() { return ::llvm::cast<::faro::ir::TokensType>(getRows()); }
    ::faro::ir::RoutesType getRoutesType() { return ::llvm::cast<::faro::ir::RoutesType>(getRoutes()); }
    /// The names of the flags in the order of their first use; a flag's id is its place here.
    ::llvm::SmallVector<::llvm::StringRef> getFlags();
    /// The stages in program order; a stage's index in the tables is its place here.
    ::llvm::SmallVector<StageOpInterface> getStages();
    /// Whether sums travel between nodes: a hierarchical combine.
    bool hasPartials();
    /// The element of partial rows. Requires hasPartials().
    ::mlir::Type getPartialElement();
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

#endif // XFER_PROGRAM_TD
