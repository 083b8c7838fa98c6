// What kernels tell each other while they run, across devices and processes: a word that one writes and another waits
// for.
//
//   rows, counts ─► signal ═══ the word of a peer ═══► poll ... poll ─► rows, counts are there
//
// A wait is a loop of polls that looks at the clock: no kernel waits without a bound.
#ifndef XFER_SIGNALS_TD
#define XFER_SIGNALS_TD

include "dialect/Xfer/XferLeaves.td"

class Xfer_Signalling<string name> : Xfer_Leaf<name, [MemoryEffects<[MemRead, MemWrite]>]>;

def Xfer_SignalOp : Xfer_Signalling<"signal"> {
  let summary = "writes a word of 8 bytes at a multiple of 8, which whoever polls it sees after all that came before";
  let description = [{
    ```mlir
    xfer.signal %n, %a[%off]
    ```
    What came before are this thread's stores, and those of earlier kernels of its stream.
  }];
  let arguments = (ins I64:$value, Xfer_Addr:$base, I64:$offset);
  let assemblyFormat = "$value `,` $base `[` $offset `]` attr-dict";
}

def Xfer_PollOp : Xfer_Signalling<"poll"> {
  let summary = "reads a word that a peer signals; what the peer stored before is visible behind it";
  let description = [{
    ```mlir
    %n = xfer.poll %a[%off]
    ```
  }];
  let arguments = (ins Xfer_Addr:$base, I64:$offset);
  let results = (outs I64:$value);
  let assemblyFormat = "$base `[` $offset `]` attr-dict";
}

def Xfer_ClockOp : Xfer_Signalling<"clock"> {
  let summary = "a clock for time-outs: nanoseconds on a device; on a CPU its counter's ticks, of about that length";
  let description = [{
    ```mlir
    %now = xfer.clock
    ```
  }];
  let results = (outs I64:$now);
  let assemblyFormat = "attr-dict";
}

#endif // XFER_SIGNALS_TD
