// Types of the faro dialect: the tokens of a rank, and where they are routed.
#ifndef FARO_TYPES_TD
#define FARO_TYPES_TD

include "dialect/Faro/FaroAttrs.td"

class Faro_Type<string name, string typeMnemonic> : TypeDef<Faro_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Faro_TokensType : Faro_Type<"Tokens", "tokens"> {
  let summary = "rows of every rank, in a layout";
  let description = [{
    The buffer `[rows, ROW]` of every rank. A row has one or more planes that move together; without a layout it is
    token-major.

    ```mlir
    !faro.tokens<7168xbf16>
    !faro.tokens<7168xbf16, #faro.layout<order = [expert, source, token], align = 128>>
    !faro.tokens<{7168xf8E4M3FN, 56xf32}>
    ```

    Constraints:
      - /*tokens_t1*/ a row has at least one plane, each of one dimension;
      - /*tokens_t2*/ a plane has at least one column, and the number of columns fits 31 bits;
      - /*tokens_t3*/ an element is an integer or float of whole bytes.
  }];
  let parameters = (ins ArrayRefParameter<"::faro::ir::Plane">:$planes, "::faro::ir::LayoutAttr":$layout);
  let builders = [
    TypeBuilderWithInferredContext<(ins "::llvm::ArrayRef<::faro::ir::Plane>":$planes,
                                        "::faro::ir::LayoutAttr":$layout), [{
      return $_get(layout.getContext(), planes, layout);
    }]>
  ];
  let skipDefaultBuilders = 1;
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    bool isTokenMajor() const { return getLayout().isTokenMajor(); }
    bool hasSameRow(TokensType other) const { return getPlanes() == other.getPlanes(); }
    /// Also in the same order and alignment, however these are written.
    bool hasSameRowAndLayout(TokensType other) const {
      return hasSameRow(other) && getLayout().toLayout() == other.getLayout().toLayout();
    }
    /// The bytes of all planes of a row, without padding.
    int64_t getRowBytes() const;
    /// The row as it is written in the type: `7168xbf16`, `{7168xf8E4M3FN, 56xf32}`.
    std::string getRowText() const;
  }];
}

def Faro_RoutesType : Faro_Type<"Routes", "routes"> {
  let summary = "routes of tokens to experts";
  let description = [{
    For each token of each rank: `topk` experts (-1 for a dropped choice) and their weights, decided at run time; and
    which rank holds which expert, decided here.

    ```mlir
    !faro.routes<topk = 8, experts = 256>                                   // block placement
    !faro.routes<topk = 2, experts = 4, placement = round_robin>
    !faro.routes<topk = 2, experts = 4, placement = table [0, 1, 1, 0]>    // expert -> rank
    ```

    Constraints:
      - /*routes_r1*/ top-k is in 1..64;
      - /*routes_r2*/ top-k is at most the number of experts, which fits 31 bits;
      - /*routes_r3*/ a table has one entry for each expert, and no other placement has a table;
      - /*routes_r4*/ a table's entries are ranks: at least 0, and they fit 31 bits.
  }];
  let parameters = (ins "int64_t":$topk, "int64_t":$experts, "::faro::layout::Placement::Kind":$placementKind,
                        ArrayRefParameter<"int64_t">:$table);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The largest top-k: what a token's row may be stored to or summed from at once.
    static constexpr int64_t MaxTopk = 64;
    ::faro::layout::Placement getPlacement() const;
  }];
}

#endif // FARO_TYPES_TD
