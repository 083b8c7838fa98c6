// Passes that say WHEN rows go: the last check of WHAT, the lowering, and the proof of the schedule.
#ifndef FARO_SCHEDULE_PASSES_TD
#define FARO_SCHEDULE_PASSES_TD

include "mlir/Pass/PassBase.td"

def FaroCheckProgram : Pass<"faro-check-program", "::mlir::ModuleOp"> {
  let summary = "closes the faro level: everything in the module can be lowered";
  let description = [{
    Changes nothing. What passes has a schedule; what does not gets a diagnostic at the place that is wrong:

      - /*program_w2*/ the module holds functions with bodies, at least one, and nothing else;
      - /*program_w3*/ a function is one shuffle of its arguments, in their order, and returns the result;
      - /*program_w4*/ a row has a single plane of bf16, f16 or f32;
      - /*program_w5*/ a rank can place its rows by counts alone: neither token nor choice comes before source in the order;
      - /*program_w6*/ where the module has dispatches, a combine undoes one: it has the row, the order and alignment, and
        the routes of a dispatch;
      - /*program_w7*/ every shuffle has a path;
      - /*program_w8*/ a function's name is not empty, holds no zero byte, and is not `kernels`: kernels lie in a module of that name.

    ```mlir
    func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {
      %y = faro.dispatch %x, %r path(direct) : (!tokens, !routes) -> !experts
      return %y : !experts
    }
    ```
  }];
}

def FaroLowerToXfer : Pass<"faro-lower-to-xfer", "::mlir::ModuleOp"> {
  let summary = "each function becomes the schedule of its shuffle";
  let description = [{
    Requires what `faro-check-program` proves, and proves it again where the lowering would go wrong without.

    Before:
    ```mlir
    func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {
      %y = faro.dispatch %x, %r path(direct) : (!tokens, !routes) -> !experts
      return %y : !experts
    }
    ```
    After:
    ```mlir
    xfer.program @dispatch dispatch(!experts, !routes) path(direct)
        attributes {row_stride = 14336 : i64, streaming_threshold = 2097152 : i64} {
      %plan = xfer.descriptors : !xfer.descriptors
      %open = xfer.notify "open" on(link)                     // my window is free
      %pad  = xfer.pad %plan on(core)                         // only with align > 1
      %in   = xfer.await "open" after(%open) on(link)         // all windows are
      %push = xfer.push %plan after(%in) on(core) kernel(@dispatch_push) streaming(@dispatch_push_streaming)
      %sent = xfer.notify "done" after(%push) on(link)        // my rows are in your windows
      %all  = xfer.await "done" after(%sent, %pad) on(link)   // all rows are in mine
    }
    ```
    and, for a combine:
    ```mlir
      %open = xfer.notify "open" on(link)                     // my experts' rows are ready
      %in   = xfer.await "open" after(%open) on(link)
      %pull = xfer.pull %plan after(%in) on(core) kernel(@combine_pull) streaming(@combine_pull_streaming)
      %sent = xfer.notify "done" after(%pull) on(link)        // I have read your rows
      %all  = xfer.await "done" after(%sent) on(link)         // mine may be overwritten
    ```

    A shuffle on `path(hierarchical)` becomes a schedule with slices; one on `path(by_mesh)` becomes both, the second
    `of` the first:
    ```mlir
    xfer.program @dispatch_across dispatch(!experts, !routes) path(hierarchical) of(@dispatch) attributes {...} {
      %plan = xfer.descriptors : !xfer.descriptors
      %tx   = xfer.ring "tx" slots(8) bytes(131072) : !xfer.ring         // slices on their way out
      %rx   = xfer.ring "rx" slots(8) bytes(131072) : !xfer.ring         // and on their way in, for each flow
      %open = xfer.notify "open" on(link)
      %pad  = xfer.pad %plan on(core)
      %in   = xfer.await "open" after(%open) on(link)                    // all windows of my node are free
      %hand = xfer.hand %plan after(%in) on(core) kernel(@dispatch_push) // rows whose rail is another rank
      %give = xfer.notify "handed" after(%hand) on(link)
      %have = xfer.await "handed" after(%give) on(link)                  // rows whose rail I am
      %full = xfer.gather %plan after(%in, %have) into(%tx) acquires(%tx) on(core) by(copy) kernel(@dispatch_push)
      %away = xfer.wire after(%full) from(%tx) into(%rx) acquires(%rx) releases(%tx) on(nic)
      %out  = xfer.fan_out %plan after(%in, %away) from(%rx) releases(%rx) on(core) kernel(@dispatch_push)
                  streaming(@dispatch_push_streaming)
      %push = xfer.push %plan after(%in) on(core) kernel(@dispatch_push) streaming(@dispatch_push_streaming)
      %sent = xfer.notify "done" after(%push, %out) on(link)
      %all  = xfer.await "done" after(%sent, %pad) on(link)
    }
    ```
    The size and number of the slots, and whether a gather copies rows or leaves them for the wire to take, are the cost
    model's choice (CostModel.h) for the class of wire that the option names.
  }];
  let options = [
    Option<"wire", "wire", "std::string", /*default=*/"\"tcp\"", "what is between nodes, for the choice of slices: tcp or rdma">
  ];
  let dependentDialects = ["::faro::xfer::XferDialect"];
}

def XferVerifySchedule : Pass<"xfer-verify-schedule", "::mlir::ModuleOp"> {
  let summary = "closes the xfer level: every program ends, and no row is touched too early";
  let description = [{
    Changes nothing. Every rank runs the same program; `await F` waits for every rank's `notify F`, its own among them (on
    the hierarchical path: every rank of its node). So the stages are a marked graph (ScheduleGraph.h) with an edge for each
    `after`, one from each `notify F` to each `await F`, and one from who releases a ring to who acquires it, with a token
    for each slot that holds a slice. "Before" below means along edges without tokens:

      - /*schedule_s1*/ no operation of the faro dialect is left;
      - /*schedule_s2*/ a flag that is awaited is raised exactly once in its program;
      - /*schedule_s3*/ a flag that is raised is awaited by one stage;
      - /*schedule_s4*/ live: no cycle without a token, and none at all through a stage that fires once: it stands for all
        slices, which are more than any number of slots;
      - /*schedule_s5*/ the stages that move rows are those of the shuffle and path, one each: a push or a pull on the
        direct path; hand, gather, wire, fan_out, push, or ask, reduce, wire, fan_out, pull on the hierarchical one, with
        at most one settle;
      - /*schedule_s6*/ safe: an await comes before each stage that touches rows of peers (their windows may still be in
        use), at the rank where it fires: what a forwarder learns from the wire is about another node;
      - /*schedule_s7*/ complete: a flag is raised after each of them and awaited (or rows are read, or overwritten, too early);
      - /*schedule_s8*/ the last stage is an await, and all other stages come before it;
      - /*schedule_s9*/ a dispatch with align > 1 zeroes its padding once; other programs have no padding to zero;
      - /*schedule_s10*/ where the module has a module `@kernels`, the kernels that stages name are there;
      - /*schedule_s11*/ a streaming kernel has rows to store whole lines of: row_stride is a multiple of 64.

    Of rings, whose slots are the tokens:

      - /*schedule_s12*/ only a program on the hierarchical path has rings;
      - /*schedule_s13*/ one stage writes into a ring, and one reads from it, beside a settle;
      - /*schedule_s14*/ the stage that writes into a ring acquires it, and no other does;
      - /*schedule_s15*/ one stage releases a ring, once a slice (twice, and tokens are made; never, and they run out);
      - /*schedule_s16*/ a ring whose slots are where slices leave is not released where they arrive;
      - /*schedule_s17*/ safe: writer and reader lie on a cycle whose tokens are the slots: a slot is read after it was
        written, and released by its reader or after it;
      - /*schedule_s18*/ a ring holds a row with its destinations.

    Of programs over nodes:

      - /*schedule_s19*/ of the stages at the other end of a flow, a stage waits for the wire only, and only where slices arrive;
      - /*schedule_s20*/ a flag lies between a hand and the gather that takes what was handed;
      - /*schedule_s21*/ a flag lies between the fan_out of a combine and its pull (or it adds partial rows that are not there);
      - /*schedule_s22*/ the ask of a combine comes before its reduce, which sums what others ask for;
      - /*schedule_s23*/ a settle comes before the pull, which sums what it has left;
      - /*schedule_s24*/ pull and settle name a kernel for this node's share, which they add; other stages have none;
      - /*schedule_s25*/ a settle reads the ring that the fan_out reads: the latter stores what the former does not sum;
      - /*schedule_s26*/ where the module has dispatches, a combine has the row, the order and alignment, the routes and the
        row_stride of one: it sums the rows that the dispatch has placed;
      - /*schedule_s27*/ the module `@kernels` holds functions with bodies, named like kernels, and nothing else.

    ```mlir
    %in   = xfer.await "open" after(%open) on(link)
    %push = xfer.push %plan on(core) kernel(@p)      // error: nothing says that the peers' windows are open
    ```

    With `period=tcp` or `period=rdma` it says of each program over nodes, as a remark, how fast slices follow each other
    over such a wire, and what holds them up: the maximum cycle ratio of the graph with the delays of CostModel.h.
  }];
  let options = [
    Option<"period", "period", "std::string", /*default=*/"\"\"", "also say the period over such a wire: tcp or rdma">
  ];
}

#endif // FARO_SCHEDULE_PASSES_TD
