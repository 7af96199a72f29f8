#include "data/bad_records.h"

#include "log/log.h"

namespace infini {
namespace {

constexpr int64_t kTold = 10;

}  // namespace

void BadRecords::add(const std::string& problem) {
  if (on_bad_record_ == OnBadRecord::fail) throw BrokenRecord(problem);
  if (++count_ <= kTold) log::warn("skipped " + problem);
  if (count_ == kTold + 1) log::warn("further broken records are counted only");
}

}  // namespace infini
