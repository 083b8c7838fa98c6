// A combine and the dispatches of its module (S26).
// RUN: faro-opt --xfer-verify-schedule %s -split-input-file -verify-diagnostics

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!others = !faro.tokens<16xf32, #faro.layout<order = [expert], align = 2>>
!routes = !faro.routes<topk = 2, experts = 4>
// expected-note@+1 {{the first dispatch has}}
xfer.program @dispatch dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %move = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%move) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}
// expected-error@+1 {{undoes no dispatch of the module: expected the row, layout, routes and row_stride of one}}
xfer.program @schedule_s26 combine(!experts, !routes) path(direct)
    attributes {row_stride = 96 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %move = xfer.pull %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%move) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!others = !faro.tokens<16xf32, #faro.layout<order = [expert], align = 2>>
!routes = !faro.routes<topk = 2, experts = 4>
// expected-note@+1 {{the first dispatch has}}
xfer.program @dispatch dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %move = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%move) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}
// expected-error@+1 {{undoes no dispatch of the module: expected the row, layout, routes and row_stride of one}}
xfer.program @schedule_s26_layout combine(!others, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %move = xfer.pull %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%move) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}

// -----

!experts = !faro.tokens<16xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>
!others = !faro.routes<topk = 2, experts = 4, placement = round_robin>
// expected-note@+1 {{the first dispatch has}}
xfer.program @dispatch dispatch(!experts, !routes) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %move = xfer.push %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%move) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}
// expected-error@+1 {{undoes no dispatch of the module: expected the row, layout, routes and row_stride of one}}
xfer.program @schedule_s26_routes combine(!experts, !others) path(direct)
    attributes {row_stride = 64 : i64, streaming_threshold = 0 : i64} {
  %plan = xfer.descriptors : !xfer.descriptors
  %open = xfer.notify "open" on(link)
  %in = xfer.await "open" after(%open) on(link)
  %move = xfer.pull %plan after(%in) on(core) kernel(@p)
  %sent = xfer.notify "done" after(%move) on(link)
  %all = xfer.await "done" after(%sent) on(link)
}
