// What kernels tell each other while they run, across devices and processes, and what a host tells them: a word that
// one writes and another waits for.
//
//   rows, counts ─► signal ═══ the word of a peer ═══► poll ... poll ─► rows, counts are there
//
// A wait is a loop of polls that looks at the clock: no kernel waits without a bound. Where all threads of a block wait
// for the same word, its leader polls, and they agree on what it saw.
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
    What came before are this thread's stores, and those of earlier kernels of its stream. Streaming stores only with
    an `xfer.fence` in between.
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

def Xfer_RestOp : Xfer_Signalling<"rest"> {
  let summary = "a moment in which nothing is polled, for who waits long and is to leave others the bus";
  let description = [{
    ```mlir
    xfer.rest
    ```
    About 200 ns on a device, tens of ns on a CPU.
  }];
  let assemblyFormat = "attr-dict";
}

def Xfer_LeaderOp : Xfer_Leaf<"leader", [Pure]> {
  let summary = "true in one thread of each block";
  let description = [{
    ```mlir
    %yes = xfer.leader
    ```
  }];
  let results = (outs I1:$leads);
  let assemblyFormat = "attr-dict";
}

def Xfer_AgreeOp : Xfer_Signalling<"agree"> {
  let summary = "a meeting of a block's threads: whether any of them says yes";
  let description = [{
    ```mlir
    %any = xfer.agree %one
    ```
    All threads of the block come here, and none goes on before all have come. What one stored, or saw by a poll, before
    it all see behind it; what they stored is there for whoever sees a signal behind it.
  }];
  let arguments = (ins I1:$one);
  let results = (outs I1:$any);
  let assemblyFormat = "$one attr-dict";
}

#endif // XFER_SIGNALS_TD
