// Stages that need the same kernel have one: what lands in a combine across nodes is pushed like the dispatch's tokens.
// RUN: faroc %faro_src/examples/02_deepseek_v3/moe.mlir --compile-to=kernels | FileCheck %s
// CHECK: xfer.push {{.*}}kernel(@dispatch_push) streaming(@dispatch_push_streaming)
// CHECK: xfer.program @combine_across
// CHECK: xfer.fan_out {{.*}}kernel(@dispatch_push) streaming(@dispatch_push_streaming)
// CHECK: module @kernels
// CHECK-NOT: @combine_land

// Sums of another type lie in longer rows, so that they need their own.
// RUN: sed -e 's/faro.combine %%y, %%r/& partial(f32)/' %faro_src/examples/02_deepseek_v3/moe.mlir | faroc - --compile-to=kernels | FileCheck %s --check-prefix=PARTIAL
// PARTIAL: xfer.program @combine_across
// PARTIAL: xfer.fan_out {{.*}}kernel(@combine_land) streaming(@combine_land_streaming)
// PARTIAL: func.func @combine_land(

// What is shared compiles again, and a kernel of the input is nobody else's.
// RUN: faroc %faro_src/examples/02_deepseek_v3/moe.mlir --compile-to=kernels | faroc - --compile-to=asm | FileCheck %s --check-prefix=ASM
// ASM: "dispatch_push.x86-64-v4":
// RUN: faro-opt %s -xfer-emit-kernels | FileCheck %s --check-prefix=OWN
// OWN: xfer.push {{.*}}kernel(@mine)
// OWN: xfer.push {{.*}}kernel(@other)
// OWN: xfer.push {{.*}}kernel(@other)
// OWN: func.func @mine
// OWN: func.func @other
// OWN-NOT: func.func

!experts = !faro.tokens<2xbf16, #faro.layout<order = [expert, source]>>
!routes = !faro.routes<topk = 2, experts = 4>

xfer.program @a dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 4 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %push = xfer.push %plan on(core) kernel(@mine)
}
xfer.program @b dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 4 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %push = xfer.push %plan on(core) kernel(@other)
}
xfer.program @c dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 4 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %push = xfer.push %plan on(core) kernel(@third)
}
module @kernels {
  func.func @mine(%src: !xfer.addr, %stride: i64, %offsets: !xfer.addr, %dst: !xfer.addr, %begin: i64, %end: i64)
      attributes {xfer.kernel} {
    return
  }
}
