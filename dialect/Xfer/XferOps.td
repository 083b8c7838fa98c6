// Operations of the xfer dialect; schedules here, leaves in XferLeaves.td.
#ifndef XFER_OPS_TD
#define XFER_OPS_TD

include "dialect/Xfer/XferLeaves.td"
include "dialect/Xfer/XferProgram.td"

#endif // XFER_OPS_TD
