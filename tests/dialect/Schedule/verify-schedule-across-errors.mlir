// What holds of every program, broken over nodes: one constraint of dialect/README.md a split, which names the program.
// RUN: faro-opt --xfer-verify-schedule --verify-diagnostics --split-input-file %s

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s4_slots_of_a_stage_that_fires_once dispatch(!experts, !routes) path(hierarchical)
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
  %g = xfer.notify "gathered" after(%full) on(link)
  // expected-error@+1 {{stage 'await gathered' waits for itself: notify gathered -> await gathered -> wire -> gather -> notify gathered; a stage of these fires once, for all slices, and no number of slots is enough}}
  %gg = xfer.await "gathered" after(%g) on(link)
  %there = xfer.wire after(%full, %gg) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  %out = xfer.fan_out %plan after(%in, %there) from(%rx) releases(%rx) on(core) kernel(@p)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
// expected-error@+1 {{'xfer.program' op expects one push, as every hierarchical dispatch, found none}}
xfer.program @schedule_s5_no_wire_end dispatch(!experts, !routes) path(hierarchical)
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
  %out = xfer.fan_out %plan after(%in, %there) from(%rx) releases(%rx) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s5_pull_of_a_dispatch dispatch(!experts, !routes) path(hierarchical)
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
  %out = xfer.fan_out %plan after(%in, %there) from(%rx) releases(%rx) on(core) kernel(@p)
  // expected-error@+1 {{stage 'pull' does not belong in a hierarchical dispatch; expected hand, gather, wire, fan_out, push}}
  %push = xfer.pull %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s6_what_the_wire_says_is_about_another_node dispatch(!experts, !routes) path(hierarchical)
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
  // expected-error@+1 {{stage 'fan_out' touches rows of peers; expected an await before it at its own node, found none: their windows may still be in use}}
  %out = xfer.fan_out %plan after(%there) from(%rx) releases(%rx) on(core) kernel(@p)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s6_a_stage_that_may_not_fire_orders_nothing dispatch(!experts, !routes) path(hierarchical)
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
  %out = xfer.fan_out %plan after(%in, %there) from(%rx) releases(%rx) on(core) kernel(@p)
  // expected-error@+1 {{stage 'push' touches rows of peers; expected an await before it, found none}}
  %push = xfer.push %plan after(%full) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %out) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s6_reduce combine(!experts, !routes) path(hierarchical)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(4096) : !xfer.ring
  %ask = xfer.ask %plan on(link)
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  // expected-error@+1 {{stage 'reduce' touches rows of peers; expected an await before it, found none}}
  %part = xfer.reduce %plan after(%ask) into(%tx) acquires(%tx) on(core) kernel(@p)
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
xfer.program @schedule_s7_fan_out dispatch(!experts, !routes) path(hierarchical)
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
  // expected-error@+1 {{stage 'fan_out' expects a flag that is raised after it and awaited, found none: peers cannot know when it is done}}
  %out = xfer.fan_out %plan after(%in, %there) from(%rx) releases(%rx) on(core) kernel(@p)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s7_reduce combine(!experts, !routes) path(hierarchical)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  %rx = xfer.ring "rx" slots(8) bytes(4096) : !xfer.ring
  %ask = xfer.ask %plan on(link)
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  // expected-error@+1 {{stage 'reduce' expects a flag that is raised after it and awaited, found none}}
  %part = xfer.reduce %plan after(%in, %ask) into(%tx) acquires(%tx) on(core) kernel(@p)
  %there = xfer.wire after(%part) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
  %land = xfer.fan_out %plan after(%in, %there) from(%rx) releases(%rx) on(core) kernel(@p)
  %give = xfer.notify "landed" after(%land) on(link)
  %have = xfer.await "landed" after(%give) on(link)
  %sum = xfer.pull %plan after(%in, %have) on(core) kernel(@p) share(@p)
  %sent = xfer.notify "done" after(%sum) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}
