// A ucp_context_h: which transports and devices this rank uses.
#pragma once

#include "faro/status.h"

#include <memory>
#include <ucp/api/ucp.h>

namespace faro::ucx {

class Context {
public:
  static Expected<std::shared_ptr<Context>> create(uint32_t worldSize, bool loopbackOnly);
  ~Context();
  Context(const Context &) = delete;
  Context &operator=(const Context &) = delete;

  ucp_context_h handle() const { return handle_; }
  /// Whether ucp_mem_map may hand out memory that is not zeroed, because the user chose the allocators.
  bool mustZero() const { return mustZero_; }

private:
  Context(ucp_context_h handle, bool mustZero) : handle_(handle), mustZero_(mustZero) {}
  ucp_context_h handle_;
  bool mustZero_;
};

} // namespace faro::ucx
