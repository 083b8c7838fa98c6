// Bulk copies: rows that one thread of a block sends through the block's own memory, by copy engines that need neither
// registers nor other threads.
//
//   source ──bulk_load──► slot of the staging memory ──bulk_store──► destinations
//              await: the row is there          commit, drain: the slot has been read
//
// Where a target has no such engine (a CPU), loads and stores are done at once and the waits are nothing.
#ifndef XFER_BULK_TD
#define XFER_BULK_TD

include "dialect/Xfer/XferLeaves.td"

def Xfer_BlockOp : Xfer_Leaf<"block", [Pure]> {
  let summary = "the number of the block that runs the kernel, and how many there are";
  let description = [{
    ```mlir
    %id, %count = xfer.block
    ```
  }];
  let results = (outs I64:$id, I64:$count);
  let assemblyFormat = "attr-dict";
}

class Xfer_Bulk<string name> : Xfer_Leaf<name, [MemoryEffects<[MemRead, MemWrite]>]>;

def Xfer_StagingOp : Xfer_Bulk<"staging_memory"> {
  let summary = "the staging memory of a block";
  let description = [{
    ```mlir
    %s = xfer.staging_memory : !xfer.staging<3 of 14336 in 14336>
    ```
    For one thread of the block, once a kernel.
  }];
  let results = (outs Xfer_Staging:$staging);
  let assemblyFormat = "attr-dict `:` qualified(type($staging))";
}

class Xfer_BulkCopy<string name> : Xfer_Bulk<name> {
  let arguments = (ins Xfer_Staging:$staging, I64:$slot, Xfer_Addr:$address);
  let assemblyFormat = "$staging `[` $slot `]` `,` $address attr-dict `:` qualified(type($staging))";
}

def Xfer_BulkLoadOp : Xfer_BulkCopy<"bulk_load"> {
  let summary = "begins to copy a row from an address to a slot";
  let description = [{ The address is a multiple of 16. Nothing may be reading the slot. }];
}

def Xfer_BulkStoreOp : Xfer_BulkCopy<"bulk_store"> {
  let summary = "begins to copy a slot to an address";
  let description = [{ The address is a multiple of 16. }];
}

def Xfer_BulkAwaitOp : Xfer_Bulk<"bulk_await"> {
  let summary = "until a slot's load is there";
  let description = [{
    ```mlir
    xfer.bulk_await %s[%slot] phase(%phase) : !xfer.staging<3 of 14336 in 14336>
    ```
    `phase` is how many loads of this slot there were before, modulo 2.
  }];
  let arguments = (ins Xfer_Staging:$staging, I64:$slot, I64:$phase);
  let assemblyFormat = "$staging `[` $slot `]` `phase` `(` $phase `)` attr-dict `:` qualified(type($staging))";
}

def Xfer_BulkCommitOp : Xfer_Bulk<"bulk_commit"> {
  let summary = "the stores since the last commit are a group";
  let assemblyFormat = "attr-dict";
}

def Xfer_BulkDrainOp : Xfer_Bulk<"bulk_drain"> {
  let summary = "until all groups but the last `left` ones have read their slots; with `written`, stored their rows too";
  let description = [{
    ```mlir
    xfer.bulk_drain left(1)
    xfer.bulk_drain left(0) written
    ```
    Constraint: /*drain_x7*/ `left` is not negative.
  }];
  let arguments = (ins I64Attr:$left, UnitAttr:$written);
  let assemblyFormat = "`left` `(` $left `)` (`written` $written^)? attr-dict";
  let hasVerifier = 1;
}

#endif // XFER_BULK_TD
