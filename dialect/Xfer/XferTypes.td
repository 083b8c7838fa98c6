// Types of the xfer dialect.
#ifndef XFER_TYPES_TD
#define XFER_TYPES_TD

include "dialect/Xfer/XferAttrs.td"

class Xfer_Type<string name, string typeMnemonic> : TypeDef<Xfer_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Xfer_Timepoint : Xfer_Type<"Timepoint", "timepoint"> {
  let summary = "timepoint of a stage: the moment when it is done";
}

def Xfer_Descriptors : Xfer_Type<"Descriptors", "descriptors"> {
  let summary = "descriptors of a batch: where each item goes or lies";
}

def Xfer_Ring : Xfer_Type<"Ring", "ring"> {
  let summary = "ring of slots for slices";
}

def Xfer_Addr : Xfer_Type<"Addr", "addr"> {
  let summary = "address in global memory, of this rank or of a peer whose memory is mapped";
}

def Xfer_Staging : Xfer_Type<"Staging", "staging"> {
  let summary = "slots in the memory of a block, each for one row on its way";
  let description = [{
    `!xfer.staging<3 of 14336 in 14336>`: three slots. A load fills the first 14336 bytes of a slot, a store takes all
    14336; what a slot has behind what is loaded is zero.

    Constraints:
      - /*staging_x4*/ there is a slot, and what is loaded and stored of it are multiples of 16 bytes, the former no more
        than the latter;
      - /*staging_x6*/ all slots together have at most 48 KiB, each in whole lines of 128 bytes with a word of 8 beside it,
        by which its load is awaited: what a block has.
  }];
  let parameters = (ins "int64_t":$slots, "int64_t":$bytes, "int64_t":$stride);
  let assemblyFormat = "`<` $slots `of` $bytes `in` $stride `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// What all of it may have: a block's memory that it need not be asked for.
    static constexpr int64_t MostBytes = 49152;
    /// Slots start at whole lines of so many bytes, and each has a word.
    static constexpr int64_t LineBytes = 128, WordBytes = 8;
    /// From one slot to the next.
    int64_t getSlotBytes() const { return (getStride() + LineBytes - 1) / LineBytes * LineBytes; }
    /// Of the slots and, behind them, their words.
    int64_t getAllBytes() const { return getSlots() * (getSlotBytes() + WordBytes); }
  }];
}

#endif // XFER_TYPES_TD
