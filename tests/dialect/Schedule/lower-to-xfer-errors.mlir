// RUN: faro-opt --faro-lower-to-xfer %s -split-input-file -verify-diagnostics
// RUN: not faro-opt --faro-lower-to-xfer="wire=string" %s -split-input-file 2>&1 | FileCheck %s
// CHECK: error: faro-lower-to-xfer: expects wire = tcp or rdma, found string

!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @no_path(%x: !tokens, %r: !routes) -> !experts {
  // expected-error@+1 {{expects a path, found none; run faro-plan-route first}}
  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
  return %y : !experts
}

// -----

// Would be lost without a word.
!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
// expected-error@+1 {{'func.func' op is not one shuffle and a return; faro-check-program says what is wrong}}
func.func @two_shuffles(%x: !tokens, %r: !routes) -> !tokens {
  %y = faro.dispatch %x, %r path(direct) : (!tokens, !routes) -> !experts
  %z = faro.combine %y, %r path(direct) : (!experts, !routes) -> !tokens
  return %z : !tokens
}
