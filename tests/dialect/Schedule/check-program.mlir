// What can be lowered passes, and is not changed.
// RUN: faro-opt --faro-check-program %s | FileCheck %s

!tokens = !faro.tokens<7168xbf16>
!experts = !faro.tokens<7168xbf16, #faro.layout<order = [expert, source, token], align = 128>>
!routes = !faro.routes<topk = 8, experts = 256>

// CHECK-LABEL: func @dispatch(
// CHECK: faro.dispatch %arg0, %arg1 path(direct) :
func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {
  %y = faro.dispatch %x, %r path(direct) : (!tokens, !routes) -> !experts
  return %y : !experts
}

// The same layout with its ties written out.
!same = !faro.tokens<7168xbf16, #faro.layout<order = [expert, source, token, choice], align = 128>>

// CHECK-LABEL: func @combine(
func.func @combine(%y: !same, %r: !routes) -> !tokens {
  %x = faro.combine %y, %r path(direct) : (!same, !routes) -> !tokens
  return %x : !tokens
}
