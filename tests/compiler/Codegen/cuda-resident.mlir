// A push is there a second time, as one that waits for pushes while it runs.
// RUN: faroc %s --compile-to=ptx --target=cuda:sm_80 | FileCheck %s
// RUN: faroc %s --compile-to=ptx --target=cuda:sm_100 | FileCheck %s

// What it reads changes while it runs.
// RUN: faroc %s --compile-to=ptx --target=cuda:sm_90 | sed -n '/^.visible .entry dispatch_push_resident/,/^}/p' | FileCheck %s --check-prefix=CHANGES
// CHANGES: .entry dispatch_push_resident(
// CHANGES-NOT: ld.global.nc

// CHECK-LABEL: .entry dispatch_push(
// CHECK: ld.global.nc.L1::no_allocate
// CHECK-LABEL: .entry dispatch_push_resident(
// One thread of a block polls: whether to leave, then what is posted; until the clock says that it has waited for long.
// CHECK: mov.u64 %{{.*}}, %globaltimer;
// CHECK: ld.acquire.sys.global.b64 %{{.*}}, [%[[QUEUE:.*]]+8];
// CHECK: ld.acquire.sys.global.b64 %{{.*}}, [%[[QUEUE]]];
// CHECK: nanosleep.u32
// CHECK: ld.acquire.sys.global.b64 %{{.*}}, [%[[QUEUE]]+8];
// CHECK: ld.acquire.sys.global.b64 %{{.*}}, [%[[QUEUE]]];
// All of them go on together.
// CHECK: bar.red.or.pred
// CHECK: ld.global.L1::no_allocate
// CHECK: st.global.L1::no_allocate
// CHECK: fence.acq_rel.sys;
// CHECK-NEXT: st.release.sys.global.b64 [%[[STATE:.*]]], %{{.*}};
// CHECK: bar.red.or.pred
// CHECK: fence.acq_rel.sys;
// CHECK-NEXT: st.release.sys.global.b64 [%[[STATE]]+8], %{{.*}};
// CHECK: ret;

!tokens  = !faro.tokens<7168xbf16>
!experts = !faro.tokens<7168xbf16, #faro.layout<order = [expert, source, token]>>
!routes  = !faro.routes<topk = 8, experts = 256>
module attributes {faro.mesh = #faro.mesh<nodes = 1, ranks_per_node = ?>} {
  func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {
    %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
    return %y : !experts
  }
}
