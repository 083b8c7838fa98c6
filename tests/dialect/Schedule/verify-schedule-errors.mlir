// One constraint of dialect/README.md a split, the program named after its label.
// RUN: faro-opt --xfer-verify-schedule %s -split-input-file -verify-diagnostics

!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
func.func @schedule_s1(%x: !tokens, %r: !routes) -> !experts {
  // expected-error@+1 {{'faro.dispatch' op is left over from the faro level; run faro-lower-to-xfer first}}
  %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
  return %y : !experts
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s2 dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  // expected-error@+1 {{stage 'await open' expects one stage that raises flag "open", found 0}}
  %in = xfer.await "open" on(link)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s2_twice dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %again = xfer.notify "open" on(link)
  // expected-error@+1 {{stage 'await open' expects one stage that raises flag "open", found 2}}
  %in = xfer.await "open" after(%open, %again) on(link)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s3 dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  // expected-error@+1 {{stage 'notify unheard' raises flag "unheard", which no stage awaits}}
  %lost = xfer.notify "unheard" after(%push) on(link)
  %sent = xfer.notify "done" after(%lost) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s3_twice dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  // expected-error@+1 {{stage 'await open' awaits flag "open", as stage 'await open' does; expected one await of a flag}}
  %again = xfer.await "open" after(%in) on(link)
  %push = xfer.push %plan after(%again) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s4 dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  // expected-error@+1 {{stage 'await open' waits for itself: await open -> notify open -> await open}}
  %in = xfer.await "open" on(link)
  %open = xfer.notify "open" after(%in) on(link)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

// Each flag waits for the other.
!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s4_crossed dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  // expected-error@+1 {{stage 'await a' waits for itself: await a -> notify b -> await b -> notify a -> await a}}
  %in = xfer.await "a" on(link)
  %b = xfer.notify "b" after(%in) on(link)
  %c = xfer.await "b" on(link)
  %a = xfer.notify "a" after(%c) on(link)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
// expected-error@+1 {{'xfer.program' op expects one push, as every direct dispatch, found none}}
xfer.program @schedule_s5 dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %sent = xfer.notify "done" after(%in) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s5_twice dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %first = xfer.push %plan after(%in) on(core) kernel(@p)
  // expected-error@+1 {{stage 'push' is the second of program 'schedule_s5_twice'; expected one}}
  %push = xfer.push %plan after(%first) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s5_pull dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  // expected-error@+1 {{stage 'pull' does not belong in a direct dispatch; expected push}}
  %pull = xfer.pull %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%pull) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s5_push combine(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  // expected-error@+1 {{stage 'push' does not belong in a direct combine; expected pull}}
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s6 dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  // expected-error@+1 {{stage 'push' touches rows of peers; expected an await before it, found none: their windows may still be in use}}
  %push = xfer.push %plan after(%open) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push, %in) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s6_pull combine(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  // expected-error@+1 {{stage 'pull' touches rows of peers}}
  %pull = xfer.pull %plan on(core) kernel(@p)
  %sent = xfer.notify "done" after(%pull, %in) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s7 dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  // expected-error@+1 {{stage 'push' expects a flag that is raised after it and awaited, found none: peers cannot know when it is done}}
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%in) on(link)
  %all = xfer.await "done" after(%sent, %push) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s8 dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push) on(link)
  %early = xfer.await "late" on(link)
  %all = xfer.await "done" after(%sent) on(link)
  // expected-error@+1 {{stage 'notify late' is the last of program 'schedule_s8'; expected an await}}
  %late = xfer.notify "late" after(%all) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert], align = 4>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s8_unordered dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  // expected-error@+1 {{stage 'pad' is not ordered before the program's last stage 'await done': the program could end without it}}
  %pad = xfer.pad %plan on(core)
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert], align = 4>>
!routes = !faro.routes<topk = 2, experts = 4>
// expected-error@+1 {{'xfer.program' op expects a pad: align = 4 leaves rows that nobody else writes}}
xfer.program @schedule_s9 dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert], align = 4>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s9_twice dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %pad = xfer.pad %plan on(core)
  // expected-error@+1 {{stage 'pad' zeroes the padding a second time; expected one pad}}
  %again = xfer.pad %plan after(%pad) on(core)
  %push = xfer.push %plan after(%in, %again) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s9_none dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  // expected-error@+1 {{stage 'pad' has nothing to zero: only a dispatch with align > 1 has padding rows}}
  %pad = xfer.pad %plan on(core)
  %push = xfer.push %plan after(%in, %pad) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s10 dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  // expected-error@+1 {{stage 'push' expects @absent to be a kernel of the module @kernels, found nothing of this name}}
  %push = xfer.push %plan after(%in) on(core) kernel(@absent)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}
module @kernels {
  func.func @p(%a: !xfer.addr) { return }
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s10_kind dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  // expected-error@+1 {{stage 'push' expects @p to be a kernel of the module @kernels, found a function without 'xfer.kernel'}}
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}
module @kernels {
  func.func @p(%a: !xfer.addr) { return }
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s10_streaming dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  // expected-error@+1 {{stage 'push' expects @absent to be a kernel of the module @kernels}}
  %push = xfer.push %plan after(%in) on(core) kernel(@p) streaming(@absent)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}
module @kernels {
  func.func @p(%a: !xfer.addr) attributes {xfer.kernel} { return }
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s12 dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  // expected-error@+1 {{ring "tx" has no slices to hold: rows of a program on path(direct) go straight to their places}}
  %tx = xfer.ring "tx" slots(8) bytes(4096) : !xfer.ring
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %push = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
xfer.program @schedule_s11 dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 72 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  // expected-error@+1 {{stage 'push' names a streaming kernel; expected a row_stride that is a multiple of 64, found 72}}
  %push = xfer.push %plan after(%in) on(core) kernel(@p) streaming(@s)
  %sent = xfer.notify "done" after(%push) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}
