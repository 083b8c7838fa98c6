// Operations of the xfer dialect: programs, their stages, the stages that move slices, and the leaves of kernels.
#ifndef XFER_OPS_TD
#define XFER_OPS_TD

include "dialect/Xfer/XferBulk.td"
include "dialect/Xfer/XferLeaves.td"
include "dialect/Xfer/XferSignals.td"
include "dialect/Xfer/XferSlices.td"

#endif // XFER_OPS_TD
