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

    Constraint: /*staging_x4*/ there is a slot, and what is loaded and stored of it are multiples of 16 bytes, the former
    no more than the latter.
  }];
  let parameters = (ins "int64_t":$slots, "int64_t":$bytes, "int64_t":$stride);
  let assemblyFormat = "`<` $slots `of` $bytes `in` $stride `>`";
  let genVerifyDecl = 1;
}

#endif // XFER_TYPES_TD
