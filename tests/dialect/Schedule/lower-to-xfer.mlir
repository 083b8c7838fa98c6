// RUN: faro-opt --faro-plan-route --faro-check-program --faro-lower-to-xfer -split-input-file %s | FileCheck %s
// What the lowering makes is proved, and survives being printed and read:
// RUN: faro-opt --faro-plan-route --faro-lower-to-xfer --xfer-verify-schedule -split-input-file %s | faro-opt --xfer-verify-schedule -split-input-file | FileCheck %s

!tokens = !faro.tokens<7168xbf16>
!experts = !faro.tokens<7168xbf16, #faro.layout<order = [expert, source, token], align = 128>>
!routes = !faro.routes<topk = 8, experts = 256>

// CHECK: module attributes {faro.mesh = #faro.mesh<nodes = 1, ranks_per_node = ?>}
module attributes {faro.mesh = #faro.mesh<nodes = 1, ranks_per_node = ?>} {
  // CHECK-NEXT: xfer.program @dispatch dispatch(!experts, !routes) path(direct) attributes {row_stride = 14336 : i64, streaming_threshold = 2097152 : i64} {
  // CHECK-NEXT:   %[[PLAN:.*]] = xfer.descriptors
  // CHECK-NEXT:   %[[OPEN:.*]] = xfer.notify "open" on(link)
  // CHECK-NEXT:   %[[PAD:.*]] = xfer.pad %[[PLAN]] on(core)
  // CHECK-NEXT:   %[[IN:.*]] = xfer.await "open" after(%[[OPEN]]) on(link)
  // CHECK-NEXT:   %[[PUSH:.*]] = xfer.push %[[PLAN]] after(%[[IN]]) on(core) kernel(@dispatch_push) streaming(@dispatch_push_streaming)
  // CHECK-NEXT:   %[[DONE:.*]] = xfer.notify "done" after(%[[PUSH]]) on(link)
  // CHECK-NEXT:   xfer.await "done" after(%[[DONE]], %[[PAD]]) on(link)
  // CHECK-NEXT: }
  func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {
    %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
    return %y : !experts
  }
  // CHECK-NEXT: xfer.program @combine combine(!experts, !routes) path(direct) attributes {row_stride = 14336 : i64, streaming_threshold = 2097152 : i64} {
  // CHECK-NEXT:   %[[PLAN:.*]] = xfer.descriptors
  // CHECK-NEXT:   %[[OPEN:.*]] = xfer.notify "open" on(link)
  // CHECK-NEXT:   %[[IN:.*]] = xfer.await "open" after(%[[OPEN]]) on(link)
  // CHECK-NEXT:   %[[PULL:.*]] = xfer.pull %[[PLAN]] after(%[[IN]]) on(core) kernel(@combine_pull) streaming(@combine_pull_streaming)
  // CHECK-NEXT:   %[[DONE:.*]] = xfer.notify "done" after(%[[PULL]]) on(link)
  // CHECK-NEXT:   xfer.await "done" after(%[[DONE]]) on(link)
  // CHECK-NEXT: }
  // CHECK-NEXT: }
  func.func @combine(%y: !experts, %r: !routes) -> !tokens {
    %x = faro.combine %y, %r : (!experts, !routes) -> !tokens
    return %x : !tokens
  }
}

// -----

// 255 bf16 are 510 bytes: not worth padding to lines, so there is no kernel for whole lines either. No align, no pad.
!tokens = !faro.tokens<255xbf16>
!experts = !faro.tokens<255xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
// CHECK: xfer.program @compact
// CHECK-SAME: row_stride = 510 : i64
// CHECK-NOT: xfer.pad
// CHECK: xfer.push %{{.*}} after(%{{.*}}) on(core) kernel(@compact_push){{$}}
func.func @compact(%x: !tokens, %r: !routes) -> !experts {
  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
  return %y : !experts
}

// -----

// 512 bytes and more are padded to whole lines.
!tokens = !faro.tokens<257xbf16>
!experts = !faro.tokens<257xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
// CHECK: xfer.program @padded
// CHECK-SAME: row_stride = 576 : i64
// CHECK: streaming(@padded_pull_streaming)
func.func @padded(%y: !experts, %r: !routes) -> !tokens {
  %x = faro.combine %y, %r : (!experts, !routes) -> !tokens
  return %x : !tokens
}

// -----

// Small rows that are whole lines as they are.
!tokens = !faro.tokens<16xf32>
!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
// CHECK: xfer.program @one_line
// CHECK-SAME: row_stride = 64 : i64
// CHECK: streaming(@one_line_push_streaming)
func.func @one_line(%x: !tokens, %r: !routes) -> !experts {
  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
  return %y : !experts
}
