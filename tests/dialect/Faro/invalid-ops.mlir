// One constraint of dialect/README.md a split, the function named after its label.
// RUN: faro-opt %s -split-input-file -verify-diagnostics

!routes = !faro.routes<topk = 2, experts = 4>
func.func @dispatch_d1(%x: !faro.tokens<8xf32>, %r: !routes) -> !faro.tokens<16xf32, #faro.layout<order = [expert]>> {
  // expected-error@+1 {{'faro.dispatch' op expects the same row on both sides, found 8xf32 and 16xf32}}
  %y = faro.dispatch %x, %r : (!faro.tokens<8xf32>, !routes) -> !faro.tokens<16xf32, #faro.layout<order = [expert]>>
  return %y : !faro.tokens<16xf32, #faro.layout<order = [expert]>>
}

// -----

!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @dispatch_d2(%x: !experts, %r: !routes) -> !experts {
  // expected-error@+1 {{'faro.dispatch' op expects a token-major operand, found #faro.layout<order = [expert]>}}
  %y = faro.dispatch %x, %r : (!experts, !routes) -> !experts
  return %y : !experts
}

// -----

!tokens = !faro.tokens<8xf32>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @dispatch_d3(%x: !tokens, %r: !routes) -> !tokens {
  // expected-error@+1 {{'faro.dispatch' op expects a layout with an order on its result, found a token-major one}}
  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !tokens
  return %y : !tokens
}

// -----

!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @combine_c1(%y: !experts, %r: !routes) -> !faro.tokens<8xbf16> {
  // expected-error@+1 {{'faro.combine' op expects the same row on both sides, found 8xf32 and 8xbf16}}
  %x = faro.combine %y, %r : (!experts, !routes) -> !faro.tokens<8xbf16>
  return %x : !faro.tokens<8xbf16>
}

// -----

!tokens = !faro.tokens<8xf32>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @combine_c2(%y: !tokens, %r: !routes) -> !tokens {
  // expected-error@+1 {{'faro.combine' op expects a layout with an order on its operand, found a token-major one}}
  %x = faro.combine %y, %r : (!tokens, !routes) -> !tokens
  return %x : !tokens
}

// -----

!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @combine_c3(%y: !experts, %r: !routes) -> !experts {
  // expected-error@+1 {{'faro.combine' op expects a token-major result, found #faro.layout<order = [expert]>}}
  %x = faro.combine %y, %r : (!experts, !routes) -> !experts
  return %x : !experts
}

// -----

!tokens = !faro.tokens<{8xf32, 1xf32}>
!experts = !faro.tokens<{8xf32, 1xf32}, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @combine_c4(%y: !experts, %r: !routes) -> !tokens {
  // expected-error@+1 {{'faro.combine' op expects a row of a single plane, found {8xf32, 1xf32}}}
  %x = faro.combine %y, %r : (!experts, !routes) -> !tokens
  return %x : !tokens
}

// -----

!tokens = !faro.tokens<8xi32>
!experts = !faro.tokens<8xi32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @combine_c5(%y: !experts, %r: !routes) -> !tokens {
  // expected-error@+1 {{'faro.combine' op expects an element that can be summed (bf16, f16 or f32), found 'i32'}}
  %x = faro.combine %y, %r : (!experts, !routes) -> !tokens
  return %x : !tokens
}

// -----

!tokens = !faro.tokens<8xbf16>
!experts = !faro.tokens<8xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @combine_c6(%y: !experts, %r: !routes) -> !tokens {
  // expected-error@+1 {{'faro.combine' op expects partial sums of the row's element 'bf16' or of f32, found 'f16'}}
  %x = faro.combine %y, %r partial(f16) : (!experts, !routes) -> !tokens
  return %x : !tokens
}

// -----

// expected-error@+1 {{expected 'faro.mesh' on a 'builtin.module', found it on 'func.func'}}
func.func private @module_m2() attributes {faro.mesh = #faro.mesh<nodes = 1, ranks_per_node = 1>}

// -----

// expected-error@+1 {{expected 'faro.mesh' to be a #faro.mesh, found 4 : i64}}
module @module_m2_kind attributes {faro.mesh = 4} {}

// -----

// expected-error@+1 {{unknown attribute 'faro.mash' of the faro dialect; expected 'faro.mesh'}}
module @module_unknown attributes {faro.mash = #faro.mesh<nodes = 1, ranks_per_node = 1>} {}

// -----

!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4, placement = table [0, 1, 2, 0]>
module attributes {faro.mesh = #faro.mesh<nodes = 1, ranks_per_node = 2>} {
  func.func @module_m3(%x: !tokens, %r: !routes) -> !experts {
    // expected-error@+1 {{'faro.dispatch' op places expert 2 on rank 2, but the module's mesh has 2 ranks}}
    %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
    return %y : !experts
  }
}

// -----

// The same table on a mesh that is bound later is the communicator's to check.
!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4, placement = table [0, 1, 2, 0]>
module attributes {faro.mesh = #faro.mesh<nodes = 1, ranks_per_node = ?>} {
  func.func @module_m3_free(%x: !tokens, %r: !routes) -> !experts {
    %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
    return %y : !experts
  }
}
