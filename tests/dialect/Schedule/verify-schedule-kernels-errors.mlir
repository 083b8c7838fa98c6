// What the module of the kernels holds (S27).
// RUN: faro-opt --xfer-verify-schedule %s -split-input-file -verify-diagnostics

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s27 dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}
module @kernels {
  func.func @p(%a: !xfer.addr) attributes {xfer.kernel} { return }
  // expected-error@+1 {{'xfer.fence' op is no function; expected the module @kernels to hold functions with bodies, and nothing else}}
  xfer.fence
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s27_global dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}
module @kernels {
  func.func @p(%a: !xfer.addr) attributes {xfer.kernel} { return }
  // expected-error@+1 {{'llvm.mlir.global' op is no function; expected the module @kernels to hold functions with bodies, and nothing else}}
  llvm.mlir.global internal @g(7 : i64) : i64
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s27_body dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}
module @kernels {
  func.func @p(%a: !xfer.addr) attributes {xfer.kernel} { return }
  // expected-error@+1 {{'func.func' op has no body; expected the module @kernels to hold functions with bodies, and nothing else}}
  func.func private @elsewhere(i64)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s27_name dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}
module @kernels {
  func.func @p(%a: !xfer.addr) attributes {xfer.kernel} { return }
  // expected-error@+1 {{'func.func' op expects a name of letters, digits and underscores, no digit first, as all of the module @kernels}}
  func.func private @"a-b"() { return }
}
