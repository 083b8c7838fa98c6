// From sm_90 on a push is there a second time, by bulk copies: three rows of a block on their way through its shared memory.
// RUN: faroc %s --compile-to=ptx --target=cuda:sm_90 | FileCheck %s
// RUN: faroc %s --compile-to=ptx --target=cuda:sm_80 | FileCheck %s --check-prefix=OLD
// OLD-NOT: bulk

// CHECK: .target sm_90
// CHECK-LABEL: .entry dispatch_push_bulk(
// CHECK: .shared .align 128 .b8 dispatch_push_bulk_staging[43032]
// CHECK: mbarrier.init.shared::cta.b64 [%{{.*}} + 43008], 1;
// CHECK: fence.proxy.async.shared::cta;
// Two rows are on their way before the first is waited for.
// CHECK: mbarrier.arrive.expect_tx.shared::cta.b64 _, [%{{.*}}], 14336;
// CHECK: cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%{{.*}}], [%{{.*}}], 14336, [%{{.*}}];
// CHECK: cp.async.bulk.shared::cluster.global.mbarrier
// CHECK: mbarrier.try_wait.parity.shared::cta.b64
// CHECK: cp.async.bulk.global.shared::cta.bulk_group [%{{.*}}], [%{{.*}}], 14336;
// CHECK: cp.async.bulk.commit_group;
// CHECK: cp.async.bulk.wait_group.read 1;
// CHECK: cp.async.bulk.shared::cluster.global.mbarrier
// CHECK: cp.async.bulk.wait_group 0;
// CHECK: fence.acq_rel.sys;
// CHECK-NOT: .local

// Rows of 1040 bytes are stored 1088 bytes long: what is behind them is zero.
// RUN: sed -e 's/7168xbf16/520xbf16/' %s | faroc - --compile-to=ptx --target=cuda:sm_90 | FileCheck %s --check-prefix=PADDED
// PADDED-LABEL: .entry dispatch_push_bulk(
// PADDED: st.shared.b32 [%{{.*}} + 1040], 0;
// PADDED: cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%{{.*}}], [%{{.*}}], 1040, [%{{.*}}];
// PADDED: cp.async.bulk.global.shared::cta.bulk_group [%{{.*}}], [%{{.*}}], 1088;

// Rows that do not fit go in equal parts; those that are no multiple of 16 bytes go by threads alone.
// RUN: sed -e 's/7168xbf16/16384xbf16/' %s | faroc - --compile-to=ptx --target=cuda:sm_90 | FileCheck %s --check-prefix=PARTS
// PARTS-LABEL: .entry dispatch_push_bulk(
// PARTS: cp.async.bulk.global.shared::cta.bulk_group [%{{.*}}], [%{{.*}}], 8192;
// RUN: sed -e 's/7168xbf16/287xbf16/' %s | faroc - --compile-to=ptx --target=cuda:sm_90 | FileCheck %s --check-prefix=OLD

// From sm_100 on an access has 256 bits.
// RUN: faroc %s --compile-to=ptx --target=cuda:sm_100 | FileCheck %s --check-prefix=WIDE
// WIDE-LABEL: .entry dispatch_push(
// WIDE: ld.global.nc.L1::no_allocate.v8.b32
// WIDE: st.global.L1::no_allocate.v8.b32

!tokens  = !faro.tokens<7168xbf16>
!experts = !faro.tokens<7168xbf16, #faro.layout<order = [expert, source, token]>>
!routes  = !faro.routes<topk = 8, experts = 256>
module attributes {faro.mesh = #faro.mesh<nodes = 1, ranks_per_node = ?>} {
  func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {
    %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
    return %y : !experts
  }
}
