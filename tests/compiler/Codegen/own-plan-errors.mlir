// A kernel of the input that has the name of one that plans batches must be one.
// RUN: faro-opt %s -split-input-file -verify-diagnostics -xfer-emit-plan

!experts = !faro.tokens<2xbf16, #faro.layout<order = [expert, source]>>
!routes = !faro.routes<topk = 2, experts = 4>
// expected-note@+1 {{named as a kernel here}}
xfer.program @dispatch dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 4 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
}
module @kernels {
  // expected-error@+1 {{expects a function with a body, the attribute xfer.kernel and the type '(!xfer.addr, !xfer.addr, !xfer.addr, i64) -> ()'}}
  func.func @dispatch_plan_count(%a: i32) attributes {xfer.kernel} {
    return
  }
}

// -----

!experts = !faro.tokens<2xbf16, #faro.layout<order = [expert, source]>>
!routes = !faro.routes<topk = 2, experts = 4>
// expected-note@+1 {{named as a kernel here}}
xfer.program @dispatch dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 4 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
}
module @kernels {
  // expected-error@+1 {{expects a function with a body, the attribute xfer.kernel}}
  func.func private @dispatch_plan_meet(!xfer.addr, !xfer.addr, !xfer.addr, i64) attributes {xfer.kernel}
}

// -----

!experts = !faro.tokens<2xbf16, #faro.layout<order = [expert, source]>>
!routes = !faro.routes<topk = 2, experts = 4>
// expected-note@+1 {{named as a kernel here}}
xfer.program @dispatch dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 4 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
}
module @kernels {
  // expected-error@+1 {{expects a function with a body, the attribute xfer.kernel}}
  llvm.mlir.global internal @dispatch_plan_weigh(7 : i64) : i64
}
