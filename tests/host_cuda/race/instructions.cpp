#include "host_cuda/race/instructions.h"

#include <link.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <stdexcept>

namespace host_cuda {
namespace {

constexpr unsigned kSlotBits = 17;
/// Marks the keys that are made of a place in the source: no address of an instruction has this bit.
constexpr std::uint64_t kPlace = std::uint64_t{1} << 63;

std::uint64_t program_base() {
  std::uint64_t base = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* module, std::size_t, void* found) {
        *static_cast<std::uint64_t*>(found) = module->dlpi_addr;
        return 1;
      },
      &base);
  return base;
}

/// What binutils' addr2line makes of an address in this program: its file and line, of the innermost inlined function
/// first.
std::string source_line(std::uint64_t address) {
  char program[4096] = {};
  if (readlink("/proc/self/exe", program, sizeof program - 1) < 0) return "";
  char command[4400];
  std::snprintf(command, sizeof command, "addr2line -e '%s' 0x%llx 2>/dev/null", program,
                static_cast<unsigned long long>(address));
  char line[4096] = {};
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> output(popen(command, "r"), pclose);
  if (!output || std::fscanf(output.get(), "%4095[^\n]", line) != 1) return "";
  return line;
}

}  // namespace

Instructions::Instructions() : slots_(std::size_t{1} << kSlotBits) {}

Instructions::Number Instructions::at(const void* return_address) {
  return find(reinterpret_cast<std::uint64_t>(return_address), {});
}

Instructions::Number Instructions::at(std::source_location place, unsigned part) {
  const auto file = reinterpret_cast<std::uint64_t>(place.file_name());
  const std::uint64_t position = (file * 31 + place.line()) * 31 + place.column();
  return find(kPlace | (position * 31 + part), place);
}

Instructions::Number Instructions::find(std::uint64_t key, std::source_location place) {
  for (std::uint64_t slot = key * 0x9e3779b97f4a7c15u >> (64 - kSlotBits);; slot = (slot + 1) % slots_.size()) {
    const Number number = slots_[slot];
    if (number == 0) {
      if (instructions_.size() == 0xffff) throw std::length_error("a test program has too many memory instructions");
      instructions_.push_back({key, place});
      slots_[slot] = static_cast<Number>(instructions_.size());
      return static_cast<Number>(instructions_.size() - 1);
    }
    if (instructions_[number - 1].key == key) return number - 1;
  }
}

std::string Instructions::described(Number number) const {
  const auto& [key, place] = instructions_[number];
  if ((key & kPlace) != 0) return std::string(place.file_name()) + ":" + std::to_string(place.line());
  const std::uint64_t address = key - 1 - program_base();
  char text[64];
  std::snprintf(text, sizeof text, "program address 0x%llx", static_cast<unsigned long long>(address));
  const std::string line = source_line(address);
  return line.empty() || line.front() == '?' ? text : line;
}

}  // namespace host_cuda
