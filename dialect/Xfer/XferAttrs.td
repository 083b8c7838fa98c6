// Attributes of the xfer dialect: enumerations that stand for the module ABI's.
#ifndef XFER_ATTRS_TD
#define XFER_ATTRS_TD

include "dialect/Xfer/XferDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class Xfer_Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::faro::xfer";
  let genSpecializedAttr = 0;
}

// The values are those of faro_abi_op.
def Xfer_Shuffle : Xfer_Enum<"Shuffle", "which operation a program carries out", [
    I32EnumAttrCase<"Dispatch", 0, "dispatch">,
    I32EnumAttrCase<"Combine", 1, "combine">
  ]>;
def Xfer_ShuffleAttr : EnumAttr<Xfer_Dialect, Xfer_Shuffle, "shuffle"> {
  let assemblyFormat = "$value";
}

// The values are those of faro_abi_resource.
def Xfer_Resource : Xfer_Enum<"Resource", "what a stage occupies while it runs", [
    I32EnumAttrCase<"Core", 0, "core">,
    I32EnumAttrCase<"Link", 1, "link">,
    I32EnumAttrCase<"Nic", 2, "nic">
  ]>;
def Xfer_ResourceAttr : EnumAttr<Xfer_Dialect, Xfer_Resource, "resource"> {
  let assemblyFormat = "$value";
}

// The values are those of faro_abi_gather.
def Xfer_GatherMode : Xfer_Enum<"GatherMode", "what a gather puts into its slot", [
    I32EnumAttrCase<"Copy", 0, "copy">,
    I32EnumAttrCase<"Reference", 1, "reference">
  ]>;
def Xfer_GatherModeAttr : EnumAttr<Xfer_Dialect, Xfer_GatherMode, "gather"> {
  let assemblyFormat = "$value";
}

def Xfer_Reach : Xfer_Enum<"Reach", "how far ahead of its use a line is asked for", [
    I32EnumAttrCase<"Near", 0, "near">,
    I32EnumAttrCase<"Far", 1, "far">,
    I32EnumAttrCase<"Page", 2, "page">,
    I32EnumAttrCase<"InOrder", 3, "in_order">
  ]>;
def Xfer_ReachAttr : EnumAttr<Xfer_Dialect, Xfer_Reach, "reach"> {
  let assemblyFormat = "$value";
}

#endif // XFER_ATTRS_TD
