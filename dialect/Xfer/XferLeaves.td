// Leaf operations of kernels: what a kernel does to memory, for any target.
//
//   module @kernels {
//     func.func @dispatch_push(%src: !xfer.addr, ...) attributes {xfer.kernel} {
//       scf.forall (%t) = (%begin) to (%end) step (%c1) { ... xfer.load, xfer.store ... }
//
// They say what is read and written and how it is aligned; the lowering to llvm or nvvm chooses the instructions.
#ifndef XFER_LEAVES_TD
#define XFER_LEAVES_TD

include "dialect/Xfer/XferAttrs.td"
include "dialect/Xfer/XferTypes.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/CommonTypeConstraints.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Xfer_Leaf<string opMnemonic, list<Trait> traits = []> : Op<Xfer_Dialect, opMnemonic, traits>;

class Xfer_ScalarsAndVectorsOf<list<Type> scalars> :
    AnyTypeOf<!listconcat(scalars, [FixedVectorOfRankAndType<[1], scalars>])>;
def Xfer_Value : Xfer_ScalarsAndVectorsOf<[I8, I16, I32, I64, BF16, F16, F32, F64]>;

// Prefetches write only here, so that they are kept without standing in the way of loads and stores.
def Xfer_CacheResource : Resource<"::faro::xfer::CacheResource">;

def Xfer_CastOp : Xfer_Leaf<"cast", [Pure]> {
  let summary = "an address from its bits, or the bits of an address";
  let description = [{
    ```mlir
    %a = xfer.cast %bits : i64 -> !xfer.addr
    ```
    Constraint: /*cast_x1*/ one side is an i64, the other an address.
  }];
  let arguments = (ins AnyTypeOf<[I64, Xfer_Addr]>:$value);
  let results = (outs AnyTypeOf<[I64, Xfer_Addr]>:$result);
  let assemblyFormat = "$value attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Xfer_OffsetOp : Xfer_Leaf<"offset", [Pure]> {
  let summary = "an address so many bytes further";
  let description = [{
    ```mlir
    %b = xfer.offset %a, %bytes : !xfer.addr
    ```
  }];
  let arguments = (ins Xfer_Addr:$base, I64:$bytes);
  let results = (outs Xfer_Addr:$result);
  let assemblyFormat = "$base `,` $bytes attr-dict `:` type($result)";
  let hasFolder = 1;
}

// `alignment` is a promise, in bytes, about base + offset.
def Xfer_Alignment : DefaultValuedAttr<I64Attr, "1">;

def Xfer_LoadOp : Xfer_Leaf<"load", [MemoryEffects<[MemRead]>]> {
  let summary = "reads a scalar or vector at an address plus an offset in bytes";
  let description = [{
    ```mlir
    %v = xfer.load %a[%off] {alignment = 64 : i64} : vector<16xi32>
    ```
    Constraints:
      - /*load_x2*/ the alignment is a power of two, at most 4096;
      - /*load_x5*/ the value has at most 1024 bytes.
  }];
  let arguments = (ins Xfer_Addr:$base, I64:$offset, Xfer_Alignment:$alignment);
  let results = (outs Xfer_Value:$value);
  let assemblyFormat = "$base `[` $offset `]` attr-dict `:` type($value)";
  let hasVerifier = 1;
}

def Xfer_StoreOp : Xfer_Leaf<"store", [MemoryEffects<[MemWrite]>]> {
  let summary = "writes a scalar or vector at an address plus an offset in bytes";
  let description = [{
    ```mlir
    xfer.store %v, %a[%off] {alignment = 64 : i64, streaming} : vector<16xi32>
    ```
    `streaming` asks for a store past the cache. Such stores are ordered before later signals only by `xfer.fence`.

    Constraints:
      - /*store_x2*/ the alignment is a power of two, at most 4096;
      - /*store_x3*/ a streaming store is aligned to its own size: targets turn others into plain ones without a word;
      - /*store_x5*/ the value has at most 1024 bytes.
  }];
  let arguments = (ins Xfer_Value:$value, Xfer_Addr:$base, I64:$offset, Xfer_Alignment:$alignment,
                       UnitAttr:$streaming);
  let assemblyFormat = "$value `,` $base `[` $offset `]` attr-dict `:` type($value)";
  let hasVerifier = 1;
}

def Xfer_PrefetchOp : Xfer_Leaf<"prefetch", [MemoryEffects<[MemWrite<Xfer_CacheResource>]>]> {
  let summary = "asks for the line at an address plus an offset in bytes";
  let description = [{
    ```mlir
    xfer.prefetch near %a[%off]
    ```
    - `near`: the line is read about a microsecond from now; the nearest cache is the place for it.
    - `far`: it is read a token from now. A token's rows do not fit the nearest cache, so a larger one is the place.
    - `page`: something in its page is read or stored to a token from now, and the page has to be found until then. The
      line itself is of no use.
    - `in_order`: it is of memory that is read in order, and is read soon. Many processors find that out by themselves,
      and ask for it earlier.

    A kernel says all of them; a target keeps those that its memory gains by. The address must be mapped on targets that
    have no prefetch instruction which ignores faults.
  }];
  let arguments = (ins Xfer_ReachAttr:$reach, Xfer_Addr:$base, I64:$offset);
  let assemblyFormat = "$reach $base `[` $offset `]` attr-dict";
}

def Xfer_FenceOp : Xfer_Leaf<"fence", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "all stores before it are visible before any store or signal after it";
  let description = [{
    ```mlir
    xfer.fence
    ```
  }];
  let assemblyFormat = "attr-dict";
}

#endif // XFER_LEAVES_TD
