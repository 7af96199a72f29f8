#pragma once

namespace infini {

/// Buffers of a few megabytes and more go back to the system when they are freed, so that what a process holds does not
/// depend on the order in which its threads happened to free them. For a verb that reads texts of any length.
void return_freed_memory();

/// All memory that was once asked for is kept for the next request: a training step frees and asks for the same buffers
/// again and again, and fresh pages for each would cost a sixth of its time. For a verb that takes training steps.
void keep_freed_memory();

}  // namespace infini
