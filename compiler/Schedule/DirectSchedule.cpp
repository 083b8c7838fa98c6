// The schedules of path(direct): all ranks map each other's memory.
#include "compiler/Schedule/StageBuilder.h"

using namespace mlir;

namespace faro::compiler {

/// A push may overwrite rows of peers, which say with "open" that they are done with the last batch's.
static void buildDispatch(StageBuilder &stages) {
  Value open = stages.notify("open", {});
  // Before the await: zeroing needs nobody else, and fills the time until the peers are there.
  Value pad = stages.pad();
  Value in = stages.await("open", open);
  Value push = stages.run<xfer::PushOp>(in, "_push", /*streams=*/true);
  SmallVector<Value, 2> last{stages.notify("done", push)};
  if (pad)
    last.push_back(pad);
  stages.await("done", last);
}

/// A pull reads rows of peers, which say with "open" that their experts are done; "done" says that mine may change.
static void buildCombine(StageBuilder &stages) {
  Value in = stages.await("open", stages.notify("open", {}));
  Value pull = stages.pull(in, "_pull", /*share=*/"");
  stages.await("done", stages.notify("done", pull));
}

void buildDirect(StageBuilder &stages, xfer::ProgramOp program) {
  if (program.getShuffle() == xfer::Shuffle::Dispatch)
    buildDispatch(stages);
  else
    buildCombine(stages);
}

} // namespace faro::compiler
