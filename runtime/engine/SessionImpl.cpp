#include "runtime/engine/SessionImpl.h"

#include "runtime/engine/ProgramRuns.h"

#include <cstring>
#include <fmt/format.h>

namespace faro {

namespace {
/// What a call is, in the tags that ranks exchange.
enum Call : uint16_t { Prepare = 1, Dispatch, Combine, ExpertRows, Sources };

/// The form in which a row's origin is sent.
struct Origin {
  int32_t rank;
  uint32_t token, choice, unused;
};
} // namespace

int64_t planTokens(const Plan &plan) { return plan.tokens; }

int64_t planRows(const Plan &plan) { return plan.receivedRows; }

static std::vector<uint64_t> windowBytes(const Plan &plan, uint64_t bytesPerRow) {
  std::vector<uint64_t> bytes;
  for (uint64_t rows : plan.rowsOfRank)
    bytes.push_back(rows * bytesPerRow);
  return bytes;
}

Expected<std::unique_ptr<Session>> Session::create(std::shared_ptr<Communicator> communicator,
                                                   std::shared_ptr<const Module> module) {
  return SessionImpl::create(std::move(communicator), std::move(module));
}

SessionImpl::SessionImpl(std::shared_ptr<Communicator> c, std::shared_ptr<const Module> m)
    : communicator(std::move(c)), module(std::move(m)), receivedWindow(communicator, "window of received rows"),
      outputs(communicator, "window of expert outputs"), origins(communicator, "window of row origins") {}

static Status checkMesh(const faro_abi_mesh &mesh, const Communicator &communicator, const std::string &module) {
  const Topology &topology = communicator.topology();
  const uint32_t nodes = topology.nodes();
  const auto perNode = uint32_t(topology.ranksOf(0).size());
  if ((mesh.nodes && mesh.nodes != nodes) ||
      (mesh.ranks_per_node && (!topology.regular() || mesh.ranks_per_node != perNode))) {
    auto show = [](uint32_t n) { return n ? std::to_string(n) : std::string("?"); };
    return {
        FARO_INVALID_ARGUMENT,
        fmt::format("{}: it was compiled for a mesh of {} nodes x {} ranks, but there are {} nodes x {} ranks; start "
                    "as many, or compile it with faro.mesh<nodes = ?, ranks_per_node = ?>",
                    module, show(mesh.nodes), show(mesh.ranks_per_node), nodes, perNode)};
  }
  if (nodes > 1)
    return {FARO_UNAVAILABLE,
            fmt::format("{}: the ranks are on {} nodes; this release shuffles within one node", module, nodes)};
  return Status::ok();
}

Expected<std::unique_ptr<Session>> SessionImpl::create(std::shared_ptr<Communicator> communicator,
                                                       std::shared_ptr<const Module> module) {
  // Every rank finds the same here, so nobody needs to be told.
  FARO_RETURN_IF_ERROR(checkMesh(module->abi().mesh, *communicator, module->name()));
  std::unique_ptr<SessionImpl> session(new SessionImpl(communicator, module));
  uint32_t largest = 0;
  for (uint32_t p = 0; p < module->abi().program_count; ++p) {
    const faro_abi_program &program = module->abi().programs[p];
    if (!scheduleOf(program, FARO_ABI_DIRECT))
      return Status(FARO_INVALID_ARGUMENT,
                    fmt::format("{}: program {} has no schedule for ranks of one node; compile it with "
                                "faro.mesh<nodes = ?, ranks_per_node = ?>",
                                module->name(), program.name));
    auto map = makeExpertMap(program.routes, communicator->size());
    if (!map)
      return Status(map.status().code(),
                    fmt::format("{}: program {}: {}", module->name(), program.name, map.status().message()));
    session->experts.emplace(&program, std::move(*map));
    largest = std::max(largest, program.routes.experts);
  }

  // All ranks must run the same module: a rank with another one would read other meanings into the same flags.
  Bytes hash(sizeof module->abi().spec_sha256);
  std::memcpy(hash.data(), module->abi().spec_sha256, hash.size());
  auto hashes = communicator->allgather(hash, "spec of the module");
  if (!hashes)
    return hashes.status();
  for (uint32_t rank = 0; rank < communicator->size(); ++rank)
    if ((*hashes)[rank] != hash)
      return Status(FARO_INVALID_ARGUMENT,
                    fmt::format("rank {} has a module made from another spec than rank {}'s ({})", rank,
                                communicator->rank(), module->name()));

  auto board = SignalBoard::create(communicator, largest);
  if (!board)
    return board.status();
  session->board = std::move(*board);
  return std::unique_ptr<Session>(std::move(session));
}

//===------------------------------------------------- guarding a call ---===//

namespace {
const Status &statusOf(const Status &status) { return status; }
template <typename T> const Status &statusOf(const Expected<T> &value) { return value.status(); }
} // namespace

/// Times a call. When it fails the other ranks are told, and the session is over: ranks no longer agree on where they
/// are.
template <typename Work> auto SessionImpl::guarded(uint64_t *nanoseconds, Work work) -> decltype(work()) {
  if (!broken.isOk())
    return broken;
  const auto start = std::chrono::steady_clock::now();
  auto result = work();
  if (nanoseconds)
    *nanoseconds += uint64_t((std::chrono::steady_clock::now() - start) / Nanoseconds(1));
  if (const Status &status = statusOf(result); !status.isOk()) {
    broken = status;
    call.reset();
    if (status.code() != FARO_ABORTED && status.code() != FARO_PEER_FAILED)
      communicator->abort(status);
  }
  return result;
}

uint16_t SessionImpl::activityOf(const faro_abi_program &program, uint16_t call) const {
  return uint16_t(call << 8 | ((&program - module->abi().programs) & 0xff));
}

/// What every call asks first.
Status SessionImpl::checkPlan(const Plan &plan, const char *name) const {
  if (call)
    return {FARO_INVALID_ARGUMENT,
            fmt::format("rank {}: {} while another call is under way; wait for it first", communicator->rank(), name)};
  if (plan.session != this)
    return {FARO_INVALID_ARGUMENT,
            fmt::format("rank {}: the plan given to {} was made by another session", communicator->rank(), name)};
  return Status::ok();
}

Status SessionImpl::meet(uint16_t activity, uint8_t value, const std::string &what) {
  board->notify(SignalBoard::MeetFlag, {activity, value});
  return board->await(SignalBoard::MeetFlag, activity, what);
}

//===---------------------------------------------------------- prepare ---===//

Expected<std::shared_ptr<const Plan>> SessionImpl::prepare(const faro_abi_program &program, TopkIdx topkIdx) {
  return guarded(&stats.prepareNs, [&] { return makeBatch(program, topkIdx); });
}

Expected<std::shared_ptr<const Plan>> SessionImpl::makeBatch(const faro_abi_program &program, TopkIdx topkIdx) {
  ++stats.prepares;
  if (call)
    return Status(
        FARO_INVALID_ARGUMENT,
        fmt::format("rank {}: prepare while another call is under way; wait for it first", communicator->rank()));
  auto map = experts.find(&program);
  if (map == experts.end() || program.op != FARO_ABI_DISPATCH)
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("rank {}: prepare needs a dispatch of module {}", communicator->rank(), module->name()));
  auto mine = countItems(program.routes, communicator->rank(), topkIdx);
  if (!mine)
    return mine.status();
  const uint16_t activity = activityOf(program, Prepare);
  board->publishCounts(*mine, activity);
  FARO_RETURN_IF_ERROR(
      board->await(SignalBoard::CountsFlag, activity, fmt::format("the count exchange of {}", program.name)));
  auto plan = makePlan(program, map->second, communicator->rank(), board->counts(program.routes.experts), topkIdx);
  if (!plan)
    return plan.status();
  plan->session = this;
  return std::shared_ptr<const Plan>(std::make_shared<Plan>(std::move(*plan)));
}

//===----------------------------------------------------- posted calls ---===//

Expected<Received> Session::dispatch(const std::shared_ptr<const Plan> &plan, ConstRows x) {
  FARO_RETURN_IF_ERROR(postDispatch(plan, x));
  FARO_RETURN_IF_ERROR(wait());
  return received(*plan);
}

Status Session::combine(const faro_abi_program &program, const std::shared_ptr<const Plan> &plan, ConstRows y,
                        const float *weights, Rows out) {
  FARO_RETURN_IF_ERROR(postCombine(program, plan, y, weights, out));
  return wait();
}

Status SessionImpl::begin(Call started) {
  call = std::move(started);
  auto over = call->run->advance();
  if (over && *over)
    call.reset();
  return over.status();
}

Expected<bool> SessionImpl::test() {
  if (!call)
    return broken.isOk() ? Expected<bool>(true) : Expected<bool>(broken);
  return guarded(call->nanoseconds, [&] {
    auto over = call->run->advance();
    if (over && *over)
      call.reset();
    return over;
  });
}

Status SessionImpl::wait() {
  if (!call)
    return broken;
  return guarded(call->nanoseconds, [&] {
    const Status status = call->run->wait();
    call.reset();
    return status;
  });
}

//===--------------------------------------------------------- dispatch ---===//

Status SessionImpl::reserve(const std::shared_ptr<const Plan> &plan) {
  return guarded(nullptr, [&]() -> Status {
    FARO_RETURN_IF_ERROR(checkPlan(*plan, "reserve"));
    return receivedWindow.ensure(windowBytes(*plan, plan->program->row.stride));
  });
}

Status SessionImpl::postDispatch(const std::shared_ptr<const Plan> &plan, ConstRows x) {
  return guarded(&stats.dispatchNs, [&] { return beginDispatch(plan, x); });
}

Status SessionImpl::beginDispatch(const std::shared_ptr<const Plan> &plan, ConstRows x) {
  ++stats.dispatches;
  FARO_RETURN_IF_ERROR(checkPlan(*plan, "dispatch"));
  const faro_abi_program &program = *plan->program;
  if (x.rows != plan->tokens || (x.rows > 0 && (!x.data || x.stride < int64_t(program.row.bytes))))
    return Status(
        FARO_INVALID_ARGUMENT,
        fmt::format("rank {}: dispatch of {} rows, {} bytes apart; expected the plan's {} tokens, at least {} "
                    "bytes apart",
                    communicator->rank(), x.rows, x.stride, plan->tokens, program.row.bytes));
  FARO_RETURN_IF_ERROR(receivedWindow.ensure(windowBytes(*plan, program.row.stride)));
  auto bindings =
      std::make_unique<DispatchBindings>(*plan, *module, receivedWindow, addresses, x, activityOf(program, Dispatch));
  auto run = std::make_unique<Run>(*scheduleOf(program, FARO_ABI_DIRECT), *board, *bindings);
  return begin({plan, std::move(bindings), std::move(run), &stats.dispatchNs});
}

Received SessionImpl::received(const Plan &plan) const {
  return {{receivedWindow.mine(), plan.receivedRows, int64_t(plan.program->row.stride)},
          plan.expertOffsets,
          plan.expertCounts};
}

//===---------------------------------------------------------- combine ---===//

static bool sameShuffle(const faro_abi_program &a, const faro_abi_program &b) {
  return a.row.element == b.row.element && a.row.columns == b.row.columns && a.row.stride == b.row.stride &&
         std::memcmp(&a.layout, &b.layout, sizeof a.layout) == 0 && a.routes.topk == b.routes.topk &&
         a.routes.experts == b.routes.experts && a.routes.placement == b.routes.placement &&
         (a.routes.table_size == 0 ||
          std::memcmp(a.routes.table, b.routes.table, a.routes.table_size * sizeof(uint32_t)) == 0);
}

Status SessionImpl::postCombine(const faro_abi_program &program, const std::shared_ptr<const Plan> &plan, ConstRows y,
                                const float *weights, Rows out) {
  return guarded(&stats.combineNs, [&] { return beginCombine(program, plan, y, weights, out); });
}

/// Which window the others shall read. Rows elsewhere are copied into the window of expert outputs, which all ranks
/// have or none: so a rank that needs it says so first, unless it is there already.
Expected<uint8_t> SessionImpl::locateRows(const Plan &plan, ConstRows y, uint16_t activity) {
  const faro_abi_row &row = plan.program->row;
  const bool inOrder = y.stride == int64_t(row.stride);
  const bool inReceived = inOrder && y.data == receivedWindow.mine();
  const bool inOutputs = inOrder && y.data == outputs.mine();
  const bool staged = plan.receivedRows > 0 && !inReceived && !inOutputs;
  const auto needed = windowBytes(plan, row.stride);
  if (!outputs.fits(needed)) {
    FARO_RETURN_IF_ERROR(meet(activity, staged, "combine"));
    bool any = false;
    for (uint32_t rank = 0; rank < communicator->size(); ++rank)
      any |= board->valueOf(SignalBoard::MeetFlag, rank) != 0;
    if (any)
      FARO_RETURN_IF_ERROR(outputs.ensure(needed));
  }
  if (!staged)
    return inOutputs ? OutputsWindow : ReceivedWindow;
  for (int64_t r = 0; r < plan.receivedRows; ++r)
    std::memcpy(outputs.mine() + r * int64_t(row.stride), static_cast<const std::byte *>(y.data) + r * y.stride,
                row.bytes);
  stats.stagedBytes += uint64_t(plan.receivedRows) * row.bytes;
  return OutputsWindow;
}

Status SessionImpl::beginCombine(const faro_abi_program &program, const std::shared_ptr<const Plan> &shared,
                                 ConstRows y, const float *weights, Rows out) {
  ++stats.combines;
  const Plan &plan = *shared;
  FARO_RETURN_IF_ERROR(checkPlan(plan, "combine"));
  const uint32_t rank = communicator->rank();
  const int64_t rowBytes = int64_t(program.row.bytes);
  if (program.op != FARO_ABI_COMBINE || experts.find(&program) == experts.end() || !sameShuffle(program, *plan.program))
    return {FARO_INVALID_ARGUMENT,
            fmt::format("rank {}: {} does not combine what {} dispatched: rows, layout and routes "
                        "must be the same",
                        rank, program.name, plan.program->name)};
  if (y.rows != plan.receivedRows || (y.rows > 0 && (!y.data || y.stride < rowBytes)))
    return {FARO_INVALID_ARGUMENT,
            fmt::format("rank {}: combine of {} expert rows, {} bytes apart; expected the {} rows "
                        "of the dispatch, padding included, at least {} bytes apart",
                        rank, y.rows, y.stride, plan.receivedRows, rowBytes)};
  if (out.rows != plan.tokens || (out.rows > 0 && (!out.data || !weights || out.stride < rowBytes)))
    return {FARO_INVALID_ARGUMENT, fmt::format("rank {}: combine into {} rows, {} bytes apart; expected the plan's {} "
                                               "tokens, at least {} bytes apart, and weights",
                                               rank, out.rows, out.stride, plan.tokens, rowBytes)};
  const uint16_t activity = activityOf(program, Combine);
  auto window = locateRows(plan, y, activity);
  if (!window)
    return window.status();
  auto bindings =
      std::make_unique<CombineBindings>(program, plan, *module, receivedWindow, outputs, *board, addresses, itemWeights,
                                        weights, out, communicator->size(), SignalTag{activity, *window});
  auto run = std::make_unique<Run>(*scheduleOf(program, FARO_ABI_DIRECT), *board, *bindings);
  return begin({shared, std::move(bindings), std::move(run), &stats.combineNs});
}

//===-------------------------------------------------- memory, origins ---===//

Expected<Rows> SessionImpl::expertRows(const std::shared_ptr<const Plan> &plan) {
  return guarded(nullptr, [&]() -> Expected<Rows> {
    FARO_RETURN_IF_ERROR(checkPlan(*plan, "expertRows"));
    FARO_RETURN_IF_ERROR(outputs.ensure(windowBytes(*plan, plan->program->row.stride)));
    return Rows{outputs.mine(), plan->receivedRows, int64_t(plan->program->row.stride)};
  });
}

Expected<std::vector<Source>> SessionImpl::sources(const std::shared_ptr<const Plan> &plan) {
  return guarded(nullptr, [&] { return runSources(*plan); });
}

/// Each source writes the origin of its items where the rows go. The ranks meet twice: when all have cleared their
/// windows, and when all have written.
Expected<std::vector<Source>> SessionImpl::runSources(const Plan &plan) {
  FARO_RETURN_IF_ERROR(checkPlan(plan, "sources"));
  FARO_RETURN_IF_ERROR(origins.ensure(windowBytes(plan, sizeof(Origin))));
  const uint16_t activity = activityOf(*plan.program, Sources);
  auto *mine = reinterpret_cast<Origin *>(origins.mine());
  for (int64_t row = 0; row < plan.receivedRows; ++row)
    mine[row].rank = -1;
  FARO_RETURN_IF_ERROR(meet(activity, 0, "sources"));
  const uint32_t topk = plan.program->routes.topk;
  for (size_t i = 0; i < plan.places.size(); ++i)
    reinterpret_cast<Origin *>(origins.of(plan.places[i].rank))[plan.places[i].row] = {
        int32_t(communicator->rank()), plan.choices[i] / topk, plan.choices[i] % topk, 0};
  FARO_RETURN_IF_ERROR(meet(activity, 0, "sources"));
  std::vector<Source> result(size_t(plan.receivedRows), Source{-1, -1, -1});
  for (size_t row = 0; row < result.size(); ++row)
    if (mine[row].rank >= 0)
      result[row] = {mine[row].rank, mine[row].token, mine[row].choice};
  return result;
}

const SessionStatistics &SessionImpl::statistics() const {
  stats.windowGrowths = receivedWindow.growths() + outputs.growths() + origins.growths();
  stats.windowBytes = receivedWindow.bytes() + outputs.bytes() + origins.bytes();
  return stats;
}

} // namespace faro
