#include "data/tokenize_split.h"

#include <algorithm>
#include <deque>
#include <future>
#include <utility>

#include "data/record_reader.h"
#include "data/split_writer.h"
#include "data/tokenize_record.h"
#include "data/worker_threads.h"
#include "io/available_cores.h"

namespace infini {
namespace {

constexpr size_t kRecordsInFlight = 64;      ///< a thread
constexpr size_t kBytesInFlight = 8u << 20;  ///< a thread

}  // namespace

SplitDescription tokenize_split(const PrepareOptions& options, const Tokenizer& tokenizer, const SourceSplit& split,
                                int64_t bytes_before, Progress& progress) {
  struct InFlight {
    std::future<TokenizedRecord> record;
    size_t size;
    int64_t bytes_read;
  };
  SplitWriter writer(options, tokenizer, split.name);
  RecordReader reader(split, pieces_for(tokenizer));
  reader.skip(writer.records_done());

  const auto threads = static_cast<size_t>(options.threads > 0 ? options.threads : available_cores().count);
  WorkerThreads workers(static_cast<int64_t>(threads));
  std::deque<InFlight> in_flight;
  size_t bytes_in_flight = 0;
  const auto take_first = [&] {
    InFlight first = std::move(in_flight.front());
    in_flight.pop_front();
    bytes_in_flight -= first.size;
    writer.add(first.record.get());
    progress.update(bytes_before + first.bytes_read, split.name);
  };
  Record record;
  while (reader.next(record)) {
    const size_t size = record.content.size();
    while (!in_flight.empty() &&
           (in_flight.size() >= kRecordsInFlight * threads || bytes_in_flight + size > kBytesInFlight * threads)) {
      take_first();
    }
    in_flight.push_back({workers.run([&tokenizer, &options, record = std::move(record)]() mutable {
                           return tokenize(tokenizer, std::move(record), options.text_key);
                         }),
                         size, reader.bytes_read()});
    bytes_in_flight += size;
    record = {};
  }
  while (!in_flight.empty()) take_first();
  return writer.finish();
}

}  // namespace infini
