// What a rank must know to join a job.
#pragma once

#include "runtime/core/Digest.h"

#include <string>

namespace faro {

using SecretKey = Digest;

/// The key made of the job's secret. Without a secret, on a loopback address, of one that all programs of this user on
/// this machine share (in ~/.cache/faro/secret, made when it is missing); on any other address an error.
Expected<SecretKey> resolveSecret(const std::string &jobSecret, bool loopback, const std::string &masterAddress);

/// The contents of the user's secret file. Made atomically: any number of ranks may come at once.
Expected<std::string> userSecret(const std::string &folder);

} // namespace faro
