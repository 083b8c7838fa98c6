// What waits for what, over nodes only: one constraint of dialect/README.md a split, which names the program.
// RUN: faro-opt --xfer-verify-schedule --verify-diagnostics --split-input-file %s

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s19 dispatch(!experts, !routes) path(hierarchical)
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
  // expected-error@+1 {{stage 'fan_out' fires where slices arrive and cannot wait for stage 'gather', which fires where they leave; only the wire is known at both ends}}
  %out = xfer.fan_out %plan after(%in, %there, %full) from(%rx) releases(%rx) on(core) kernel(@p)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s19_back dispatch(!experts, !routes) path(hierarchical)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(4096) : !xfer.ring
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %hand = xfer.hand %plan after(%in) on(core) kernel(@p)
  %give = xfer.notify "handed" after(%hand) on(link)
  %have = xfer.await "handed" after(%give) on(link)
  %out = xfer.fan_out %plan after(%in) from(%rx) releases(%rx) on(core) kernel(@p)
  // expected-error@+1 {{stage 'gather' fires where slices leave and cannot wait for stage 'fan_out', which fires where they arrive; only the wire is known at both ends}}
  %full = xfer.gather %plan after(%in, %have, %out) into(%tx) acquires(%tx) on(core) by(copy) kernel(@p)
  %there = xfer.wire after(%full) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s20 dispatch(!experts, !routes) path(hierarchical)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(4096) : !xfer.ring
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %hand = xfer.hand %plan after(%in) on(core) kernel(@p)
  %give = xfer.notify "handed" after(%hand) on(link)
  %have = xfer.await "handed" after(%give) on(link)
  // expected-error@+1 {{stage 'gather' takes rows that peers handed over; expected a flag that is raised after stage 'hand' and awaited before this one}}
  %full = xfer.gather %plan after(%in) into(%tx) acquires(%tx) on(core) by(copy) kernel(@p)
  %there = xfer.wire after(%full) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  %out = xfer.fan_out %plan after(%in, %there) from(%rx) releases(%rx) on(core) kernel(@p)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s21 combine(!experts, !routes) path(hierarchical)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(4096) : !xfer.ring
  %ask = xfer.ask %plan on(link)
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %part = xfer.reduce %plan after(%in, %ask) into(%tx) acquires(%tx) on(core) kernel(@p)
  %there = xfer.wire after(%part) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  %land = xfer.fan_out %plan after(%in, %there) from(%rx) releases(%rx) on(core) kernel(@p)
  %give = xfer.notify "landed" after(%land) on(link)
  %have = xfer.await "landed" after(%give) on(link)
  // expected-error@+1 {{stage 'pull' adds partial rows that forwarders store; expected a flag that is raised after stage 'fan_out' and awaited before this one}}
  %sum = xfer.pull %plan after(%in) on(core) kernel(@p) share(@p)
  %sent = xfer.notify "done" after(%sum, %part) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s22 combine(!experts, !routes) path(hierarchical)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(4096) : !xfer.ring
  %ask = xfer.ask %plan on(link)
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  // expected-error@+1 {{stage 'reduce' sums what other nodes ask for; expected stage 'ask' before it: if all ranks wait for each other's, nobody asks}}
  %part = xfer.reduce %plan after(%in) into(%tx) acquires(%tx) on(core) kernel(@p)
  %there = xfer.wire after(%part) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  %land = xfer.fan_out %plan after(%in, %there) from(%rx) releases(%rx) on(core) kernel(@p)
  %give = xfer.notify "landed" after(%land) on(link)
  %have = xfer.await "landed" after(%give) on(link)
  %sum = xfer.pull %plan after(%in, %have) on(core) kernel(@p) share(@p)
  %sent = xfer.notify "done" after(%sum, %part) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s25 combine(!experts, !routes) path(hierarchical)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(4096) : !xfer.ring
  %ask = xfer.ask %plan on(link)
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %part = xfer.reduce %plan after(%in, %ask) into(%tx) acquires(%tx) on(core) kernel(@p)
  %there = xfer.wire after(%part) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  // expected-error@+1 {{stage 'settle' expects to read from ring "rx", whose rows stage 'fan_out' stores if it does not sum them}}
  %some = xfer.settle %plan after(%in, %there) from(%tx) on(core) kernel(@p) share(@p)
  %land = xfer.fan_out %plan after(%in, %there, %some) from(%rx) releases(%rx) on(core) kernel(@p)
  %give = xfer.notify "landed" after(%land) on(link)
  %have = xfer.await "landed" after(%give) on(link)
  %sum = xfer.pull %plan after(%some, %have) on(core) kernel(@p) share(@p)
  %sent = xfer.notify "done" after(%sum, %part, %some) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s23 combine(!experts, !routes) path(hierarchical)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(4096) : !xfer.ring
  %ask = xfer.ask %plan on(link)
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %part = xfer.reduce %plan after(%in, %ask) into(%tx) acquires(%tx) on(core) kernel(@p)
  %there = xfer.wire after(%part) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  %land = xfer.fan_out %plan after(%in, %there) from(%rx) on(core) kernel(@p)
  %some = xfer.settle %plan after(%in, %land) from(%rx) releases(%rx) on(core) kernel(@p) share(@p)
  %give = xfer.notify "landed" after(%land) on(link)
  %have = xfer.await "landed" after(%give) on(link)
  // expected-error@+1 {{stage 'pull' sums the tokens that stage 'settle' has left; expected to come after it}}
  %sum = xfer.pull %plan after(%in, %have) on(core) kernel(@p) share(@p)
  %sent = xfer.notify "done" after(%sum, %part, %some) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s24 combine(!experts, !routes) path(hierarchical)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(4096) : !xfer.ring
  %ask = xfer.ask %plan on(link)
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %part = xfer.reduce %plan after(%in, %ask) into(%tx) acquires(%tx) on(core) kernel(@p)
  %there = xfer.wire after(%part) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  // expected-error@+1 {{stage 'settle' adds this node's share of each token; expected share(@kernel), which sums it}}
  %some = xfer.settle %plan after(%in, %there) from(%rx) on(core) kernel(@p)
  %land = xfer.fan_out %plan after(%in, %there, %some) from(%rx) releases(%rx) on(core) kernel(@p)
  %give = xfer.notify "landed" after(%land) on(link)
  %have = xfer.await "landed" after(%give) on(link)
  %sum = xfer.pull %plan after(%some, %have) on(core) kernel(@p) share(@p)
  %sent = xfer.notify "done" after(%sum, %part, %some) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s24_direct combine(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  // expected-error@+1 {{stage 'pull' has no use for the kernel share(...): it adds no partial rows}}
  %sum = xfer.pull %plan after(%in) on(core) kernel(@p) share(@p)
  %sent = xfer.notify "done" after(%sum) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}
