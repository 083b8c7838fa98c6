// Passes that say WHERE rows go.
#ifndef FARO_PLAN_PASSES_TD
#define FARO_PLAN_PASSES_TD

include "mlir/Pass/PassBase.td"

def FaroPlanRoute : Pass<"faro-plan-route", "::mlir::ModuleOp"> {
  let summary = "chooses the path of every shuffle for the module's mesh";
  let description = [{
    Writes the path into the operation, so that it can be seen, and overruled by hand: a path that is there already is
    kept. All ranks of one node map each other's memory, so their path is `direct`. A mesh of an unbound number of
    nodes is planned for one node too: whoever binds it to more is refused then.

    Before:
    ```mlir
    %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
    ```
    After:
    ```mlir
    %y = faro.dispatch %x, %r path(direct) : (!tokens, !routes) -> !experts
    ```

    Constraint: /*route_w1*/ a static mesh has one node; rows do not travel between nodes yet.
  }];
  let dependentDialects = ["::faro::ir::FaroDialect"];
}

#endif // FARO_PLAN_PASSES_TD
