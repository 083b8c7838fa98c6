#include "tests/ptx/Names.h"

#include "tests/ptx/Text.h"

#include <algorithm>

namespace faro::test::ptx {

std::optional<Type> typeOf(std::string_view text) {
  if (text == "pred")
    return Type{'p', 1};
  if (text == "f32x2")
    return Type{'f', 64, true};
  if (text == "f16x2")
    return Type{'f', 32, true};
  if (text.size() < 2 || std::string_view("busf").find(text.front()) == std::string_view::npos)
    return std::nullopt;
  const auto bits = number<uint32_t>(text.substr(1));
  if (!bits || (*bits != 8 && *bits != 16 && *bits != 32 && *bits != 64))
    return std::nullopt;
  return Type{text.front(), *bits};
}

bool describe(Instruction &to, std::string_view name) {
  const std::vector<std::string_view> parts = split(name, '.');
  static const std::map<std::string_view, Op> Whole = {
      {"bra", Op::Branch},
      {"bra.uni", Op::Branch},
      {"ret", Op::Return},
      {"bar.red.or.pred", Op::Meet},
      {"nanosleep.u32", Op::Rest},
      {"fence.acq_rel.sys", Op::Fence},
      {"fence.proxy.async.shared::cta", Op::Fence},
      {"mbarrier.init.shared::cta.b64", Op::BarrierInit},
      {"mbarrier.arrive.expect_tx.shared::cta.b64", Op::BarrierExpect},
      {"mbarrier.try_wait.parity.shared::cta.b64", Op::BarrierTryWait},
      {"cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes", Op::BulkLoad},
      {"cp.async.bulk.global.shared::cta.bulk_group", Op::BulkStore},
      {"cp.async.bulk.commit_group", Op::BulkCommit},
      {"cp.async.bulk.wait_group", Op::BulkWait},
      {"cp.async.bulk.wait_group.read", Op::BulkWait}};
  if (const auto found = Whole.find(name); found != Whole.end()) {
    to.op = found->second;
    to.onlyRead = name == "cp.async.bulk.wait_group.read";
    return true;
  }
  const auto has = [&](std::string_view part) { return std::ranges::find(parts, part) != parts.end(); };
  const auto type = typeOf(parts.back());
  if (!type)
    return false;
  to.type = *type;
  const std::string_view what = parts.front();
  if (what == "ld" || what == "st") {
    to.op = name == "st.shared.b32" ? Op::StoreShared : what == "st" ? Op::Store : Op::Load;
    if (has("param"))
      to.op = Op::LoadParameter;
    to.isReadOnly = has("nc");
    to.isSynchronising = (has("acquire") || has("release")) && has("sys");
    return has("global") || to.op == Op::LoadParameter || to.op == Op::StoreShared;
  }
  if (what == "setp") {
    static const std::map<std::string_view, Comparison> Comparisons = {
        {"eq", Comparison::Equal},     {"ne", Comparison::NotEqual}, {"lt", Comparison::Less},
        {"le", Comparison::LessEqual}, {"gt", Comparison::Greater},  {"ge", Comparison::GreaterEqual},
        {"nan", Comparison::Unordered}};
    const auto found = parts.size() == 3 ? Comparisons.find(parts[1]) : Comparisons.end();
    to.op = Op::Compare;
    return found != Comparisons.end() && (to.comparison = found->second, true);
  }
  if (what == "cvt") { // cvt.to.from, cvt.rn.to.from
    to.from = *type;
    const auto result = parts.size() >= 3 ? typeOf(parts[parts.size() - 2]) : std::nullopt;
    if (!result || (parts.size() == 4 && parts[1] != "rn"))
      return false;
    to.type = *result;
    to.op = result->isPair ? Op::ConvertPair : Op::Convert;
    const bool floats = result->kind == 'f' && type->kind == 'f';
    return floats ? (result->bits == 16 || result->isPair) == (parts.size() == 4)
                  : result->kind != 'f' && type->kind != 'f';
  }
  if (type->kind == 'f' && !((what == "add" || what == "mul") && parts.size() == 3 && parts[1] == "rn") &&
      what != "mov" && what != "selp")
    return false;
  static const std::map<std::string_view, Op> Operations = {{"mov", Op::Move},
                                                            {"add", Op::Add},
                                                            {"sub", Op::Subtract},
                                                            {"mul.rn", Op::Multiply},
                                                            {"mul.lo", Op::Multiply},
                                                            {"mul.hi", Op::MultiplyHigh},
                                                            {"mul.wide", Op::MultiplyWide},
                                                            {"mad.lo", Op::MultiplyAdd},
                                                            {"min", Op::Minimum},
                                                            {"max", Op::Maximum},
                                                            {"and", Op::And},
                                                            {"or", Op::Or},
                                                            {"xor", Op::Xor},
                                                            {"not", Op::Not},
                                                            {"neg", Op::Negate},
                                                            {"shl", Op::ShiftLeft},
                                                            {"shr", Op::ShiftRight},
                                                            {"bfe", Op::ExtractBits},
                                                            {"selp", Op::Select},
                                                            {"add.rn", Op::Add}};
  const auto found = Operations.find(name.substr(0, name.rfind('.')));
  return found != Operations.end() && (to.op = found->second, true);
}

} // namespace faro::test::ptx
