#include "bench/stopwatch.h"

#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <gtest/gtest.h>

#include <memory>

namespace infini {
namespace {

/// A device whose queue is a counter: each kernel adds the milliseconds that it takes, and an event remembers where the
/// counter stood when it was recorded in the stream. What a GPU's events are used for can be tested without one.
struct CountingDevice {
  static inline double queued_milliseconds = 0;
  static inline int synchronised_events = 0;
};

class CountingGuard : public c10::impl::DeviceGuardImplInterface {
 public:
  static constexpr c10::DeviceType kType = c10::DeviceType::PrivateUse1;

  c10::DeviceType type() const override { return kType; }
  c10::Device exchangeDevice(c10::Device device) const override { return device; }
  c10::Device getDevice() const override { return c10::Device(kType, 0); }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  c10::Stream getStream(c10::Device device) const override { return c10::Stream(c10::Stream::DEFAULT, device); }
  c10::Stream exchangeStream(c10::Stream stream) const override { return stream; }
  void record(void** event, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {
    delete static_cast<double*>(*event);
    *event = std::make_unique<double>(CountingDevice::queued_milliseconds).release();
  }
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  void destroyEvent(void* event, c10::DeviceIndex) const noexcept override { delete static_cast<double*>(event); }
  void synchronizeEvent(void*) const override { ++CountingDevice::synchronised_events; }
  double elapsedTime(void* begin, void* end, c10::DeviceIndex) const override {
    return *static_cast<double*>(end) - *static_cast<double*>(begin);
  }
};

C10_REGISTER_GUARD_IMPL(PrivateUse1, CountingGuard);

TEST(Stopwatch, TimesADeviceByItsEventsAndWaitsForTheLast) {
  CountingDevice::queued_milliseconds = 5;
  CountingDevice::synchronised_events = 0;
  const auto kernel = [] { CountingDevice::queued_milliseconds += 40; };
  EXPECT_DOUBLE_EQ(measure_seconds(kernel, c10::Device(CountingGuard::kType, 0)), 0.04);
  EXPECT_DOUBLE_EQ(measure_seconds(kernel, c10::Device(CountingGuard::kType, 0), 3), 0.12);
  EXPECT_EQ(CountingDevice::synchronised_events, 2);
}

TEST(Stopwatch, RepeatsAShortCallWithinARoundAndGivesTheTimeOfOne) {
  int calls = 0;
  const auto kernel = [&] {
    ++calls;
    CountingDevice::queued_milliseconds += 0.5;
  };
  for (const double seconds : time_rounds(kernel, c10::Device(CountingGuard::kType, 0), 3)) {
    EXPECT_NEAR(seconds, 0.0005, 1e-12);
  }
  EXPECT_GE(calls, 3 * 20 / 0.5);
}

TEST(Stopwatch, CallsWhatIsLongOnceARoundAfterTwoCallsThatDoNotCount) {
  int calls = 0;
  const auto kernel = [&] { CountingDevice::queued_milliseconds += ++calls <= 2 ? 700 : 100; };
  EXPECT_EQ(time_rounds(kernel, c10::Device(CountingGuard::kType, 0), 4).size(), 4);
  EXPECT_EQ(calls, 6);
  EXPECT_NEAR(time_rounds(kernel, c10::Device(CountingGuard::kType, 0), 1).front(), 0.1, 1e-9);
}

TEST(Stopwatch, TimesTheCpuByTheClock) {
  int calls = 0;
  EXPECT_GE(measure_seconds([&] { ++calls; }, torch::kCPU, 7), 0);
  EXPECT_EQ(calls, 7);
}

TEST(Stopwatch, TakesTheMiddleOfAnOddCountAndTheMeanOfTheMiddleTwoOfAnEvenOne) {
  EXPECT_EQ(median({9, 1, 4}), 4);
  EXPECT_EQ(median({9, 1, 4, 5}), 4.5);
  EXPECT_EQ(median({3}), 3);
}

}  // namespace
}  // namespace infini
