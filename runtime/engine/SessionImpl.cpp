#include "runtime/engine/SessionImpl.h"

#include "runtime/engine/MeshCheck.h"
#include "runtime/engine/ScheduleRuns.h"
#include "runtime/plan/PlanHash.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>

namespace faro {

namespace {
/// What a call is, in the tags that ranks exchange.
enum Call : uint16_t { Prepare = 1, Dispatch, Combine, Sources, Memory };

/// What a message to the session is.
enum MessageTag : uint32_t { CountsMessage = 1, OriginsMessage = 2 };
} // namespace

int64_t planTokens(const Plan &plan) { return plan.tokens; }

int64_t planRows(const Plan &plan) { return plan.receivedRows; }

Expected<std::unique_ptr<Session>> Session::create(std::shared_ptr<Communicator> communicator,
                                                   std::shared_ptr<const Module> module) {
  return SessionImpl::create(std::move(communicator), std::move(module));
}

SessionImpl::SessionImpl(std::shared_ptr<Communicator> c, std::shared_ptr<const Module> m)
    : communicator(std::move(c)), module(std::move(m)), path(pathOn(communicator->topology())),
      identity(std::make_shared<char>()),
      gather([this](const Bytes &mine, const char *what) { return board->gather(mine, Memory << 8, what); }),
      receivedWindow(communicator, gather, "window of received rows"),
      outputs(communicator, gather, "window of expert outputs"), origins(communicator, gather, "window of row origins"),
      transit(communicator, gather, "window of rows in transit"),
      partials(communicator, gather, "window of partial sums") {}

SessionImpl::~SessionImpl() {
  call.reset();
  if (channel)
    communicator->close(*channel);
}

Expected<std::unique_ptr<Session>> SessionImpl::create(std::shared_ptr<Communicator> communicator,
                                                       std::shared_ptr<const Module> module) {
  std::unique_ptr<SessionImpl> session(new SessionImpl(communicator, module));
  FARO_RETURN_IF_ERROR(session->agree());
  // From here every rank finds the same, so nobody needs to be told.
  FARO_RETURN_IF_ERROR(checkMesh(*module, communicator->topology()));
  auto balancer = balancerFromEnvironment();
  if (!balancer)
    return balancer.status();
  session->balancer = findBalancer(*balancer);
  for (uint32_t p = 0; p < module->abi().program_count; ++p) {
    const faro_abi_program &program = module->abi().programs[p];
    auto map = makeExpertMap(program.routes, communicator->size());
    if (!map)
      return Status(map.status().code(),
                    fmt::format("{}: program {}: {}", module->name(), program.name, map.status().message()));
    session->experts.emplace(&program, std::move(*map));
  }
  if (const Status connected = session->connect(); !connected) {
    communicator->abort(connected);
    return connected;
  }
  return std::unique_ptr<Session>(std::move(session));
}

/// All ranks must run the same module: a rank with another one would read other meanings into the same flags. And what
/// is decided alike without talking must be decided in the same way.
Status SessionImpl::agree() {
  const char *name = std::getenv("FARO_BALANCER");
  constexpr size_t HashBytes = sizeof module->abi().spec_sha256;
  Bytes mine(HashBytes);
  std::memcpy(mine.data(), module->abi().spec_sha256, HashBytes);
  const std::string settings = fmt::format("FARO_BALANCER={}, FARO_CHECK={}", name ? name : "", checksPlans() ? 1 : 0);
  const auto words = std::as_bytes(std::span(settings));
  mine.insert(mine.end(), words.begin(), words.end());
  auto all = communicator->allgather(mine, "spec of the module");
  if (!all)
    return all.status();
  for (uint32_t rank = 0; rank < communicator->size(); ++rank) {
    const Bytes &theirs = (*all)[rank];
    if (theirs.size() < HashBytes || !std::equal(mine.begin(), mine.begin() + HashBytes, theirs.begin()))
      return {FARO_INVALID_ARGUMENT, fmt::format("rank {} has a module made from another spec than rank {}'s ({})",
                                                 rank, communicator->rank(), module->name())};
    if (theirs != mine)
      return {
          FARO_INVALID_ARGUMENT,
          fmt::format("rank {} runs with {}, rank {} with {}; they must be the same on all ranks", rank,
                      std::string(reinterpret_cast<const char *>(theirs.data()) + HashBytes, theirs.size() - HashBytes),
                      communicator->rank(), settings)};
  }
  return Status::ok();
}

Status SessionImpl::connect() {
  // All channels are open before the first collective call below, so whoever sends finds them open.
  if (path == FARO_ABI_HIERARCHICAL) {
    auto opened = communicator->open(*this);
    if (!opened)
      return opened.status();
    channel = *opened;
    auto made = SliceExchange::create(communicator, module);
    if (!made)
      return made.status();
    slices = std::move(*made);
  }

  uint32_t largest = 0;
  for (const auto &[program, map] : experts)
    largest = std::max(largest, map.experts());
  auto made = SignalBoard::create(communicator, CountsExchange::boardBytes(*communicator, largest));
  if (!made)
    return made.status();
  board = std::move(*made);
  if (slices)
    board->ringBy([this](uint32_t rank) {
      // A rank that cannot be reached looks after its peers soon; nothing is lost.
      [[maybe_unused]] const Status rung = slices->wake(rank);
    });
  const auto sendAs = [this](MessageTag tag) {
    return [this, tag](uint32_t rank, std::span<const std::byte> bytes) {
      return communicator->send(*channel, rank, tag, bytes);
    };
  };
  counts.emplace(*communicator, *board, largest, sendAs(CountsMessage));
  originExchange.emplace(*communicator, *board, sendAs(OriginsMessage));
  // Nobody sends counts before all have a place for them.
  if (path != FARO_ABI_HIERARCHICAL)
    return Status::ok();
  FARO_RETURN_IF_ERROR(communicator->barrier());
  // Once with nothing in it. A connection to another node is made at the first word, with the help of both ends; after
  // this it stands, and a rank that has its counts and computes for a while lets nobody wait for its own.
  const std::vector<uint32_t> items(largest), rows(communicator->topology().nodes());
  auto all = counts->exchange({0, 0, items, rows}, "the first exchange between the nodes");
  return all ? communicator->barrier() : all.status();
}

void SessionImpl::message(uint32_t rank, uint32_t tag, std::span<const std::byte> bytes) {
  if (tag == CountsMessage)
    counts->received(rank, bytes);
  else
    originExchange->received(rank, bytes);
}

std::span<const uint32_t> SessionImpl::nodeRanks() const {
  const Topology &topology = communicator->topology();
  return topology.ranksOf(topology.nodeOf(communicator->rank()));
}

std::vector<uint64_t> SessionImpl::bytesOf(const Plan &plan, uint64_t bytesPerRow) const {
  std::vector<uint64_t> bytes;
  for (const uint32_t rank : nodeRanks())
    bytes.push_back(plan.rowsOfRank[rank] * bytesPerRow);
  return bytes;
}

static std::vector<uint64_t> timesBytes(const std::vector<uint32_t> &rows, uint64_t bytesPerRow) {
  std::vector<uint64_t> bytes;
  for (const uint32_t count : rows)
    bytes.push_back(count * bytesPerRow);
  return bytes;
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
    if (status.code() != FARO_ABORTED)
      communicator->abort(status);
  }
  return result;
}

uint16_t SessionImpl::activityOf(const faro_abi_program &program, uint16_t call) const {
  return uint16_t(call << 8 | ((&program - module->abi().programs) & 0xff));
}

Expected<const Prepared *> SessionImpl::enter(const std::shared_ptr<const Plan> &plan, const char *name) {
  if (call)
    return Status(FARO_INVALID_ARGUMENT, fmt::format("rank {}: {} while another call is under way; wait for it first",
                                                     communicator->rank(), name));
  if (!plan || plan->session != identity.get())
    return Status(FARO_INVALID_ARGUMENT, fmt::format("rank {}: the plan given to {} {}", communicator->rank(), name,
                                                     plan ? "was made by another session" : "is null"));
  const auto *prepared = static_cast<const Prepared *>(plan.get());
  board->about(prepared->hash);
  return prepared;
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
  const ExpertMap &experts = map->second;
  const Topology &topology = communicator->topology();
  auto mine = countItems(program.routes, communicator->rank(), topkIdx);
  if (!mine)
    return mine.status();
  std::vector<uint32_t> rows;
  if (path == FARO_ABI_HIERARCHICAL)
    rows = countNodeRows(topology, experts, program.routes.topk, topkIdx);
  board->about(0);
  auto all = counts->exchange({activityOf(program, Prepare), routingHash(program, topkIdx), *mine, rows},
                              fmt::format("the count exchange of {}", program.name));
  if (!all)
    return all.status();
  auto plan = makePlan(program, experts, communicator->rank(), all->items, topkIdx);
  if (!plan)
    return plan.status();
  auto prepared = std::make_shared<Prepared>();
  static_cast<Plan &>(*prepared) = std::move(*plan);
  prepared->maker = identity;
  prepared->session = identity.get();
  prepared->hash = planHash(all->hashes);
  if (path == FARO_ABI_HIERARCHICAL) {
    auto across = makeNodePlan(topology, communicator->rank(), *prepared, all->rows, balancer);
    if (!across)
      return across.status();
    prepared->across = std::move(*across);
  }
  if (checksPlans())
    FARO_RETURN_IF_ERROR(checkBatch(*prepared));
  return std::shared_ptr<const Plan>(std::move(prepared));
}

/// Puts everybody's plans side by side. Through the control connection: it is the slow and simple way.
Status SessionImpl::checkBatch(Prepared &plan) {
  const Topology &topology = communicator->topology();
  const NodePlan *across = plan.across ? &*plan.across : nullptr;
  auto records = communicator->allgather(planRecord(plan, across), "plans to check");
  if (!records)
    return records.status();
  auto check = PlanCheck::create(topology, communicator->rank(), plan, across, *records);
  if (!check)
    return check.status();
  plan.check = std::move(*check);
  return Status::ok();
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

RunParts SessionImpl::parts() {
  RunParts parts;
  parts.communicator = communicator.get();
  parts.module = module.get();
  parts.board = board.get();
  parts.exchange = slices.get();
  parts.received = &receivedWindow;
  parts.outputs = &outputs;
  if (slices) {
    parts.transit = &transit;
    parts.partials = &partials;
  }
  parts.statistics = &stats;
  parts.scratch = &scratch;
  return parts;
}

static Batch batchOf(const Prepared &plan) {
  return {&plan, plan.across ? &*plan.across : nullptr, plan.check ? &*plan.check : nullptr, plan.hash};
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
    auto over = call->run->test();
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
    auto prepared = enter(plan, "reserve");
    return prepared ? reserveRows(**prepared) : prepared.status();
  });
}

Status SessionImpl::reserveRows(const Prepared &plan) {
  const uint64_t stride = plan.program->row.stride;
  const uint64_t growths = receivedWindow.growths();
  FARO_RETURN_IF_ERROR(receivedWindow.ensure(bytesOf(plan, stride)));
  if (receivedWindow.growths() != growths)
    receivedOf = 0; // what it held is lost
  return plan.across ? transit.ensure(timesBytes(plan.across->transitRowsOfRank, transitRowBytes(*plan.program)))
                     : Status::ok();
}

Status SessionImpl::postDispatch(const std::shared_ptr<const Plan> &plan, ConstRows x) {
  return guarded(&stats.dispatchNs, [&] { return beginDispatch(plan, x); });
}

Status SessionImpl::beginDispatch(const std::shared_ptr<const Plan> &plan, ConstRows x) {
  ++stats.dispatches;
  auto entered = enter(plan, "dispatch");
  if (!entered)
    return entered.status();
  const Prepared &prepared = **entered;
  const faro_abi_program &program = *plan->program;
  if (x.rows != plan->tokens || (x.rows > 0 && (!x.data || x.stride < int64_t(program.row.bytes))))
    return Status(
        FARO_INVALID_ARGUMENT,
        fmt::format("rank {}: dispatch of {} rows, {} bytes apart; expected the plan's {} tokens, at least {} "
                    "bytes apart",
                    communicator->rank(), x.rows, x.stride, plan->tokens, program.row.bytes));
  FARO_RETURN_IF_ERROR(reserveRows(prepared));
  receivedOf = prepared.hash;
  auto run = startDispatch(parts(), *scheduleOf(program, path), batchOf(prepared), x, activityOf(program, Dispatch));
  if (!run)
    return run.status();
  return begin({plan, std::move(*run), &stats.dispatchNs});
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

/// Which window the others shall read. Rows elsewhere are copied into the window of expert outputs, which all ranks of
/// the node have or none: so a rank that needs it says so first, unless it is there already.
Expected<uint8_t> SessionImpl::locateRows(const Prepared &plan, ConstRows y, uint16_t activity) {
  const faro_abi_row &row = plan.program->row;
  const bool inOrder = y.stride == int64_t(row.stride);
  const bool inReceived = inOrder && y.data == receivedWindow.mine();
  const bool inOutputs = inOrder && y.data == outputs.mine();
  const bool staged = plan.receivedRows > 0 && !inReceived && !inOutputs;
  // Rows that lie in these windows for another batch are not what this combine is to sum.
  const uint64_t holds = inReceived ? receivedOf : inOutputs ? outputsOf : 0;
  if (plan.receivedRows > 0 && holds && holds != plan.hash)
    return Status(FARO_INVALID_ARGUMENT,
                  fmt::format("rank {}: combine of rows that belong to another batch than its plan: {}",
                              communicator->rank(),
                              inReceived ? "the last dispatch was of another plan"
                                         : "the memory of expertRows was asked for with another plan"));
  const auto needed = bytesOf(plan, row.stride);
  if (!outputs.fits(needed)) {
    FARO_RETURN_IF_ERROR(meet(activity, staged, "combine"));
    bool any = false;
    for (const uint32_t rank : nodeRanks())
      any |= board->valueOf(SignalBoard::MeetFlag, rank) != 0;
    if (any)
      FARO_RETURN_IF_ERROR(outputs.ensure(needed));
  }
  if (!staged)
    return inOutputs ? OutputsWindow : ReceivedWindow;
  for (int64_t r = 0; r < plan.receivedRows; ++r)
    std::memcpy(outputs.mine() + r * int64_t(row.stride), static_cast<const std::byte *>(y.data) + r * y.stride,
                row.bytes);
  outputsOf = plan.hash;
  stats.stagedBytes += uint64_t(plan.receivedRows) * row.bytes;
  return OutputsWindow;
}

Status SessionImpl::beginCombine(const faro_abi_program &program, const std::shared_ptr<const Plan> &shared,
                                 ConstRows y, const float *weights, Rows out) {
  ++stats.combines;
  auto entered = enter(shared, "combine");
  if (!entered)
    return entered.status();
  const Prepared &plan = **entered;
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
  const faro_abi_schedule &schedule = *scheduleOf(program, path);
  const uint16_t activity = activityOf(program, Combine);
  auto window = locateRows(plan, y, activity);
  if (!window)
    return window.status();
  if (plan.across)
    FARO_RETURN_IF_ERROR(partials.ensure(timesBytes(plan.across->partialRowsOfRank, schedule.partial_stride)));
  auto run = startCombine(parts(), program, schedule, batchOf(plan), weights, out, {activity, *window});
  if (!run)
    return run.status();
  return begin({shared, std::move(*run), &stats.combineNs});
}

//===-------------------------------------------------- memory, origins ---===//

Expected<Rows> SessionImpl::expertRows(const std::shared_ptr<const Plan> &plan) {
  return guarded(nullptr, [&]() -> Expected<Rows> {
    auto prepared = enter(plan, "expertRows");
    if (!prepared)
      return prepared.status();
    FARO_RETURN_IF_ERROR(outputs.ensure(bytesOf(*plan, plan->program->row.stride)));
    outputsOf = (*prepared)->hash;
    return Rows{outputs.mine(), plan->receivedRows, int64_t(plan->program->row.stride)};
  });
}

Expected<std::vector<Source>> SessionImpl::sources(const std::shared_ptr<const Plan> &plan) {
  return guarded(nullptr, [&]() -> Expected<std::vector<Source>> {
    auto prepared = enter(plan, "sources");
    if (!prepared)
      return prepared.status();
    return runSources(**prepared);
  });
}

/// The ranks of a node meet twice: when all have cleared their windows, and when everything has been written.
Expected<std::vector<Source>> SessionImpl::runSources(const Prepared &plan) {
  FARO_RETURN_IF_ERROR(origins.ensure(bytesOf(plan, sizeof(Origin))));
  const uint16_t activity = activityOf(*plan.program, Sources);
  auto *mine = reinterpret_cast<Origin *>(origins.mine());
  for (int64_t row = 0; row < plan.receivedRows; ++row)
    mine[row].rank = -1;
  FARO_RETURN_IF_ERROR(meet(activity, 0, "sources"));
  FARO_RETURN_IF_ERROR(originExchange->exchange(plan, origins));
  FARO_RETURN_IF_ERROR(meet(activity, 0, "sources"));
  std::vector<Source> result(size_t(plan.receivedRows), Source{-1, -1, -1});
  for (size_t row = 0; row < result.size(); ++row)
    if (mine[row].rank >= 0)
      result[row] = {mine[row].rank, mine[row].token, mine[row].choice};
  return result;
}

const SessionStatistics &SessionImpl::statistics() const {
  stats.windowGrowths = stats.windowBytes = 0;
  for (const Window *window : {&receivedWindow, &outputs, &origins, &transit, &partials}) {
    stats.windowGrowths += window->growths();
    stats.windowBytes += window->bytes();
  }
  return stats;
}

} // namespace faro
