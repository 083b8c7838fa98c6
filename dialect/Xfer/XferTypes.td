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

#endif // XFER_TYPES_TD
