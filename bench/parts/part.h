// A piece of the daemon's work on a query, done as often as is asked: timed by bench_micro, its
// instructions counted by bench_count. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace bench {

struct Part {
  std::string name;  // folder/what
  std::function<void(std::uint64_t times)> run;
};

using Parts = std::vector<Part>;

// The compiler neither foresees what the value is nor leaves out what computes it.
template <class Value>
void keep(const Value& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

// The loop is inside of what is called, so that the call costs nothing.
template <class Body>
Part part(std::string name, Body body) {
  return {std::move(name), [body = std::move(body)](std::uint64_t times) mutable {
            for (; times > 0; --times) body();
          }};
}

void add_frames(Parts& parts);
void add_statements(Parts& parts);
void add_pipeline(Parts& parts);
void add_settings(Parts& parts);
void add_routing(Parts& parts);
void add_histogram(Parts& parts);

inline Parts all_parts() {
  Parts parts;
  for (const auto add :
       {add_frames, add_statements, add_pipeline, add_settings, add_routing, add_histogram})
    add(parts);
  return parts;
}

}  // namespace bench
