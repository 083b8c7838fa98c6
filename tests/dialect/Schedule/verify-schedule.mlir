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
    attributes {row_stride = 128 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %a = xfer.notify "a" on(link)
  %b = xfer.await "a" on(link)
  %c = xfer.notify "b" after(%b) on(link)
  %d = xfer.await "b" on(link)
  %pull = xfer.pull %plan after(%d) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%pull) on(link)
  %all  = xfer.await "done" on(link)
}

module @kernels {
  func.func @p(%a: !xfer.addr) attributes {xfer.kernel} { return }
  func.func @s(%a: !xfer.addr) attributes {xfer.kernel} { return }
}
