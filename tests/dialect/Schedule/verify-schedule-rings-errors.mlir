// Who writes, reads, acquires and releases a ring: one constraint of dialect/README.md a split, which names the program.
// RUN: faro-opt --xfer-verify-schedule --verify-diagnostics --split-input-file %s

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s13 dispatch(!experts, !routes) path(hierarchical)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(4096) : !xfer.ring
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %hand = xfer.hand %plan after(%in) on(core) kernel(@p)
  %give = xfer.notify "handed" after(%hand) on(link)
  %have = xfer.await "handed" after(%give) on(link)
  // expected-note@+1 {{stage 'gather' does, too}}
  %full = xfer.gather %plan after(%in, %have) into(%tx) acquires(%tx) on(core) by(copy) kernel(@p)
  // expected-error@+1 {{stage 'wire' also writes into ring "tx"; expected one stage that does}}
  %there = xfer.wire after(%full) from(%tx) into(%tx) acquires(%rx) releases(%tx) on(nic)
  %out = xfer.fan_out %plan after(%in, %there) from(%rx) releases(%rx) on(core) kernel(@p)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s13_nobody_reads dispatch(!experts, !routes) path(hierarchical)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  // expected-error@+1 {{ring "spare" expects one stage that writes into it, found none}}
  %spare = xfer.ring "spare" slots(8) bytes(4096) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(4096) : !xfer.ring
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %hand = xfer.hand %plan after(%in) on(core) kernel(@p)
  %give = xfer.notify "handed" after(%hand) on(link)
  %have = xfer.await "handed" after(%give) on(link)
  %full = xfer.gather %plan after(%in, %have) into(%tx) acquires(%tx) on(core) by(copy) kernel(@p)
  %there = xfer.wire after(%full) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  %out = xfer.fan_out %plan after(%in, %there) from(%rx) releases(%rx) on(core) kernel(@p)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s13_two_readers dispatch(!experts, !routes) path(hierarchical)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(4096) : !xfer.ring
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %hand = xfer.hand %plan after(%in) on(core) kernel(@p)
  %give = xfer.notify "handed" after(%hand) on(link)
  %have = xfer.await "handed" after(%give) on(link)
  %full = xfer.gather %plan after(%in, %have) into(%tx) acquires(%tx) on(core) by(copy) kernel(@p)
  // expected-note@+1 {{stage 'wire' does, too}}
  %there = xfer.wire after(%full) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  // expected-error@+1 {{stage 'fan_out' also reads from ring "tx"; expected one stage that does}}
  %out = xfer.fan_out %plan after(%in, %there) from(%tx) releases(%rx) on(core) kernel(@p)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s14 dispatch(!experts, !routes) path(hierarchical)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(4096) : !xfer.ring
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %hand = xfer.hand %plan after(%in) on(core) kernel(@p)
  %give = xfer.notify "handed" after(%hand) on(link)
  %have = xfer.await "handed" after(%give) on(link)
  // expected-error@+1 {{stage 'gather' writes into ring "tx" and does not acquire it: a slot may still be in use; add acquires(%tx)}}
  %full = xfer.gather %plan after(%in, %have) into(%tx) on(core) by(copy) kernel(@p)
  %there = xfer.wire after(%full) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  %out = xfer.fan_out %plan after(%in, %there) from(%rx) releases(%rx) on(core) kernel(@p)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s14_another_stage dispatch(!experts, !routes) path(hierarchical)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(4096) : !xfer.ring
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %hand = xfer.hand %plan after(%in) on(core) kernel(@p)
  %give = xfer.notify "handed" after(%hand) on(link)
  %have = xfer.await "handed" after(%give) on(link)
  // expected-error@+1 {{stage 'gather' acquires ring "rx" and does not write into it; expected only its writer 'wire' to}}
  %full = xfer.gather %plan after(%in, %have) into(%tx) acquires(%tx, %rx) on(core) by(copy) kernel(@p)
  %there = xfer.wire after(%full) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  %out = xfer.fan_out %plan after(%in, %there) from(%rx) releases(%rx) on(core) kernel(@p)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s15 dispatch(!experts, !routes) path(hierarchical)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(4096) : !xfer.ring
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %hand = xfer.hand %plan after(%in) on(core) kernel(@p)
  %give = xfer.notify "handed" after(%hand) on(link)
  %have = xfer.await "handed" after(%give) on(link)
  %full = xfer.gather %plan after(%in, %have) into(%tx) acquires(%tx) on(core) by(copy) kernel(@p)
  %there = xfer.wire after(%full) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  // expected-error@+1 {{stage 'fan_out' is the last to use a slot of ring "rx", and no stage releases it: after 8 slots nothing moves; add releases(%rx)}}
  %out = xfer.fan_out %plan after(%in, %there) from(%rx) on(core) kernel(@p)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s15_twice dispatch(!experts, !routes) path(hierarchical)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(4096) : !xfer.ring
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %hand = xfer.hand %plan after(%in) on(core) kernel(@p)
  %give = xfer.notify "handed" after(%hand) on(link)
  %have = xfer.await "handed" after(%give) on(link)
  %full = xfer.gather %plan after(%in, %have) into(%tx) acquires(%tx) on(core) by(copy) kernel(@p)
  // expected-note@+1 {{stage 'wire' does, too}}
  %there = xfer.wire after(%full) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  // expected-error@+1 {{stage 'fan_out' also releases ring "tx"; expected one stage that does}}
  %out = xfer.fan_out %plan after(%in, %there) from(%rx) releases(%rx, %tx) on(core) kernel(@p)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s15_twice_in_a_list dispatch(!experts, !routes) path(hierarchical)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(4096) : !xfer.ring
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %hand = xfer.hand %plan after(%in) on(core) kernel(@p)
  %give = xfer.notify "handed" after(%hand) on(link)
  %have = xfer.await "handed" after(%give) on(link)
  %full = xfer.gather %plan after(%in, %have) into(%tx) acquires(%tx) on(core) by(copy) kernel(@p)
  %there = xfer.wire after(%full) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  // expected-error@+1 {{stage 'fan_out' names ring "rx" twice in a list; expected one slot a slice}}
  %out = xfer.fan_out %plan after(%in, %there) from(%rx) releases(%rx, %rx) on(core) kernel(@p)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s16 dispatch(!experts, !routes) path(hierarchical)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(4096) : !xfer.ring
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %hand = xfer.hand %plan after(%in) on(core) kernel(@p)
  %give = xfer.notify "handed" after(%hand) on(link)
  %have = xfer.await "handed" after(%give) on(link)
  %full = xfer.gather %plan after(%in, %have) into(%tx) acquires(%tx) on(core) by(copy) kernel(@p)
  %there = xfer.wire after(%full) from(%tx) into(%rx) acquires(%rx) on(nic)
  // expected-error@+1 {{stage 'fan_out' fires where slices arrive and releases ring "tx", whose slots are where they leave; expected stage 'wire' to}}
  %out = xfer.fan_out %plan after(%in, %there) from(%rx) releases(%rx, %tx) on(core) kernel(@p)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}
