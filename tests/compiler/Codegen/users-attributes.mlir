// Attributes of users are theirs, whatever their names: no kernel is written for them, no rule reads them, and no table
// of the module has them.
// RUN: faro-opt %s -xfer-verify-schedule -xfer-emit-kernels | FileCheck %s
// RUN: faroc %s --compile-to=llvm | FileCheck %s --check-prefix=TABLES

!experts = !faro.tokens<2xbf16, #faro.layout<order = [expert, source], align = 2>>
!routes = !faro.routes<topk = 2, experts = 4>

// CHECK: xfer.notify "open" on(link) {kernel = @mine, share = @mine, streaming = @mine}
// CHECK: xfer.pad %plan on(core) {flag = "mine"}
// CHECK: xfer.push %plan after(%await_open) on(core) kernel(@dispatch_push) {flag = "mine", share = @mine}
// CHECK: func.func @dispatch_push
// CHECK-NOT: func.func

// A stage without a flag has flag 0; one without a kernel has none.
// TABLES-NOT: c"mine
// TABLES: c"dispatch_push\00"
// TABLES-NOT: c"mine
xfer.program @dispatch dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 4 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link) {kernel = @mine, share = @mine, streaming = @mine}
  %pad = xfer.pad %plan on(core) {flag = "mine"}
  %in = xfer.await "open" after(%open) on(link)
  %push = xfer.push %plan after(%in) on(core) kernel(@dispatch_push) {flag = "mine", share = @mine}
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent, %pad) on(link)
}
