// A kernel of the input may hold assembly. What is wrong with it is an error like others: nothing is written.
// RUN: rm -f %t.so
// RUN: sed s/INSTRUCTION/nop/ %s | faroc - -o %t.so
// RUN: sed s/INSTRUCTION/nonsense/ %s | not faroc - -o %t.bad.so 2>&1 | FileCheck %s
// RUN: sed s/INSTRUCTION/nonsense/ %s | not faroc - --compile-to=asm 2>&1 | FileCheck %s
// RUN: ls %t.so && not ls %t.bad.so

// CHECK: error: {{.*}}invalid instruction mnemonic 'nonsense'

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

module @kernels {
  func.func @mine(%src: !xfer.addr, %stride: i64, %offsets: !xfer.addr, %dst: !xfer.addr, %begin: i64, %end: i64)
      attributes {xfer.kernel} {
    llvm.inline_asm has_side_effects "INSTRUCTION", "" : () -> ()
    return
  }
}
