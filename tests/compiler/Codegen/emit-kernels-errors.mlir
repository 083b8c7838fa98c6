// RUN: faro-opt %s -split-input-file -verify-diagnostics -xfer-emit-kernels
// RUN: not faro-opt %s -split-input-file -xfer-emit-kernels="tile=48" 2>&1 | FileCheck %s --check-prefix=TILE
// TILE: error: xfer-emit-kernels: expects powers of two, 16 <= vector <= 64 and tile >= vector, {{.*}}found tile = 48
// RUN: not faro-opt %s -split-input-file -xfer-emit-kernels="few-rows-vector=128" 2>&1 | FileCheck %s --check-prefix=FEW
// FEW: error: xfer-emit-kernels: expects powers of two, 16 <= vector <= 64 {{.*}}few-rows-vector = 128
// RUN: not faro-opt %s -split-input-file -xfer-emit-kernels="prefetch=-1" 2>&1 | FileCheck %s --check-prefix=AHEAD
// AHEAD: neither block nor prefetch below 0, {{.*}}prefetch = -1

!experts = !faro.tokens<2xbf16, #faro.layout<order = [expert, source]>>
!routes = !faro.routes<topk = 2, experts = 4>

xfer.program @a dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 4 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %push = xfer.push %plan on(core) kernel(@same)
}
xfer.program @b combine(!experts, !routes) path(direct)
    attributes {row_stride = 4 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  // expected-error@+1 {{kernel @same is also named by a stage that needs another one; give them different names}}
  %pull = xfer.pull %plan on(core) kernel(@same)
}

// -----

!experts = !faro.tokens<2xbf16, #faro.layout<order = [expert, source]>>
!routes = !faro.routes<topk = 2, experts = 4>

xfer.program @wrong_own_kernel dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 4 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  // expected-note@+1 {{named as a kernel here}}
  %push = xfer.push %plan on(core) kernel(@mine)
}
module @kernels {
  // expected-error@+1 {{expects a function with a body, the attribute xfer.kernel and the type '(!xfer.addr, i64, !xfer.addr, !xfer.addr, i64, i64) -> ()'}}
  func.func @mine(%src: !xfer.addr) attributes {xfer.kernel} {
    return
  }
}

// -----

!experts = !faro.tokens<{2xbf16, 1xf32}, #faro.layout<order = [expert, source]>>
!routes = !faro.routes<topk = 2, experts = 4>

// expected-error@+1 {{expects rows of one plane, found {2xbf16, 1xf32}}}
xfer.program @two_planes dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 8 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %push = xfer.push %plan on(core) kernel(@k)
}

// -----

!experts = !faro.tokens<4xi8, #faro.layout<order = [expert, source]>>
!routes = !faro.routes<topk = 2, experts = 4>

// expected-error@+1 {{expects rows of bf16, f16 or f32, found 4xi8}}
xfer.program @element dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 4 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %push = xfer.push %plan on(core) kernel(@k)
}

// -----

!experts = !faro.tokens<2xbf16, #faro.layout<order = [expert, source]>>
!routes = !faro.routes<topk = 2, experts = 4>

// A share is stored as f32, the result as bf16.
xfer.program @across combine(!experts, !routes) path(hierarchical) partial(f32)
    attributes {row_stride = 4 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  // expected-error@+1 {{kernel @pull is also named by a stage that needs another one; give them different names}}
  %sum = xfer.pull %plan on(core) kernel(@pull) share(@pull)
}
