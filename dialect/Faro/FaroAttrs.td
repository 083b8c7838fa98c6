// Attributes of the faro dialect: the mesh, a layout, the path of a shuffle.
#ifndef FARO_ATTRS_TD
#define FARO_ATTRS_TD

include "dialect/Faro/FaroDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class Faro_Attr<string name, string attrMnemonic> : AttrDef<Faro_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def Faro_MeshAttr : Faro_Attr<"Mesh", "mesh"> {
  let summary = "nodes x ranks per node";
  let description = [{
    The ranks are numbered node by node. A `?` is bound when a communicator is made.

    ```mlir
    #faro.mesh<nodes = 1, ranks_per_node = ?>
    ```

    Constraint: /*mesh_m1*/ each extent is from 1 to 2^31 - 1, or `?`.
  }];
  let parameters = (ins "int64_t":$nodes, "int64_t":$ranksPerNode);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// An extent written as `?`.
    static constexpr int64_t Dynamic = 0;
    bool hasStaticNodes() const { return getNodes() != Dynamic; }
    bool hasStaticRanksPerNode() const { return getRanksPerNode() != Dynamic; }
    /// The number of ranks, when both extents are static.
    std::optional<int64_t> getRanks() const;
  }];
}

def Faro_LayoutAttr : Faro_Attr<"Layout", "layout"> {
  let summary = "which item lies in which row";
  let description = [{
    Either the keys by which a rank's items are sorted, most significant first, with the alignment of each group of the
    first key; or `token_major`, the model's own layout: one row a token (not one an item), in the order of the tokens.

    ```mlir
    #faro.layout<order = [expert, source, token], align = 128>
    #faro.layout<order = [source, expert]>
    #faro.layout<token_major>
    ```

    Ties fall back to source, token, choice, so every order is total.

    Constraints:
      - /*layout_l1*/ `order` names at least one key;
      - /*layout_l2*/ no key twice;
      - /*layout_l3*/ `align` is at least 1 and fits 31 bits; that of `token_major`, which has no groups, is 1.
  }];
  let parameters = (ins ArrayRefParameter<"::faro::layout::Key">:$order, "int64_t":$align);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The layout of the model's own tokens. Its order is empty: rows are tokens, not items.
    static LayoutAttr getTokenMajor(::mlir::MLIRContext *context);
    bool isTokenMajor() const { return getOrder().empty(); }
    /// The layout with its order completed by the tie rule. Requires !isTokenMajor().
    ::faro::layout::Layout toLayout() const;
  }];
}

// The values of `direct` and `hierarchical` are those of faro_abi_path.
def Faro_Path : I32EnumAttr<"Path", "how the rows of a shuffle travel", [
    I32EnumAttrCase<"Direct", 0, "direct">,
    I32EnumAttrCase<"Hierarchical", 1, "hierarchical">,
    I32EnumAttrCase<"ByMesh", 2, "by_mesh">
  ]> {
  let cppNamespace = "::faro::ir";
  let genSpecializedAttr = 0;
  let description = [{
    `direct`: all ranks map each other's memory; a dispatch pushes rows to where they finally lie, a combine pulls them
    from there. `hierarchical`: so do the ranks of each node; a row goes to another node once, in a slice, to a rank that
    forwards it. `by_mesh`: either, by the number of nodes that the mesh is bound to. Chosen by `faro-plan-route`.
  }];
}

def Faro_PathAttr : EnumAttr<Faro_Dialect, Faro_Path, "path"> {
  let assemblyFormat = "$value";
}

#endif // FARO_ATTRS_TD
