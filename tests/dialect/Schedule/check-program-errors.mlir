// One constraint of dialect/README.md a split, the function named after its label.
// RUN: faro-opt --faro-check-program %s -split-input-file -verify-diagnostics

// expected-error@+1 {{'builtin.module' op expects at least one function that holds a shuffle, found none}}
module @program_w2 {}

// -----

module {
  // expected-error@+1 {{'func.func' op has no body; expected a function that holds a shuffle}}
  func.func private @program_w2_declared()
  // expected-error@+1 {{'builtin.module' op is no function; expected a function that holds a shuffle}}
  module @program_w2_module {}
}

// -----

// expected-error@+1 {{'func.func' op expects one faro.dispatch or faro.combine in one block, found none}}
func.func @program_w3() {
  return
}

// -----

!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @program_w3_twice(%x: !tokens, %r: !routes) -> !tokens {
  %y = faro.dispatch %x, %r path(direct) : (!tokens, !routes) -> !experts
  // expected-error@+1 {{'faro.combine' op is the second shuffle of function 'program_w3_twice'; expected one}}
  %z = faro.combine %y, %r path(direct) : (!experts, !routes) -> !tokens
  return %z : !tokens
}

// -----

!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @program_w3_other(%x: !tokens, %r: !routes) -> !experts {
  // expected-error@+1 {{'arith.constant' op has no schedule; expected function 'program_w3_other' to hold one}}
  %c = arith.constant 1 : i32
  %y = faro.dispatch %x, %r path(direct) : (!tokens, !routes) -> !experts
  return %y : !experts
}

// -----

!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @program_w3_order(%r: !routes, %x: !tokens) -> !experts {
  // expected-error@+1 {{expects the arguments of function 'program_w3_order' as its operands, in their order}}
  %y = faro.dispatch %x, %r path(direct) : (!tokens, !routes) -> !experts
  return %y : !experts
}

// -----

!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @program_w3_result(%x: !tokens, %r: !routes) -> !tokens {
  %y = faro.dispatch %x, %r path(direct) : (!tokens, !routes) -> !experts
  // expected-error@+1 {{'func.return' op expects to return the result of 'faro.dispatch', and nothing else}}
  return %x : !tokens
}

// -----

!tokens = !faro.tokens<{8xf32, 1xf32}>
!experts = !faro.tokens<{8xf32, 1xf32}, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @program_w4(%x: !tokens, %r: !routes) -> !experts {
  // expected-error@+1 {{expects a row of a single plane, found {8xf32, 1xf32}; rows of several planes have no kernels yet}}
  %y = faro.dispatch %x, %r path(direct) : (!tokens, !routes) -> !experts
  return %y : !experts
}

// -----

!tokens = !faro.tokens<8xi8>
!experts = !faro.tokens<8xi8, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @program_w4_element(%x: !tokens, %r: !routes) -> !experts {
  // expected-error@+1 {{expects an element bf16, f16 or f32, found 'i8'}}
  %y = faro.dispatch %x, %r path(direct) : (!tokens, !routes) -> !experts
  return %y : !experts
}

// -----

!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert, token, source]>>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @program_w5(%x: !tokens, %r: !routes) -> !experts {
  // expected-error@+1 {{expects an order whose rows can be placed by counts alone, found 'token' before 'source' in #faro.layout<order = [expert, token, source]>}}
  %y = faro.dispatch %x, %r path(direct) : (!tokens, !routes) -> !experts
  return %y : !experts
}

// -----

!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [choice, expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @program_w5_choice(%x: !tokens, %r: !routes) -> !experts {
  // expected-error@+1 {{found 'choice' before 'source' in #faro.layout<order = [choice, expert]>}}
  %y = faro.dispatch %x, %r path(direct) : (!tokens, !routes) -> !experts
  return %y : !experts
}

// -----

!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert], align = 4>>
!unaligned = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {
  // expected-note@+1 {{the first dispatch has '!faro.tokens<8xf32, #faro.layout<order = [expert], align = 4>>' and '!faro.routes<topk = 2, experts = 4>'}}
  %y = faro.dispatch %x, %r path(direct) : (!tokens, !routes) -> !experts
  return %y : !experts
}
func.func @program_w6(%y: !unaligned, %r: !routes) -> !tokens {
  // expected-error@+1 {{'faro.combine' op undoes no dispatch of the module: expected the row, layout and routes of one}}
  %x = faro.combine %y, %r path(direct) : (!unaligned, !routes) -> !tokens
  return %x : !tokens
}

// -----

!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
!other = !faro.routes<topk = 2, experts = 4, placement = round_robin>
func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {
  // expected-note@+1 {{the first dispatch has}}
  %y = faro.dispatch %x, %r path(direct) : (!tokens, !routes) -> !experts
  return %y : !experts
}
func.func @program_w6_routes(%y: !experts, %r: !other) -> !tokens {
  // expected-error@+1 {{'faro.combine' op undoes no dispatch of the module}}
  %x = faro.combine %y, %r path(direct) : (!experts, !other) -> !tokens
  return %x : !tokens
}

// -----

// A combine alone has nothing to be compared with.
!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @program_w6_alone(%y: !experts, %r: !routes) -> !tokens {
  %x = faro.combine %y, %r path(direct) : (!experts, !routes) -> !tokens
  return %x : !tokens
}

// -----

!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @program_w7(%x: !tokens, %r: !routes) -> !experts {
  // expected-error@+1 {{expects a path, found none; run faro-plan-route first}}
  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
  return %y : !experts
}

// -----

!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
module @program_w8 {
  // expected-error@+1 {{expects another name than 'kernels', which is that of the module that kernels lie in}}
  func.func @kernels(%x: !tokens, %r: !routes) -> !experts {
    %y = faro.dispatch %x, %r path(direct) : (!tokens, !routes) -> !experts
    return %y : !experts
  }
}

// -----

!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
module {
  // expected-error@+1 {{expects a name that is not empty and holds no zero byte}}
  func.func @""(%x: !tokens, %r: !routes) -> !experts {
    %y = faro.dispatch %x, %r path(direct) : (!tokens, !routes) -> !experts
    return %y : !experts
  }
}

// -----

!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
module {
  // expected-error@+1 {{expects a name that is not empty and holds no zero byte}}
  func.func @"a\00b"(%x: !tokens, %r: !routes) -> !experts {
    %y = faro.dispatch %x, %r path(direct) : (!tokens, !routes) -> !experts
    return %y : !experts
  }
}
