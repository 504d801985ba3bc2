// A strict reader of OpenMetrics text, version 1.0, as far as counters and gauges go: everything that the
// format does not allow is a complaint. Source: openmetrics.io, "Text format" and "Data model".
#pragma once

#include <map>
#include <string>
#include <vector>

namespace sluice::test {

struct Metrics {
  std::vector<std::string> complaints;
  // "name{label=\"value\"}" as it stands in the text, and its value.
  std::map<std::string, double> samples;
};
Metrics read_open_metrics(const std::string& text);

}  // namespace sluice::test
