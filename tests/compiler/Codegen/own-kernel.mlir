// RUN: faro-opt %s -xfer-emit-kernels | FileCheck %s
// RUN: faroc %s --compile-to=asm | FileCheck %s --check-prefix=ASM

!experts = !faro.tokens<2xbf16, #faro.layout<order = [expert, source]>>
!routes = !faro.routes<topk = 2, experts = 4>

xfer.program @program dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 4 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %push = xfer.push %plan after(%in) on(core) kernel(@mine)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// A kernel of the input is kept as it is, and may call functions of its module.
// CHECK: module @kernels
// CHECK-NEXT: func.func private @helper
// CHECK: func.func @mine
// CHECK-NEXT: call @helper
// CHECK-NEXT: return
// CHECK-NOT: func.func

// ASM-DAG: "mine.x86-64-v4":
// ASM-DAG: "mine.x86-64":
module @kernels {
  func.func private @helper(%a: i64) {
    return
  }
  func.func @mine(%src: !xfer.addr, %stride: i64, %offsets: !xfer.addr, %dst: !xfer.addr, %begin: i64, %end: i64)
      attributes {xfer.kernel} {
    call @helper(%begin) : (i64) -> ()
    return
  }
}
