// When slots are used, and what they hold: one constraint of dialect/README.md a split, which names the program.
// RUN: faro-opt --xfer-verify-schedule --verify-diagnostics --split-input-file %s

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s17 dispatch(!experts, !routes) path(hierarchical)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(4096) : !xfer.ring
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %hand = xfer.hand %plan after(%in) on(core) kernel(@p)
  %give = xfer.notify "handed" after(%hand) on(link)
  %have = xfer.await "handed" after(%give) on(link)
  // expected-error@+1 {{stage 'gather' releases slots of ring "tx" that stage 'wire' may still read; expected that stage, or one after it, to release them}}
  %full = xfer.gather %plan after(%in, %have) into(%tx) acquires(%tx) releases(%tx) on(core) by(copy) kernel(@p)
  %there = xfer.wire after(%full) from(%tx) into(%rx) acquires(%rx) on(nic)
  %out = xfer.fan_out %plan after(%in, %there) from(%rx) releases(%rx) on(core) kernel(@p)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s17_before_it_arrived dispatch(!experts, !routes) path(hierarchical)
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
  // expected-error@+1 {{stage 'wire' releases slots of ring "rx" that stage 'fan_out' may still read}}
  %there = xfer.wire after(%full) from(%tx) into(%rx) acquires(%rx) releases(%tx, %rx) on(nic)
  %out = xfer.fan_out %plan after(%in, %there) from(%rx) on(core) kernel(@p)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s17_read_too_early dispatch(!experts, !routes) path(hierarchical)
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
  // expected-error@+1 {{stage 'wire' reads slots of ring "tx" and does not come after stage 'gather', which writes them}}
  %there = xfer.wire after(%have) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  %out = xfer.fan_out %plan after(%in, %there) from(%rx) releases(%rx) on(core) kernel(@p)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<7168xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s18 dispatch(!experts, !routes) path(hierarchical)
    attributes {row_stride = 14336 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  // expected-error@+1 {{ring "rx" has 3 x 4096 bytes, and a row with its destinations takes 14464; expected slots that hold a row, adjacent ones together: raise bytes or slots}}
  %rx = xfer.ring "rx" slots(3) bytes(4096) : !xfer.ring
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

// Partial rows of the program's own element are as far apart as the program says, which is not what others would be.
!experts = !faro.tokens<224xbf16, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s18_partials combine(!experts, !routes) path(hierarchical)
    attributes {row_stride = 510 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  // expected-error@+1 {{ring "tx" has 1 x 576 bytes, and a row with its destinations takes 638}}
  %tx = xfer.ring "tx" slots(1) bytes(576) : !xfer.ring
  %rx = xfer.ring "rx" slots(2) bytes(576) : !xfer.ring
  %ask = xfer.ask %plan on(link)
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %part = xfer.reduce %plan after(%in, %ask) into(%tx) acquires(%tx) on(core) kernel(@p)
  %there = xfer.wire after(%part) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  %some = xfer.settle %plan after(%in, %there) from(%rx) on(core) kernel(@p) share(@p)
  %land = xfer.fan_out %plan after(%in, %there, %some) from(%rx) releases(%rx) on(core) kernel(@q)
  %told = xfer.notify "landed" after(%land) on(link)
  %landed = xfer.await "landed" after(%told) on(link)
  %sum = xfer.pull %plan after(%some, %landed) on(core) kernel(@p) share(@p)
  %sent = xfer.notify "done" after(%sum, %part) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s17_settle combine(!experts, !routes) path(hierarchical)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(4096) : !xfer.ring
  %ask = xfer.ask %plan on(link)
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %part = xfer.reduce %plan after(%in, %ask) into(%tx) acquires(%tx) on(core) kernel(@p)
  %there = xfer.wire after(%part) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  %some = xfer.settle %plan after(%in, %there) from(%rx) on(core) kernel(@p) share(@p)
  // expected-error@+1 {{stage 'fan_out' releases slots of ring "rx" that stage 'settle' may still read; expected that stage, or one after it, to release them}}
  %land = xfer.fan_out %plan after(%in, %there) from(%rx) releases(%rx) on(core) kernel(@p)
  %give = xfer.notify "landed" after(%land) on(link)
  %have = xfer.await "landed" after(%give) on(link)
  %sum = xfer.pull %plan after(%some, %have) on(core) kernel(@p) share(@p)
  %sent = xfer.notify "done" after(%sum, %part) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}
