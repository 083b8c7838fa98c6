// Slices of rows by UCX active messages over tcp: the wire between nodes of all peers.
//
// All slices are eager: UCX puts one together and hands it over, and its rows go to their places from there. Over tcp a
// rendezvous saves nothing (the kernel copies anyway), and costs a round trip for each slice.
#pragma once

#include "tests/bench/nodes/star_control.h"

#include <cstdint>
#include <functional>
#include <ucp/api/ucp.h>
#include <vector>

namespace faro::bench {

/// Rows [first, first + rows) of those that go from one rank to another, which both sides have planned.
struct SliceHeader {
  uint32_t from, first, rows;
};

using Segments = std::vector<ucp_dt_iov_t>;

class Wire {
public:
  /// Collective. Endpoints to all `others`: the ranks of other nodes. Goes on whenever the control waits.
  Wire(StarControl &control, const std::vector<int> &others);
  ~Wire(); ///< collective
  Wire(const Wire &) = delete;
  Wire &operator=(const Wire &) = delete;

  /// What becomes of slices.
  struct Hooks {
    /// An incoming one lies at `data`, for the time of the call.
    std::function<void(const SliceHeader &, const char *data)> come;
    /// The memory of one's segments may change again.
    std::function<void(const SliceHeader &, int to)> sent;
  };
  /// From now on incoming slices go there; those that came before somebody listened follow at once. Null: nobody does.
  /// (A rank may still be waiting in a barrier that others have left.)
  void listen(const Hooks *listener);

  /// Slices on their way out at a time. Enough to keep a wire busy; more only take each other's turn.
  static constexpr size_t InFlight = 16;
  /// A slice of at most this many bytes, and of at most 20 pieces, is one segment, which nobody has to put together.
  static constexpr size_t MostSliceBytes = 256 * 1024;
  bool full() const { return sending.size() >= InFlight; }
  bool quiet() const { return sending.empty(); }
  void send(int to, SliceHeader header, Segments segments);

  /// Whether something happened.
  bool progress();
  /// Until something may have happened, a few milliseconds at most.
  void sleep();

private:
  struct Sending;
  struct Early;
  static ucs_status_t onMessage(void *self, const void *header, size_t headerBytes, void *data, size_t bytes,
                                const ucp_am_recv_param_t *param);
  void wait(void *request, const char *what);

  StarControl &control;
  ucp_context_h context{};
  ucp_worker_h worker{};
  int eventFd = -1;
  std::vector<ucp_ep_h> endpoint;
  std::vector<Sending *> sending;
  const Hooks *hooks = nullptr;
  std::vector<Early> early; ///< what came before somebody listened
  bool happened = false;
};

} // namespace faro::bench
