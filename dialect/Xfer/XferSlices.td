// Rings, and the stages that move slices through them between nodes.
//
//   a rail of node n                                                a forwarder of node m
//   gather | reduce ──► slot of "tx" ──► wire ─ ─ ─ ─ ─ ─ ─ ─ ─ ─► slot of "rx" ──► fan_out ──► rows
//        ▲                                │ ▲                            │               │
//        └─────────── releases ───────────┘ └─ ─ ─ ─ ─ ─ ─ ─ ─ ─ releases ─ ─ ─ ─ ─ ─ ─ ─┘
//                                                                        └─► settle (combine) ──► sums
//
// A flow is what one rank of a node sends to one rank of another, cut into slices. These stages fire once for each slice
// of each flow; the n-th firing waits for the n-th firing, in the same flow, of those that they are `after`.
#ifndef XFER_SLICES_TD
#define XFER_SLICES_TD

include "dialect/Xfer/XferStages.td"

def Xfer_RingOp : Xfer_Op<"ring", [HasParent<"ProgramOp">,
                                   DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "slots for slices";
  let description = [{
    ```mlir
    %tx = xfer.ring "tx" slots(8) bytes(131072) : !xfer.ring
    ```
    Each of the `slots` holds `bytes` bytes of a slice: header, destinations and rows. A slice that is larger takes as many
    adjacent slots as it needs. A ring that a wire writes into exists once for each flow that arrives at a rank, any other
    once a rank. A stage that `acquires` a ring takes a slot before it takes its resource and fires; one that `releases` it
    frees a slot when it is done.

    Constraints:
      - /*ring_g1*/ there is at least one slot, and at most 65536;
      - /*ring_g2*/ a slot is a number of whole lines: a multiple of 64 bytes, at least 64;
      - /*ring_g3*/ all slots together have at most 2^40 bytes.
  }];
  let arguments = (ins StrAttr:$name, I64Attr:$slots, I64Attr:$bytes);
  let results = (outs Xfer_Ring:$ring);
  let assemblyFormat = "$name `slots` `(` custom<Count>($slots) `)` `bytes` `(` custom<Count>($bytes) `)` attr-dict `:` type($ring)";
  let hasVerifier = 1;
  let extraClassDefinition = [{
    void $cppClass::getAsmResultNames(::mlir::OpAsmSetValueNameFn setName) { setName(getRing(), getName()); }
  }];
}

class Xfer_SliceStage<string opMnemonic, dag plan, dag rings, dag attributes, string syntax> :
    Xfer_AnyStage<opMnemonic,
        !con(plan, (ins Variadic<Xfer_Timepoint>:$after), rings,
             (ins Variadic<Xfer_Ring>:$acquires, Variadic<Xfer_Ring>:$releases, Xfer_ResourceAttr:$on), attributes),
        "Slots | " # syntax, [AttrSizedOperandSegments]> {
  let extraClassDeclaration = [{
    std::string getStageName();
    bool isPerSlice() { return true; }
  }];
}

class Xfer_SliceKernel<string opMnemonic, dag rings, dag mode, string syntax> :
    Xfer_SliceStage<opMnemonic, (ins Xfer_Descriptors:$plan), rings,
                    !con(mode, (ins FlatSymbolRefAttr:$kernel, OptionalAttr<FlatSymbolRefAttr>:$streaming)),
                    "Plan | Kernel | " # syntax>;

def Xfer_GatherOp : Xfer_SliceKernel<"gather", (ins Xfer_Ring:$into), (ins Xfer_GatherModeAttr:$by), "Into | By"> {
  let summary = "rows of a flow's next slice, with their destinations, into a slot";
  let description = [{
    ```mlir
    %full = xfer.gather %plan after(%in, %have) into(%tx) acquires(%tx) on(core) by(copy) kernel(@dispatch_push)
    ```
    `by(copy)` runs a push kernel that copies the rows. `by(reference)` leaves them where they lie: the slot gets header
    and destinations, and the wire takes the rows from their places, which costs it something for each.
  }];
}

def Xfer_ReduceOp : Xfer_SliceKernel<"reduce", (ins Xfer_Ring:$into), (ins), "Into"> {
  let summary = "sums of a flow's next slice into a slot";
  let description = [{
    ```mlir
    %part = xfer.reduce %plan after(%in, %ask) into(%tx) acquires(%tx) on(core) kernel(@combine_pull)
    ```
    Runs a pull kernel over the tokens of another node's rank, whose rows lie on this node: as asked for by that rank. Rows
    of the `partial` element are stored.
  }];
}

def Xfer_WireOp : Xfer_SliceStage<"wire", (ins), (ins Xfer_Ring:$from, Xfer_Ring:$into), (ins), "From | Into"> {
  let summary = "a slice from a slot here to a slot of the flow's receiver";
  let description = [{
    ```mlir
    %there = xfer.wire after(%full) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
    ```
    `into` is a ring of the receiver, where what waits for this stage goes on. The slot here is free when the wire has taken
    the slice; whoever reads the slot there says when that one is.
  }];
}

def Xfer_FanOutOp : Xfer_SliceKernel<"fan_out", (ins Xfer_Ring:$from), (ins), "From"> {
  let summary = "the rows of a slot to their places on this node";
  let description = [{
    ```mlir
    %out = xfer.fan_out %plan after(%there) from(%rx) releases(%rx) on(core) kernel(@dispatch_push)
    ```
    Runs a push kernel over the rows of a slice that arrived. In a dispatch they go to the final rows on every rank of this
    node, in a combine to the partial window of the rank that asked for them, but for those that a `settle` has summed.
  }];
}

def Xfer_SettleOp : Xfer_SliceStage<"settle", (ins Xfer_Descriptors:$plan), (ins Xfer_Ring:$from),
                                    (ins FlatSymbolRefAttr:$kernel, OptionalAttr<FlatSymbolRefAttr>:$streaming,
                                         OptionalAttr<FlatSymbolRefAttr>:$share),
                                    "Plan | From | Kernel | Share"> {
  let summary = "sums this rank's tokens that the rows of a slot complete";
  let description = [{
    ```mlir
    %some = xfer.settle %plan after(%in, %there) from(%rx) on(core) kernel(@combine_add) share(@combine_share)
    %land = xfer.fan_out %plan after(%in, %there, %some) from(%rx) releases(%rx) on(core) kernel(@combine_land)
    ```
    Hierarchical combine; may be left out. Does what `xfer.pull` does for those of this rank's tokens of which the last
    partial row is in the slot, and reads it there: the `fan_out` need not store it. Partial rows that other ranks of this
    node receive for this rank are not known to be there: their tokens are left to `pull`, which sums what is not summed
    when all have come. So little is left when the last slice is there.
  }];
}

#endif // XFER_SLICES_TD
