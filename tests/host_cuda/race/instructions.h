#pragma once

#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

namespace host_cuda {

/// The places in the program that access memory, numbered as they come.
class Instructions {
 public:
  using Number = std::uint16_t;

  Instructions();

  /// The instruction before the one at `return_address`.
  Number at(const void* return_address);

  /// The `part`-th access of an operation of the harness that a kernel calls at `place`.
  Number at(std::source_location place, unsigned part);

  /// File and line, for a report.
  std::string described(Number number) const;

 private:
  struct Instruction {
    std::uint64_t key;
    std::source_location place;
  };
  Number find(std::uint64_t key, std::source_location place);

  std::vector<Instruction> instructions_;
  /// A hash table of numbers plus one; 0 is free.
  std::vector<Number> slots_;
};

}  // namespace host_cuda
