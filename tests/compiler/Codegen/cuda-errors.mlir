// What kernels for a device cannot do.
// RUN: faro-opt %s -split-input-file -verify-diagnostics -xfer-kernels-to-gpu

module {
module @kernels {
  // A helper's type is nobody's business.
  func.func private @helper(%a: i64) -> i64 {
    return %a : i64
  }
  func.func @calls(%a: i64) attributes {xfer.kernel} {
    // expected-error@+1 {{'func.call' op of @helper: kernels for a device call nothing; expected what it does in its place}}
    %b = call @helper(%a) : (i64) -> i64
    return
  }
}
}

// -----

module {
module @kernels {
  func.func @twice(%a: i64) attributes {xfer.kernel} {
    %s = xfer.staging_memory : !xfer.staging<1 of 16 in 32>
    // expected-error@+1 {{'xfer.staging_memory' op is the second of its kernel; expected one}}
    %t = xfer.staging_memory : !xfer.staging<1 of 16 in 32>
    return
  }
}
}

// -----

module {
module @kernels {
  // expected-error@+1 {{'xfer.staging_memory' op is in no kernel}}
  %s = xfer.staging_memory : !xfer.staging<1 of 16 in 32>
}
}
