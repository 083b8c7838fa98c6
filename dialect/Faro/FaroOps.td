// Operations of the faro dialect: dispatch and combine.
#ifndef FARO_OPS_TD
#define FARO_OPS_TD

include "dialect/Faro/FaroTypes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Faro_Op<string opMnemonic, list<Trait> traits = []> : Op<Faro_Dialect, opMnemonic, traits>;

// Value semantics: nothing is written in place, so both are pure; buffers appear below this level.

def Faro_DispatchOp : Faro_Op<"dispatch", [Pure]> {
  let summary = "tokens to the rows of their experts";
  let description = [{
    For every item (source rank s, token t, choice k) with expert e = topk_idx[s][t][k], e != -1: on the rank that
    holds e, the row where the result's layout puts the item holds the bits of row t of rank s. Padding rows are zero.

    ```mlir
    %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
    ```

    Constraints:
      - /*dispatch_d1*/ both sides have the same row;
      - /*dispatch_d2*/ the operand is token-major;
      - /*dispatch_d3*/ the result is not: a token-major buffer has one row a token, not one an item.
  }];
  let arguments = (ins Faro_TokensType:$tokens, Faro_RoutesType:$routes, OptionalAttr<Faro_PathAttr>:$path);
  let results = (outs Faro_TokensType:$experts);
  let assemblyFormat = "$tokens `,` $routes (`path` `(` custom<Word>($path)^ `)`)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Faro_CombineOp : Faro_Op<"combine", [Pure]> {
  let summary = "the weighted sum of each token's expert rows";
  let description = [{
    Row t of rank s of the result is the sum over k, in the order of k and starting from +0, of
    topk_weights[s][t][k] x the row of item (s, t, k); dropped choices are left out. Weights are f32, each product is
    rounded to f32 and then added in f32, the sum is rounded once to the row's element, and a NaN becomes the one quiet
    NaN. Across nodes each node's share is summed so, rounded to `partial` (the row's element, if nothing is written), and
    the shares are added in the order of the nodes.

    ```mlir
    %x = faro.combine %y, %r : (!experts, !routes) -> !tokens
    %x = faro.combine %y, %r partial(f32) : (!experts, !routes) -> !tokens
    ```

    Constraints:
      - /*combine_c1*/ both sides have the same row;
      - /*combine_c2*/ the operand is not token-major;
      - /*combine_c3*/ the result is;
      - /*combine_c4*/ a row has a single plane;
      - /*combine_c5*/ its element can be summed: bf16, f16 or f32;
      - /*combine_c6*/ `partial` is the row's element or f32.
  }];
  let arguments = (ins Faro_TokensType:$experts, Faro_RoutesType:$routes, OptionalAttr<Faro_PathAttr>:$path,
                       OptionalAttr<TypeAttr>:$partial);
  let results = (outs Faro_TokensType:$tokens);
  let assemblyFormat = "$experts `,` $routes (`path` `(` custom<Word>($path)^ `)`)? (`partial` `(` $partial^ `)`)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif // FARO_OPS_TD
