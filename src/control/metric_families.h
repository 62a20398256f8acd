// Families: metrics as they are written for Prometheus, in the order in which they are begun. Built
// and read by one thread.
#pragma once

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "pgsaba/base/clock.h"
#include "pgsaba/stats/traffic_times.h"

namespace pgsaba::control {

using Labels = std::vector<std::pair<std::string, std::string>>;

inline double seconds(Micros us) { return static_cast<double>(us) / 1e6; }
inline double seconds(std::uint64_t us) { return static_cast<double>(us) / 1e6; }

class Families {
 public:
  using MetricFamily = prometheus::MetricFamily;
  using MetricType = prometheus::MetricType;

  Families& gauge(const std::string& name, const std::string& help) {
    return begin(name, help, MetricType::Gauge);
  }
  Families& counter(const std::string& name, const std::string& help) {
    return begin(name, help, MetricType::Counter);
  }
  Families& histogram(const std::string& name, const std::string& help) {
    return begin(name, help, MetricType::Histogram);
  }

  Families& add(const Labels& labels, const stats::TimeHistogram& times) {
    prometheus::ClientMetric metric;
    for (const auto& [name, text] : labels) metric.label.push_back({name, text});
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < stats::TimeHistogram::kBuckets; ++i) {
      sum += times.count(i);
      const bool last = i + 1 == stats::TimeHistogram::kBuckets;
      const double end =
          last ? std::numeric_limits<double>::infinity() : seconds(stats::TimeHistogram::end_us(i));
      metric.histogram.bucket.push_back({sum, end});
    }
    metric.histogram.sample_count = sum;
    metric.histogram.sample_sum = seconds(times.sum_us());
    families_.back().metric.push_back(std::move(metric));
    return *this;
  }

  // Of the family begun last.
  template <class Number>
  Families& add(const Labels& labels, Number value) {
    prometheus::ClientMetric metric;
    for (const auto& [name, text] : labels) metric.label.push_back({name, text});
    if (families_.back().type == MetricType::Counter) {
      metric.counter.value = static_cast<double>(value);
    } else {
      metric.gauge.value = static_cast<double>(value);
    }
    families_.back().metric.push_back(std::move(metric));
    return *this;
  }

  std::string text() const {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families_);
    return out.str();
  }

 private:
  Families& begin(const std::string& name, const std::string& help, MetricType type) {
    MetricFamily& family = families_.emplace_back();
    family.name = name;
    family.help = help;
    family.type = type;
    return *this;
  }

  std::vector<MetricFamily> families_;
};

}  // namespace pgsaba::control
