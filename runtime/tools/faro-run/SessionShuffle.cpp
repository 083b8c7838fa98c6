#include "runtime/tools/faro-run/Shuffle.h"

namespace faro::run {

namespace {

class SessionShuffle final : public Shuffle {
public:
  SessionShuffle(std::unique_ptr<Session> session, ShuffleTerms terms)
      : terms_(std::move(terms)), session_(std::move(session)) {}

  Status prepare() override {
    auto plan =
        session_->prepare(*terms_.job.dispatch, {terms_.own.routing.topkIdx.data(), int64_t(terms_.own.tokens())});
    if (plan)
      plan_ = std::move(*plan);
    return plan.status();
  }
  Status reserve() override { return session_->reserve(plan_); }
  Expected<Received> dispatch(ConstRows x) override { return session_->dispatch(plan_, x); }
  Expected<Rows> expertRows() override { return session_->expertRows(plan_); }
  Status combine(ConstRows y, Rows out) override {
    return session_->combine(*terms_.job.combine, plan_, y, terms_.own.weights.data(), out);
  }
  Expected<std::optional<std::vector<Source>>> sources() override {
    Expected<std::vector<Source>> sources = session_->sources(plan_);
    if (!sources)
      return sources.status();
    return std::optional(std::move(*sources));
  }
  SessionStatistics statistics() const override { return session_->statistics(); }

private:
  const ShuffleTerms terms_;
  std::unique_ptr<Session> session_;
  std::shared_ptr<const Plan> plan_;
};

} // namespace

Expected<std::unique_ptr<Shuffle>> sessionShuffle(std::shared_ptr<Communicator> communicator, ShuffleTerms terms) {
  SessionOptions options;
  options.cudaDevice = terms.options.cudaDevice;
  options.onStage = terms.onStage;
  auto session = Session::create(std::move(communicator), terms.job.module, options);
  if (!session)
    return session.status();
  return std::unique_ptr<Shuffle>(new SessionShuffle(std::move(*session), std::move(terms)));
}

} // namespace faro::run
