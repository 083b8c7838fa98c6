// The program to run, loaded and found to fit the ranks.
#pragma once

#include "compiler/Interpreter/Reference.h"
#include "faro/module.h"
#include "faro/topology.h"
#include "runtime/tools/faro-run/Options.h"

#include <memory>
#include <optional>
#include <string>

namespace faro::run {

struct Job {
  std::shared_ptr<const Module> module;
  const faro_abi_program *dispatch = nullptr;
  const faro_abi_program *combine = nullptr; ///< null: the module only dispatches
  reference::Program reference;              ///< of the dispatch
  std::optional<reference::Program> combineReference;
  Topology topology = Topology::oneNode(1);
  bool compiled = false;  ///< just in time; else a shared library
  bool fromCache = false; ///< compiled by an earlier run
  double compileMs = 0;   ///< of the compiler's own work
  double loadMs = 0;      ///< compiling or loading
  uint32_t ranks() const { return topology.ranks(); }
  bool expertFirst() const { return reference.layout.order.first() == layout::Key::Expert; }

  /// For people: "dispatch + combine, 7168 x bf16, top-8 of 256 experts, order [expert, source, token], align 128".
  std::string describe() const;
  /// For people: where the code came from.
  std::string describeModule() const;
};

/// For people, the ranks of each node: "4", or "3, 2 and 2" where they differ.
std::string nodeSizes(const Topology &topology);

/// Loads PROGRAM (what it is, its first bytes say, not its name) and checks it against the ranks and their nodes. A
/// spec is compiled for `targets`.
Expected<Job> loadJob(const std::string &path, const Topology &topology, const CompileTargets &targets);

/// The same for a module that is there already.
Expected<Job> makeJob(std::shared_ptr<const Module> module, const std::string &path, const Topology &topology);

} // namespace faro::run
