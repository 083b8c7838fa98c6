// How fast slices follow each other, and what holds them up, with the figures of CostModel.cpp.
// RUN: faro-opt --xfer-verify-schedule=period=tcp --verify-diagnostics %s
// RUN: not faro-opt --xfer-verify-schedule=period=pigeon %s 2>&1 | FileCheck %s --check-prefix=WIRE
// WIRE: error: xfer-verify-schedule: expects period=tcp or period=rdma, found 'pigeon'

!experts = !faro.tokens<7168xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 8, experts = 64>

// Nine rows of 14336 bytes are gathered and scattered at 8 bytes a ns by one core, and it hands them to the wire.
// expected-remark@+1 {{over tcp, a slice of 9 rows every 54.3 us, the first after 110.3 us; it is held up by resource core}}
xfer.program @copied dispatch(!experts, !routes) path(hierarchical)
    attributes {row_stride = 14336 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(131072) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(131072) : !xfer.ring
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %hand = xfer.hand %plan after(%in) on(core) kernel(@p)
  %give = xfer.notify "handed" after(%hand) on(link)
  %have = xfer.await "handed" after(%give) on(link)
  %full = xfer.gather %plan after(%have) into(%tx) acquires(%tx) on(core) by(copy) kernel(@p)
  %there = xfer.wire after(%full) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  %out = xfer.fan_out %plan after(%in, %there) from(%rx) releases(%rx) on(core) kernel(@p)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// With one slot at the receiver a slice goes the whole way, and its credit back, before the next one.
// expected-remark@+1 {{over tcp, a slice of 9 rows every 123.1 us, the first after 110.3 us; it is held up by post -> wire -> latency -> notice -> scatter -> credit -> post}}
xfer.program @one_slot dispatch(!experts, !routes) path(hierarchical)
    attributes {row_stride = 14336 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(131072) : !xfer.ring
  %rx = xfer.ring "rx" slots(1) bytes(131072) : !xfer.ring
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %hand = xfer.hand %plan after(%in) on(core) kernel(@p)
  %give = xfer.notify "handed" after(%hand) on(link)
  %have = xfer.await "handed" after(%give) on(link)
  %full = xfer.gather %plan after(%have) into(%tx) acquires(%tx) on(core) by(copy) kernel(@p)
  %there = xfer.wire after(%full) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  %out = xfer.fan_out %plan after(%in, %there) from(%rx) releases(%rx) on(core) kernel(@p)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}
