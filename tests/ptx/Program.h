// PTX as the PTX machine runs it: the instructions that Faro's kernels are made of, and no others. Text with another
// one is refused with its line, so a kernel that comes to use it shows up before it is trusted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace faro::test::ptx {

enum class Op : uint8_t {
  LoadParameter,
  Load,
  Store,
  StoreShared,
  Pack,
  Unpack,
  // from here ...
  Move,
  Add,
  Subtract,
  Multiply,
  MultiplyHigh,
  MultiplyWide,
  MultiplyAdd,
  Minimum,
  Maximum,
  And,
  Or,
  Xor,
  Not,
  Negate,
  ShiftLeft,
  ShiftRight,
  ExtractBits,
  Compare,
  Select,
  Convert,
  ConvertPair,
  // ... to here one result, of registers alone
  Branch,
  Return,
  Meet,
  Rest,
  Fence,
  BarrierInit,
  BarrierExpect,
  BarrierTryWait,
  BulkLoad,
  BulkStore,
  BulkCommit,
  BulkWait
};
enum class Comparison : uint8_t { Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual, Unordered };

struct Type {
  char kind = 'b'; ///< b, u, s, f, or p for a predicate
  uint32_t bits = 32;
  bool isPair = false; ///< f32x2
};

/// An operand is a place in the thread's file: a register, a number, or what the machine says of the thread.
struct Instruction {
  Op op = Op::Return;
  Comparison comparison = Comparison::Equal;
  Type type, from;              ///< `from`: what a conversion reads
  bool isReadOnly = false;      ///< ld.global.nc
  bool isSynchronising = false; ///< ld.acquire, st.release
  bool onlyRead = false;        ///< cp.async.bulk.wait_group.read
  bool guardIsNegated = false;
  uint8_t elements = 1, count = 0;       ///< of a vector, the first operands; all operands
  int32_t guard = -1;                    ///< the predicate that it depends on, if any
  uint32_t target = 0;                   ///< of a branch
  int line = 0;                          ///< in the text, from 1
  int64_t offset = 0;                    ///< of a load or store, behind its address
  std::array<uint32_t, 9> operands = {}; ///< at most a vector of eight and an address
};

/// The first places of every thread's file.
enum Special : uint32_t { Nowhere, ThreadInBlock, ThreadsOfBlock, BlockInGrid, BlocksOfGrid, Clock, SpecialCount };

struct Function {
  std::string name;
  std::vector<uint32_t> parameterBits; ///< one a parameter
  std::vector<uint64_t> file;          ///< what a thread's places hold at first: numbers, and rubbish in registers
  uint32_t sharedBytes = 0;
  std::vector<Instruction> code; ///< ends with a return
};

/// Where shared memory begins: not at 0, which a kernel could reach by mistake.
constexpr uint64_t SharedBase = 0x400;

struct Program {
  std::map<std::string, Function> functions;
};

/// The entries of a PTX text in `program`; else false, and `error` says what is wrong at which line.
bool parse(std::string_view text, Program &program, std::string &error);

} // namespace faro::test::ptx
