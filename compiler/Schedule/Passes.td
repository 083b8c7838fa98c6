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
      - /*program_w7*/ every shuffle has a path.

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
  }];
  let dependentDialects = ["::faro::xfer::XferDialect"];
}

def XferVerifySchedule : Pass<"xfer-verify-schedule", "::mlir::ModuleOp"> {
  let summary = "closes the xfer level: every program ends, and no row is touched too early";
  let description = [{
    Changes nothing. Every rank runs the same program; `await F` waits for every rank's `notify F`, its own among them.
    So the stages are a graph with an edge for each `after` and one from each `notify F` to each `await F`, and "before"
    below means along these edges:

      - /*schedule_s1*/ no operation of the faro dialect is left;
      - /*schedule_s2*/ a flag that is awaited is raised exactly once in its program;
      - /*schedule_s3*/ a flag that is raised is awaited;
      - /*schedule_s4*/ live: no stage comes before itself;
      - /*schedule_s5*/ a dispatch has exactly one push and no pull, a combine exactly one pull and no push;
      - /*schedule_s6*/ safe: an await comes before the push or pull, which touches rows of peers (their windows may still be in use);
      - /*schedule_s7*/ complete: a flag is raised after the push or pull and awaited (or rows are read, or overwritten, too early);
      - /*schedule_s8*/ the last stage is an await, and all other stages come before it;
      - /*schedule_s9*/ a dispatch with align > 1 zeroes its padding once; other programs have no padding to zero;
      - /*schedule_s10*/ where the module has a module `@kernels`, the kernels that stages name are there;
      - /*schedule_s11*/ a streaming kernel has rows to store whole lines of: row_stride is a multiple of 64.

    ```mlir
    %in   = xfer.await "open" after(%open) on(link)
    %push = xfer.push %plan on(core) kernel(@p)      // error: nothing says that the peers' windows are open
    ```
  }];
}

#endif // FARO_SCHEDULE_PASSES_TD
