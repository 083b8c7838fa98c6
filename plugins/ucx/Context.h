// A ucp_context_h: which transports and devices a rank uses.
//
//   Reach::Node   ranks of this node: their memory is mapped, messages go beside it
//   Reach::Wire   ranks of other nodes: whatever crosses machines, and never shared memory, even where it would do
#pragma once

#include "faro/status.h"

#include <memory>
#include <ucp/api/ucp.h>

namespace faro::ucx {

enum class Reach { Node, Wire };

class Context {
public:
  static Expected<std::shared_ptr<Context>> create(Reach reach, uint32_t worldSize, bool loopbackOnly);
  ~Context();
  Context(const Context &) = delete;
  Context &operator=(const Context &) = delete;

  ucp_context_h handle() const { return handle_; }
  /// Whether ucp_mem_map may hand out memory that is not zeroed, because the user chose the allocators.
  bool mustZero() const { return mustZero_; }

  /// The most bytes that one send should have, or 0: any.
  uint64_t partBytes() const { return wire_.partBytes; }
  /// How its sends get at the memory of devices.
  faro_device_reach deviceReach() const { return deviceReach_; }

private:
  /// What is known of a wire before UCX is opened.
  struct Wire {
    uint64_t partBytes = 0;
    bool onlyTcp = false;
  };
  static Status configureWire(ucp_config_t *config, bool loopbackOnly, Wire &wire);
  Context(ucp_context_h handle, bool mustZero, Wire wire, faro_device_reach deviceReach)
      : handle_(handle), mustZero_(mustZero), wire_(wire), deviceReach_(deviceReach) {}
  ucp_context_h handle_;
  bool mustZero_;
  Wire wire_;
  faro_device_reach deviceReach_;
};

} // namespace faro::ucx
