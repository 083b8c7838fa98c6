// RUN: faro-opt --faro-plan-route --faro-check-program --faro-lower-to-xfer="wire=tcp" -split-input-file %s | FileCheck %s
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
module attributes {faro.mesh = #faro.mesh<nodes = 1, ranks_per_node = ?>} {
  func.func @compact(%x: !tokens, %r: !routes) -> !experts {
    %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
    return %y : !experts
  }
}

// -----

// 512 bytes and more are padded to whole lines.
!tokens = !faro.tokens<257xbf16>
!experts = !faro.tokens<257xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
// CHECK: xfer.program @padded
// CHECK-SAME: row_stride = 576 : i64
// CHECK: streaming(@padded_pull_streaming)
module attributes {faro.mesh = #faro.mesh<nodes = 1, ranks_per_node = ?>} {
  func.func @padded(%y: !experts, %r: !routes) -> !tokens {
    %x = faro.combine %y, %r : (!experts, !routes) -> !tokens
    return %x : !tokens
  }
}

// -----

// Small rows that are whole lines as they are.
!tokens = !faro.tokens<16xf32>
!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
// CHECK: xfer.program @one_line
// CHECK-SAME: row_stride = 64 : i64
// CHECK: streaming(@one_line_push_streaming)
module attributes {faro.mesh = #faro.mesh<nodes = 1, ranks_per_node = ?>} {
  func.func @one_line(%x: !tokens, %r: !routes) -> !experts {
    %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
    return %y : !experts
  }
}

// -----

// A mesh of any number of nodes: both schedules. Rows of 14 KB are left where they lie for the wire to take.
!tokens = !faro.tokens<7168xbf16>
!experts = !faro.tokens<7168xbf16, #faro.layout<order = [expert, source, token], align = 128>>
!routes = !faro.routes<topk = 8, experts = 256>
// CHECK: xfer.program @dispatch dispatch(!experts, !routes) path(direct) attributes
// CHECK: xfer.program @dispatch_across2 dispatch(!experts, !routes) path(hierarchical) of(@dispatch) attributes {row_stride = 14336 : i64, streaming_threshold = 2097152 : i64} {
// CHECK-NEXT:   %[[PLAN:.*]] = xfer.descriptors
// CHECK-NEXT:   %[[TX:.*]] = xfer.ring "tx" slots(8) bytes(131072) : !xfer.ring
// CHECK-NEXT:   %[[RX:.*]] = xfer.ring "rx" slots(8) bytes(131072) : !xfer.ring
// CHECK-NEXT:   %[[OPEN:.*]] = xfer.notify "open" on(link)
// CHECK-NEXT:   %[[PAD:.*]] = xfer.pad %[[PLAN]] on(core)
// CHECK-NEXT:   %[[IN:.*]] = xfer.await "open" after(%[[OPEN]]) on(link)
// CHECK-NEXT:   %[[HAND:.*]] = xfer.hand %[[PLAN]] after(%[[IN]]) on(core) kernel(@dispatch_push)
// CHECK-NEXT:   %[[GIVE:.*]] = xfer.notify "handed" after(%[[HAND]]) on(link)
// CHECK-NEXT:   %[[HAVE:.*]] = xfer.await "handed" after(%[[GIVE]]) on(link)
// CHECK-NEXT:   %[[FULL:.*]] = xfer.gather %[[PLAN]] after(%[[IN]], %[[HAVE]]) into(%[[TX]]) acquires(%[[TX]]) on(core) by(reference) kernel(@dispatch_push)
// CHECK-NEXT:   %[[THERE:.*]] = xfer.wire after(%[[FULL]]) from(%[[TX]]) into(%[[RX]]) acquires(%[[RX]]) releases(%[[TX]]) on(nic)
// CHECK-NEXT:   %[[OUT:.*]] = xfer.fan_out %[[PLAN]] after(%[[IN]], %[[THERE]]) from(%[[RX]]) releases(%[[RX]]) on(core) kernel(@dispatch_push) streaming(@dispatch_push_streaming)
// CHECK-NEXT:   %[[PUSH:.*]] = xfer.push %[[PLAN]] after(%[[IN]]) on(core) kernel(@dispatch_push) streaming(@dispatch_push_streaming)
// CHECK-NEXT:   %[[SENT:.*]] = xfer.notify "done" after(%[[PUSH]], %[[OUT]]) on(link)
// CHECK-NEXT:   xfer.await "done" after(%[[SENT]], %[[PAD]]) on(link)
// CHECK-NEXT: }
func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {
  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
  return %y : !experts
}

// Whose name the second schedule would have. Its own kernels are named after the function, on either path.
// CHECK: xfer.program @dispatch_across combine(!experts, !routes) path(direct) attributes
// CHECK: xfer.program @dispatch_across_across combine(!experts, !routes) path(hierarchical) of(@dispatch_across) attributes {row_stride = 14336 : i64, streaming_threshold = 2097152 : i64} {
// CHECK-NEXT:   %[[PLAN:.*]] = xfer.descriptors
// CHECK-NEXT:   %[[TX:.*]] = xfer.ring "tx" slots(8) bytes(131072) : !xfer.ring
// CHECK-NEXT:   %[[RX:.*]] = xfer.ring "rx" slots(8) bytes(131072) : !xfer.ring
// CHECK-NEXT:   %[[ASK:.*]] = xfer.ask %[[PLAN]] on(link)
// CHECK-NEXT:   %[[OPEN:.*]] = xfer.notify "open" on(link)
// CHECK-NEXT:   %[[IN:.*]] = xfer.await "open" after(%[[OPEN]]) on(link)
// CHECK-NEXT:   %[[PART:.*]] = xfer.reduce %[[PLAN]] after(%[[IN]], %[[ASK]]) into(%[[TX]]) acquires(%[[TX]]) on(core) kernel(@dispatch_across_pull)
// CHECK-NEXT:   %[[THERE:.*]] = xfer.wire after(%[[PART]]) from(%[[TX]]) into(%[[RX]]) acquires(%[[RX]]) releases(%[[TX]]) on(nic)
// CHECK-NEXT:   %[[SETTLE:.*]] = xfer.settle %[[PLAN]] after(%[[IN]], %[[THERE]]) from(%[[RX]]) on(core) kernel(@dispatch_across_pull) streaming(@dispatch_across_pull_streaming) share(@dispatch_across_pull)
// CHECK-NEXT:   %[[LAND:.*]] = xfer.fan_out %[[PLAN]] after(%[[IN]], %[[THERE]], %[[SETTLE]]) from(%[[RX]]) releases(%[[RX]]) on(core) kernel(@dispatch_across_land) streaming(@dispatch_across_land_streaming)
// CHECK-NEXT:   %[[L:.*]] = xfer.notify "landed" after(%[[LAND]]) on(link)
// CHECK-NEXT:   %[[LL:.*]] = xfer.await "landed" after(%[[L]]) on(link)
// CHECK-NEXT:   %[[SUM:.*]] = xfer.pull %[[PLAN]] after(%[[SETTLE]], %[[LL]]) on(core) kernel(@dispatch_across_pull) streaming(@dispatch_across_pull_streaming) share(@dispatch_across_pull)
// CHECK-NEXT:   %[[DONE:.*]] = xfer.notify "done" after(%[[SUM]], %[[PART]]) on(link)
// CHECK-NEXT:   xfer.await "done" after(%[[DONE]]) on(link)
// CHECK-NEXT: }
func.func @dispatch_across(%y: !experts, %r: !routes) -> !tokens {
  %x = faro.combine %y, %r : (!experts, !routes) -> !tokens
  return %x : !tokens
}

// -----

// Several nodes for certain: one schedule. Partial sums of another element have kernels of their own, and slots that
// hold such a row: 49152 x f32 and its header.
!tokens = !faro.tokens<49152xbf16>
!experts = !faro.tokens<49152xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
// CHECK: module attributes
module attributes {faro.mesh = #faro.mesh<nodes = 2, ranks_per_node = 2>} {
  // CHECK-NEXT: xfer.program @combine combine(!experts, !routes) path(hierarchical) partial(f32) attributes
  // CHECK: xfer.ring "tx" slots(8) bytes(200704)
  // CHECK: xfer.reduce {{.*}} kernel(@combine_share){{$}}
  // CHECK: xfer.settle {{.*}} kernel(@combine_add) streaming(@combine_add_streaming) share(@combine_share)
  // CHECK: xfer.fan_out {{.*}} kernel(@combine_land) streaming(@combine_land_streaming)
  // CHECK: xfer.pull {{.*}} kernel(@combine_add) streaming(@combine_add_streaming) share(@combine_share)
  func.func @combine(%y: !experts, %r: !routes) -> !tokens {
    %x = faro.combine %y, %r partial(f32) : (!experts, !routes) -> !tokens
    return %x : !tokens
  }
  // Its own element needs no word.
  // CHECK: xfer.program @plain combine(!experts, !routes) path(hierarchical) attributes
  // CHECK: xfer.reduce {{.*}} kernel(@plain_pull){{$}}
  func.func @plain(%y: !experts, %r: !routes) -> !tokens {
    %x = faro.combine %y, %r partial(bf16) : (!experts, !routes) -> !tokens
    return %x : !tokens
  }
}

// -----

// Small rows are copied: to take each from its place would cost more.
!tokens = !faro.tokens<64xbf16>
!experts = !faro.tokens<64xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
module attributes {faro.mesh = #faro.mesh<nodes = 2, ranks_per_node = 2>} {
  // CHECK: xfer.program @small
  // CHECK: xfer.gather {{.*}} by(copy)
  func.func @small(%x: !tokens, %r: !routes) -> !experts {
    %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
    return %y : !experts
  }
}
