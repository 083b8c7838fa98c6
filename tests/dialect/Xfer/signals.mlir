// Signals between kernels print as they were read, from the pretty and from the generic form; none is removed or moved.
// RUN: faro-opt %s | faro-opt | FileCheck %s
// RUN: faro-opt --mlir-print-op-generic %s | faro-opt -canonicalize -cse | FileCheck %s

module @kernels {
  // CHECK: func.func @kernel(%arg0: !xfer.addr, %arg1: i64) attributes {xfer.kernel}
  func.func @kernel(%a: !xfer.addr, %off: i64) attributes {xfer.kernel} {
    // CHECK: xfer.clock
    // CHECK: xfer.clock
    %begin = xfer.clock
    %again = xfer.clock
    // CHECK: xfer.signal %arg1, %arg0[%arg1]
    xfer.signal %off, %a[%off]
    // CHECK: xfer.poll %arg0[%arg1]
    // CHECK: xfer.poll %arg0[%arg1]
    %n = xfer.poll %a[%off]
    %m = xfer.poll %a[%off]
    // CHECK: xfer.rest
    xfer.rest
    // CHECK: %[[LEADS:.*]] = xfer.leader
    %leads = xfer.leader
    // CHECK: xfer.agree %[[LEADS]]
    // CHECK: xfer.agree %[[LEADS]]
    %any = xfer.agree %leads
    %once_more = xfer.agree %leads
    return
  }
}
