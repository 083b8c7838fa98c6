// RUN: faro-opt --faro-plan-route %s | FileCheck %s
// Twice is once:
// RUN: faro-opt --faro-plan-route --faro-plan-route %s | FileCheck %s

!tokens = !faro.tokens<8xf32>
!experts = !faro.tokens<8xf32, #faro.layout<order = [expert]>>
!routes = !faro.routes<topk = 2, experts = 4>

module {
  // CHECK-LABEL: module @one_node
  module @one_node attributes {faro.mesh = #faro.mesh<nodes = 1, ranks_per_node = 4>} {
    // CHECK: faro.dispatch %arg0, %arg1 path(direct) :
    func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {
      %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
      return %y : !experts
    }
    // CHECK: faro.combine %arg0, %arg1 path(direct) :
    func.func @combine(%y: !experts, %r: !routes) -> !tokens {
      %x = faro.combine %y, %r : (!experts, !routes) -> !tokens
      return %x : !tokens
    }
  }
  // CHECK-LABEL: module @any_number_of_nodes
  module @any_number_of_nodes attributes {faro.mesh = #faro.mesh<nodes = ?, ranks_per_node = ?>} {
    // CHECK: faro.dispatch %arg0, %arg1 path(by_mesh) :
    func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {
      %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
      return %y : !experts
    }
  }
  // CHECK-LABEL: module @no_mesh
  module @no_mesh {
    // CHECK: faro.dispatch %arg0, %arg1 path(by_mesh) :
    func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {
      %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
      return %y : !experts
    }
  }
  // CHECK-LABEL: module @several_nodes
  module @several_nodes attributes {faro.mesh = #faro.mesh<nodes = 2, ranks_per_node = ?>} {
    // CHECK: faro.dispatch %arg0, %arg1 path(hierarchical) :
    func.func @dispatch(%x: !tokens, %r: !routes) -> !experts {
      %y = faro.dispatch %x, %r : (!tokens, !routes) -> !experts
      return %y : !experts
    }
    // CHECK: faro.combine %arg0, %arg1 path(hierarchical) partial(f32) :
    func.func @combine(%y: !experts, %r: !routes) -> !tokens {
      %x = faro.combine %y, %r partial(f32) : (!experts, !routes) -> !tokens
      return %x : !tokens
    }
    // What is written by hand is kept.
    // CHECK: faro.combine %arg0, %arg1 path(by_mesh) :
    func.func @by_hand(%y: !experts, %r: !routes) -> !tokens {
      %x = faro.combine %y, %r path(by_mesh) : (!experts, !routes) -> !tokens
      return %x : !tokens
    }
  }
  // CHECK-LABEL: module @bound_later
  module @bound_later {
    // CHECK: faro.dispatch %arg0, %arg1 path(direct) :
    func.func @direct(%x: !tokens, %r: !routes) -> !experts {
      %y = faro.dispatch %x, %r path(direct) : (!tokens, !routes) -> !experts
      return %y : !experts
    }
    // CHECK: faro.dispatch %arg0, %arg1 path(hierarchical) :
    func.func @hierarchical(%x: !tokens, %r: !routes) -> !experts {
      %y = faro.dispatch %x, %r path(hierarchical) : (!tokens, !routes) -> !experts
      return %y : !experts
    }
  }
}
