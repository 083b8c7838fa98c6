#include "tests/bench/nodes/wire.h"

#include "plugins/ucx/SettingName.h"
#include "tests/bench/require.h"

#include <cstring>
#include <fmt/format.h>
#include <memory>
#include <poll.h>

namespace faro::bench {

constexpr unsigned AmId = 7;
constexpr int SleepMs = 5;

static void check(ucs_status_t status, const char *what) {
  if (status != UCS_OK)
    endJob(fmt::format("{}: {}", what, ucs_status_string(status)));
}

struct Wire::Sending {
  SliceHeader header;
  int to;
  Segments segments;
  void *request;
};

struct Wire::Early {
  SliceHeader header;
  std::string data;
};

/// tcp and nothing else, also when the nodes are namespaces of one machine. Only for this context: Faro's own is
/// configured by the user's environment.
static ucp_context_h makeContext() {
  ucp_config_t *config = nullptr;
  check(ucp_config_read(nullptr, nullptr, &config), "ucp_config_read");
  for (const auto &[name, value] : std::initializer_list<std::pair<std::string, const char *>>{
           {"TLS", "tcp,self"},
           {"RNDV_THRESH", "inf"},
           {ucx::settingName("TCP_", "TX_SEG_SIZE"), "264k"}, // see MostSliceBytes; UCX adds headers of its own
           {ucx::settingName("TCP_", "RX_SEG_SIZE"), "264k"},
           {ucx::settingName("TCP_", "MAX_IOV"), "24"}})
    check(ucp_config_modify(config, name.c_str(), value), name.c_str());
  ucp_params_t params{};
  params.field_mask = UCP_PARAM_FIELD_FEATURES;
  params.features = UCP_FEATURE_AM | UCP_FEATURE_WAKEUP;
  ucp_context_h context{};
  check(ucp_init(&params, config, &context), "ucp_init");
  ucp_config_release(config);
  return context;
}

Wire::Wire(StarControl &c, const std::vector<int> &others) : control(c), context(makeContext()) {
  ucp_worker_params_t workerParams{};
  workerParams.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE;
  workerParams.thread_mode = UCS_THREAD_MODE_SINGLE;
  check(ucp_worker_create(context, &workerParams, &worker), "ucp_worker_create");
  check(ucp_worker_get_efd(worker, &eventFd), "ucp_worker_get_efd");
  ucp_am_handler_param_t handler{};
  handler.field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID | UCP_AM_HANDLER_PARAM_FIELD_CB | UCP_AM_HANDLER_PARAM_FIELD_ARG;
  handler.id = AmId;
  handler.cb = onMessage;
  handler.arg = this;
  check(ucp_worker_set_am_recv_handler(worker, &handler), "ucp_worker_set_am_recv_handler");

  ucp_address_t *address = nullptr;
  size_t bytes = 0;
  check(ucp_worker_get_address(worker, &address, &bytes), "ucp_worker_get_address");
  const auto all = control.allgather(std::string(reinterpret_cast<const char *>(address), bytes));
  ucp_worker_release_address(worker, address);
  endpoint.resize(size_t(control.ranks));
  for (int r : others) {
    ucp_ep_params_t ep{};
    ep.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS;
    ep.address = reinterpret_cast<const ucp_address_t *>(all[size_t(r)].data());
    check(ucp_ep_create(worker, &ep, &endpoint[size_t(r)]), "ucp_ep_create");
  }
  control.idle = [this] { progress(); };
}

Wire::~Wire() {
  control.barrier();
  for (ucp_ep_h ep : endpoint) {
    if (!ep)
      continue;
    const ucp_request_param_t param{}; // what is under way gets there first; others go on in the barrier below
    wait(ucp_ep_close_nbx(ep, &param), "ucp_ep_close_nbx");
  }
  control.barrier();
  control.idle = [] {};
  ucp_worker_destroy(worker);
  ucp_cleanup(context);
}

void Wire::wait(void *request, const char *what) {
  if (!UCS_PTR_IS_PTR(request))
    return check(UCS_PTR_STATUS(request), what);
  ucs_status_t status;
  while ((status = ucp_request_check_status(request)) == UCS_INPROGRESS)
    ucp_worker_progress(worker);
  ucp_request_free(request);
  check(status, what);
}

void Wire::listen(const Hooks *listener) {
  hooks = listener;
  if (!hooks)
    return;
  const std::vector<Early> waiting = std::move(early);
  early.clear();
  for (const Early &e : waiting)
    hooks->come(e.header, e.data.data());
}

ucs_status_t Wire::onMessage(void *arg, const void *header, size_t, void *data, size_t bytes,
                             const ucp_am_recv_param_t *param) {
  auto *self = static_cast<Wire *>(arg);
  if (param->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV)
    endJob("UCX announced a slice that was to be eager; unset UCX_RNDV_THRESH");
  SliceHeader slice;
  std::memcpy(&slice, header, sizeof slice);
  self->happened = true;
  const char *bytesAt = static_cast<const char *>(data);
  if (self->hooks)
    self->hooks->come(slice, bytesAt);
  else
    self->early.push_back({slice, {bytesAt, bytes}});
  return UCS_OK;
}

bool Wire::progress() {
  happened = false;
  if (ucp_worker_progress(worker))
    happened = true;
  for (size_t i = 0; i < sending.size();) {
    Sending *s = sending[i];
    const ucs_status_t status = ucp_request_check_status(s->request);
    if (status == UCS_INPROGRESS) {
      ++i;
      continue;
    }
    check(status, "sending a slice");
    ucp_request_free(s->request);
    hooks->sent(s->header, s->to);
    delete s;
    sending[i] = sending.back();
    sending.pop_back();
    happened = true;
  }
  return happened;
}

void Wire::sleep() {
  const ucs_status_t armed = ucp_worker_arm(worker);
  if (armed == UCS_ERR_BUSY)
    return;
  check(armed, "ucp_worker_arm");
  pollfd waiting{eventFd, POLLIN, 0};
  poll(&waiting, 1, SleepMs);
}

void Wire::send(int to, SliceHeader header, Segments segments) {
  auto s = std::make_unique<Sending>(Sending{header, to, std::move(segments), nullptr});
  ucp_request_param_t p{};
  p.op_attr_mask = UCP_OP_ATTR_FIELD_DATATYPE;
  const bool one = s->segments.size() == 1;
  p.datatype = one ? ucp_dt_make_contig(1) : ucp_dt_make_iov();
  const void *from = one ? s->segments[0].buffer : s->segments.data();
  const size_t count = one ? s->segments[0].length : s->segments.size();
  s->request = ucp_am_send_nbx(endpoint[size_t(to)], AmId, &s->header, sizeof s->header, from, count, &p);
  if (UCS_PTR_IS_ERR(s->request))
    check(UCS_PTR_STATUS(s->request), "ucp_am_send_nbx");
  if (s->request)
    sending.push_back(s.release());
  else
    hooks->sent(s->header, s->to);
}

} // namespace faro::bench
