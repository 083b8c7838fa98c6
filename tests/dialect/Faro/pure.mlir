// The operations have value semantics: the same one twice is done once, one that nobody uses is not done.
// RUN: faro-opt --cse --canonicalize %s | FileCheck %s

!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>

// CHECK-LABEL: func @twice(
// CHECK: %[[ONE:.*]] = faro.dispatch
// CHECK-NOT: faro.dispatch
// CHECK-NOT: faro.combine
// CHECK: return %[[ONE]], %[[ONE]]
func.func @twice(%x: !tokens, %r: !routes) -> (!experts, !experts) {
  %a = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
  %b = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
  %unused = faro.combine %a, %r : (!experts, !routes) -> !tokens
  return %a, %b : !experts, !experts
}
