// One broken rule of schedules over nodes per split; the program is named after it.
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
  %own = xfer.share %plan after(%in) on(core) kernel(@p)
  %give = xfer.notify "landed" after(%land) on(link)
  %have = xfer.await "landed" after(%give) on(link)
  %sum = xfer.pull %plan after(%own, %have) on(core) kernel(@p)
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
  %own = xfer.share %plan after(%in) on(core) kernel(@p)
  %give = xfer.notify "landed" after(%land) on(link)
  %have = xfer.await "landed" after(%give) on(link)
  %sum = xfer.pull %plan after(%own, %have) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%sum) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

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

// -----

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
  %own = xfer.share %plan after(%in) on(core) kernel(@p)
  %give = xfer.notify "landed" after(%land) on(link)
  %have = xfer.await "landed" after(%give) on(link)
  // expected-error@+1 {{stage 'pull' adds partial rows that forwarders store; expected a flag that is raised after stage 'fan_out' and awaited before this one}}
  %sum = xfer.pull %plan after(%own) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%sum, %part) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s21_share combine(!experts, !routes) path(hierarchical)
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
  %own = xfer.share %plan after(%in) on(core) kernel(@p)
  %give = xfer.notify "landed" after(%land) on(link)
  %have = xfer.await "landed" after(%give) on(link)
  // expected-error@+1 {{stage 'pull' adds the partial rows of stage 'share'; expected to come after it}}
  %sum = xfer.pull %plan after(%have) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%sum, %part, %own) on(link)
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
  %own = xfer.share %plan after(%in) on(core) kernel(@p)
  %give = xfer.notify "landed" after(%land) on(link)
  %have = xfer.await "landed" after(%give) on(link)
  %sum = xfer.pull %plan after(%own, %have) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%sum, %part) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}
