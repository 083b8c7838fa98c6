// How a rank and rank 0 convince each other that they know the job's secret, without saying it.
//
//   hub  ─► rank   Greeting   magic, a nonce
//   rank ─► hub    Hello      who it is, a nonce, MAC(key; "rank", both nonces, who it is)
//   hub  ─► rank   Reply      welcome or not, why, MAC(key; "hub", both nonces, the answer)
//
// Fresh nonces make old conversations useless; the words in front keep one side's proof from passing as the other's.
#pragma once

#include "runtime/core/Bootstrap.h"
#include "runtime/core/JobSecret.h"
#include "runtime/core/Wire.h"

namespace faro {

using Nonce = std::array<unsigned char, 32>;
using Mac = Digest;

/// The last character is the protocol's version.
constexpr char GreetingMagic[9] = "FAROHUB2";
constexpr char HelloMagic[9] = "FARORNK2";

struct Greeting {
  char magic[8];
  Nonce nonce;
};
struct Hello {
  char magic[8];
  uint32_t rank;
  uint32_t worldSize;
  uint64_t timeoutNs; ///< how long this rank is going to wait for the others
  Nonce nonce;
  Mac mac;
};
struct Reply {
  uint32_t code; ///< faro_status
  uint32_t messageSize;
  Mac mac; ///< zeros when the rank did not prove that it knows the secret
};
constexpr uint32_t MaxReplyMessage = 4096;

Expected<Nonce> freshNonce();
Mac macOfHello(const SecretKey &key, const Nonce &hubNonce, const Hello &hello);
Mac macOfReply(const SecretKey &key, const Nonce &hubNonce, const Nonce &rankNonce, uint32_t code,
               std::string_view message);

/// Who wants to join where.
struct JoinRequest {
  SocketAddress address;
  SecretKey key;
  uint32_t rank;
  uint32_t worldSize;
  Nanoseconds timeout;
};

/// Connects to rank 0, again and again until it is there, and shakes hands. Errors say what was found in its place.
Expected<std::unique_ptr<Connection>> join(const JoinRequest &request, Clock::time_point deadline);

} // namespace faro
