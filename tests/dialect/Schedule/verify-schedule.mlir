// Schedules that differ from the lowering's, as a person may write them, and are right all the same.
// RUN: faro-opt --xfer-verify-schedule %s | FileCheck %s

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert], align = 4>>
!routes = !faro.routes<topk = 2, experts = 4>

// Padding is zeroed before the window is opened, and the flag "open" orders it before the end.
// CHECK: xfer.program @pad_first
xfer.program @pad_first dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %pad  = xfer.pad %plan on(core)
  %open = xfer.notify "open" after(%pad) on(link)
  %in   = xfer.await "open" on(link)
  %push = xfer.push %plan after(%in) on(core) kernel(@p) streaming(@s)
  %sent = xfer.notify "done" after(%push) on(link)
  %all  = xfer.await "done" on(link)
}

// Two rounds of flags before the pull.
// CHECK: xfer.program @two_rounds
xfer.program @two_rounds combine(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %a = xfer.notify "a" on(link)
  %b = xfer.await "a" on(link)
  %c = xfer.notify "b" after(%b) on(link)
  %d = xfer.await "b" on(link)
  %pull = xfer.pull %plan after(%d) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%pull) on(link)
  %all  = xfer.await "done" on(link)
}

// Slots for one slice only, smaller than a row; push before the slices; a flag more than needed.
// CHECK: xfer.program @one_slot_across
xfer.program @one_slot_across dispatch(!experts, !routes) path(hierarchical)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(3) bytes(64) : !xfer.ring
  %rx = xfer.ring "rx" slots(5) bytes(64) : !xfer.ring
  %pad = xfer.pad %plan on(core)
  %open = xfer.notify "open" after(%pad) on(link)
  %in = xfer.await "open" on(link)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %hand = xfer.hand %plan after(%push) on(core) kernel(@p)
  %give = xfer.notify "handed" after(%hand) on(link)
  %have = xfer.await "handed" on(link)
  %full = xfer.gather %plan after(%have) into(%tx) acquires(%tx) on(core) by(reference) kernel(@p)
  %there = xfer.wire after(%full, %in) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  %out = xfer.fan_out %plan after(%there, %have) from(%rx) releases(%rx) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%out, %push) on(link)
  %all = xfer.await "done" on(link)
}

// Everything has come before the first sum is made.
// CHECK: xfer.program @two_phases_across
xfer.program @two_phases_across combine(!experts, !routes) path(hierarchical) partial(f32)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(1) bytes(256) : !xfer.ring
  %rx = xfer.ring "rx" slots(1) bytes(256) : !xfer.ring
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" on(link)
  %ask = xfer.ask %plan after(%in) on(link)
  %part = xfer.reduce %plan after(%ask) into(%tx) acquires(%tx) on(core) kernel(@p)
  %there = xfer.wire after(%part) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  %land = xfer.fan_out %plan after(%there, %in) from(%rx) releases(%rx) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%part, %land) on(link)
  %all = xfer.await "done" on(link)
  %sum = xfer.pull %plan after(%all) on(core) kernel(@p) share(@p)
  %bye = xfer.notify "bye" after(%sum) on(link)
  %end = xfer.await "bye" on(link)
}

module @kernels {
  func.func @p(%a: !xfer.addr) attributes {xfer.kernel} { return }
  func.func @s(%a: !xfer.addr) attributes {xfer.kernel} { return }
}
