// Both operations print as they were read, from the pretty and from the generic form.
// RUN: faro-opt %s | faro-opt | FileCheck %s
// RUN: faro-opt --mlir-print-op-generic %s | FileCheck %s --check-prefix=GENERIC
// RUN: faro-opt --mlir-print-op-generic %s | faro-opt | FileCheck %s

!tokens = !faro.tokens<7168xbf16>
!experts = !faro.tokens<7168xbf16, #faro.layout<order = [expert, source, token], align = 128>>
!routes = !faro.routes<topk = 8, experts = 256>

// CHECK-LABEL: func @dispatch(
// CHECK: faro.dispatch %arg0, %arg1 : (!tokens, !routes) -> !experts
// GENERIC: "faro.dispatch"(%{{.*}}, %{{.*}}) : (!tokens, !routes) -> !experts
func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {
  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
  return %y : !experts
}

// CHECK-LABEL: func @dispatch_with_path(
// CHECK: faro.dispatch %arg0, %arg1 path(direct) {note = "kept"} : (!tokens, !routes) -> !experts
// GENERIC: "faro.dispatch"(%{{.*}}, %{{.*}}) <{path = #faro<path direct>}> {note = "kept"}
func.func @dispatch_with_path(%x: !tokens, %r: !routes) -> !experts {
  %y = faro.dispatch %x, %r path(direct) {note = "kept"} : (!tokens, !routes) -> !experts
  return %y : !experts
}

// CHECK-LABEL: func @combine(
// CHECK: faro.combine %arg0, %arg1 : (!experts, !routes) -> !tokens
// GENERIC: "faro.combine"
func.func @combine(%y: !experts, %r: !routes) -> !tokens {
  %x = faro.combine %y, %r : (!experts, !routes) -> !tokens
  return %x : !tokens
}

// CHECK-LABEL: func @combine_with_path(
// CHECK: faro.combine %arg0, %arg1 path(direct) : (!experts, !routes) -> !tokens
func.func @combine_with_path(%y: !experts, %r: !routes) -> !tokens {
  %x = faro.combine %y, %r path(direct) : (!experts, !routes) -> !tokens
  return %x : !tokens
}

// CHECK-LABEL: func @combine_with_partial(
// CHECK: faro.combine %arg0, %arg1 path(by_mesh) partial(f32) : (!experts, !routes) -> !tokens
// CHECK: faro.combine %arg0, %arg1 partial(bf16) : (!experts, !routes) -> !tokens
func.func @combine_with_partial(%y: !experts, %r: !routes) -> (!tokens, !tokens) {
  %x = faro.combine %y, %r path(by_mesh) partial(f32) : (!experts, !routes) -> !tokens
  %z = faro.combine %y, %r partial(bf16) : (!experts, !routes) -> !tokens
  return %x, %z : !tokens, !tokens
}

// Any bits travel; only a sum needs numbers.
// CHECK-LABEL: func @dispatch_of_planes(
// CHECK: faro.dispatch
func.func @dispatch_of_planes(%x: !faro.tokens<{7168xf8E4M3FN, 56xf32}>, %r: !routes)
    -> !faro.tokens<{7168xf8E4M3FN, 56xf32}, #faro.layout<order = [source]>> {
  %y = faro.dispatch %x, %r : (!faro.tokens<{7168xf8E4M3FN, 56xf32}>, !routes)
      -> !faro.tokens<{7168xf8E4M3FN, 56xf32}, #faro.layout<order = [source]>>
  return %y : !faro.tokens<{7168xf8E4M3FN, 56xf32}, #faro.layout<order = [source]>>
}
