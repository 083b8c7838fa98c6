// Programs and stages print as they were read, from the pretty and from the generic form.
// RUN: faro-opt %s | faro-opt | FileCheck %s
// RUN: faro-opt --mlir-print-op-generic %s | faro-opt | FileCheck %s
// RUN: faro-opt --mlir-print-debuginfo %s | faro-opt | FileCheck %s
// RUN: faro-opt --mlir-print-debuginfo --mlir-print-local-scope %s | faro-opt -o /dev/null
// RUN: faro-opt --emit-bytecode %s | faro-opt | FileCheck %s
// RUN: faro-opt --cse --canonicalize %s | FileCheck %s
// RUN: faro-opt --mlir-print-op-generic %s | FileCheck %s --check-prefix=GENERIC

!experts = !faro.tokens<7168xbf16, #faro.layout<order = [expert, source, token], align = 128>>
!routes = !faro.routes<topk = 8, experts = 256>

// CHECK: xfer.program @dispatch dispatch(!experts, !routes) path(direct)
// CHECK-SAME: attributes {row_stride = 14336 : i64, streaming_threshold = 2097152 : i64} {
// CHECK-NEXT:   %plan = xfer.descriptors : !xfer.descriptors
// CHECK-NEXT:   %notify_open = xfer.notify "open" on(link)
// CHECK-NEXT:   %pad = xfer.pad %plan on(core)
// CHECK-NEXT:   %await_open = xfer.await "open" after(%notify_open) on(link)
// CHECK-NEXT:   %push = xfer.push %plan after(%await_open) on(core) kernel(@dispatch_push) streaming(@dispatch_push_streaming)
// CHECK-NEXT:   %notify_done = xfer.notify "done" after(%push) on(link)
// CHECK-NEXT:   %await_done = xfer.await "done" after(%notify_done, %pad) on(link)
// CHECK-NEXT: }
// GENERIC: "xfer.program"() <{path = #faro<path direct>, routes = !routes, row_stride = 14336 : i64, rows = !experts, shuffle = #xfer<shuffle dispatch>, streaming_threshold = 2097152 : i64, sym_name = "dispatch"}>
// GENERIC: "xfer.push"(%{{.*}}, %{{.*}}) <{kernel = @dispatch_push, on = #xfer<resource core>, streaming = @dispatch_push_streaming}>
xfer.program @dispatch dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 14336 : i64, streaming_threshold = 2097152 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %pad  = xfer.pad %plan on(core)
  %in   = xfer.await "open" after(%open) on(link)
  %push = xfer.push %plan after(%in) on(core) kernel(@dispatch_push) streaming(@dispatch_push_streaming)
  %sent = xfer.notify "done" after(%push) on(link)
  %all  = xfer.await "done" after(%sent, %pad) on(link)
}

// CHECK: xfer.program @combine combine(!experts, !routes) path(direct)
// CHECK-NEXT:   %plan = xfer.descriptors : !xfer.descriptors
// CHECK-NEXT:   %pull = xfer.pull %plan on(core) kernel(@combine_pull)
// CHECK-NEXT: }
xfer.program @combine combine(!experts, !routes) path(direct)
    attributes {row_stride = 14336 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %pull = xfer.pull %plan on(core) kernel(@combine_pull)
}

// Clauses may be written in any order.
// CHECK: xfer.program @dispatch_across dispatch(!experts, !routes) path(hierarchical) of(@dispatch) attributes
// CHECK-NEXT:   %plan = xfer.descriptors : !xfer.descriptors
// CHECK-NEXT:   %tx = xfer.ring "tx" slots(8) bytes(131072) : !xfer.ring
// CHECK-NEXT:   %rx = xfer.ring "rx" slots(4) bytes(64) : !xfer.ring
// CHECK-NEXT:   %hand = xfer.hand %plan on(core) kernel(@dispatch_push)
// CHECK-NEXT:   %gather = xfer.gather %plan after(%hand) into(%tx) acquires(%tx) on(core) by(reference) kernel(@dispatch_push)
// CHECK-NEXT:   %wire = xfer.wire after(%gather) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
// CHECK-NEXT:   %fan_out = xfer.fan_out %plan after(%wire) from(%rx) releases(%rx) on(core) kernel(@dispatch_push) streaming(@dispatch_push_streaming)
// CHECK-NEXT: }
xfer.program @dispatch_across dispatch(!experts, !routes) path(hierarchical) of(@dispatch)
    attributes {row_stride = 14336 : i64, streaming_threshold = 2097152 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(131072) : !xfer.ring
  %rx = xfer.ring "rx" slots(4) bytes(64) : !xfer.ring
  %hand = xfer.hand %plan kernel(@dispatch_push) on(core)
  %full = xfer.gather %plan by(reference) acquires(%tx) into(%tx) after(%hand) on(core) kernel(@dispatch_push)
  %there = xfer.wire on(nic) releases(%tx) after(%full) acquires(%rx) into(%rx) from(%tx)
  %out = xfer.fan_out %plan from(%rx) streaming(@dispatch_push_streaming) kernel(@dispatch_push) releases(%rx) on(core) after(%there)
}

// CHECK: xfer.program @combine_across combine(!experts, !routes) path(hierarchical) of(@combine) partial(f32) attributes
// CHECK-NEXT:   %plan = xfer.descriptors : !xfer.descriptors
// CHECK-NEXT:   %tx = xfer.ring "tx" slots(1) bytes(64) : !xfer.ring
// CHECK-NEXT:   %ask = xfer.ask %plan on(link)
// CHECK-NEXT:   %reduce = xfer.reduce %plan after(%ask) into(%tx) acquires(%tx, %tx) on(core) kernel(@combine_share)
// CHECK-NEXT:   %settle = xfer.settle %plan after(%reduce) from(%tx) on(core) kernel(@combine_add) streaming(@combine_add_streaming) share(@combine_share)
// CHECK-NEXT:   %pull = xfer.pull %plan after(%settle) on(core) kernel(@combine_add) share(@combine_share)
// CHECK-NEXT: }
xfer.program @combine_across combine(!experts, !routes) path(hierarchical) of(@combine) partial(f32)
    attributes {row_stride = 14336 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(1) bytes(64) : !xfer.ring
  %ask = xfer.ask %plan on(link)
  %part = xfer.reduce %plan after(%ask) into(%tx) acquires(%tx, %tx) on(core) kernel(@combine_share)
  %some = xfer.settle %plan share(@combine_share) from(%tx) kernel(@combine_add) streaming(@combine_add_streaming) on(core) after(%part)
  %sum = xfer.pull %plan after(%some) on(core) share(@combine_share) kernel(@combine_add)
}

// Nobody needs a name for what nobody waits for; what follows is no clause.
// CHECK: xfer.program @nameless
// CHECK-NEXT:   %notify_done = xfer.notify "done" on(link)
// CHECK-NEXT:   %await_done = xfer.await "done" on(link)
// CHECK-NEXT: }
xfer.program @nameless dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 14336 : i64, streaming_threshold = 2097152 : i64} {
  xfer.notify "done" on(link)
  xfer.await "done" on(link)
}

// Attributes of users, even of a clause's name, are theirs.
// CHECK: xfer.program @annotated
// CHECK: xfer.notify "open" on(link) {kernel = @zz, mine = 3 : i64, streaming}
xfer.program @annotated dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 14336 : i64, streaming_threshold = 2097152 : i64} {
  %notify = xfer.notify "open" on(link) {kernel = @zz, mine = 3, streaming}
}
