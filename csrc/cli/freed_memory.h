#pragma once

namespace infini {

/// For a verb that reads texts of any length. Buffers of a few megabytes and more go back to the system when they are
/// freed. The memory of the process then does not depend on the order in which its threads free them.
void return_freed_memory();

/// For a verb that takes training steps. Freed memory is kept for the next request. A training step frees and asks for
/// the same buffers again and again, and fresh pages for each would cost a sixth of its time.
void keep_freed_memory();

}  // namespace infini
