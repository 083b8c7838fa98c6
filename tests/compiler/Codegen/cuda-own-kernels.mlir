// Kernels of the input on a device: what nobody calls is not there, a shared memory has a name of its own, and nothing is
// asked for ahead.
// RUN: faro-opt %s -xfer-kernels-to-gpu | FileCheck %s

// CHECK: gpu.module @kernels
// CHECK-DAG: llvm.mlir.global internal @mine_staging_() {addr_space = 3 : i32, {{.*}} : !llvm.array<136 x i8>
// CHECK-DAG: gpu.func @mine(
// CHECK-DAG: llvm.mlir.addressof @mine_staging_ :
// CHECK-DAG: gpu.func @mine_staging(
// CHECK-NOT: {{helper|prefetch}}
module {
module @kernels {
  func.func private @helper(%a: i64) -> i64 {
    return %a : i64
  }
  func.func @mine(%a: i64) attributes {xfer.kernel} {
    %s = xfer.staging_memory : !xfer.staging<1 of 16 in 32>
    return
  }
  func.func @mine_staging(%a: !xfer.addr, %at: i64) attributes {xfer.kernel} {
    xfer.prefetch near %a[%at]
    xfer.prefetch far %a[%at]
    xfer.prefetch page %a[%at]
    xfer.prefetch in_order %a[%at]
    return
  }
}
}
