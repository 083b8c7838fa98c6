// Passes that say WHERE rows go.
#ifndef FARO_PLAN_PASSES_TD
#define FARO_PLAN_PASSES_TD

include "mlir/Pass/PassBase.td"

def FaroPlanRoute : Pass<"faro-plan-route", "::mlir::ModuleOp"> {
  let summary = "chooses the path of every shuffle for the module's mesh";
  let description = [{
    Writes the path into the operation, so that it can be seen, and overruled by hand: a path that is there already is
    kept. All ranks of one node map each other's memory, so the path on a mesh of one node is `direct`. On one of several
    it is `hierarchical`, and where their number is bound when a communicator is made, `by_mesh`: one of the two, chosen
    then.

    Before:
    ```mlir
    %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
    ```
    After, in a module with `faro.mesh = #faro.mesh<nodes = ?, ranks_per_node = ?>`:
    ```mlir
    %y = faro.dispatch %x, %r path(by_mesh) : (!tokens, !routes) -> !experts
    ```

    Constraint: /*route_w1*/ a path that is written by hand leads to every rank of a static mesh, and not around: on one
    node it is not `hierarchical`, on several not `direct`.
  }];
  let dependentDialects = ["::faro::ir::FaroDialect"];
}

#endif // FARO_PLAN_PASSES_TD
