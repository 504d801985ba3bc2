#include "cli/metrics.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <functional>
#include <iterator>

#include "core/escape.h"
#include "core/reason_text.h"
#include "wire/fuse_names.h"

namespace sluice::cli {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

// In a label's value a backslash, a quote and a line feed are escaped; core::escaped() has left
// nothing but printable ASCII before, so that what remains are its own backslashes.
std::string quoted(const std::string& value) {
  std::string out = "\"";
  for (const char c : core::escaped(value)) {
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out + '"';
}

// One family after the other: its samples stand together, as the format demands.
class Text {
 public:
  void family(const std::string& name, const char* type, const char* help) {
    name_ = absl::StrCat("sluice_", name);
    counter_ = std::string(type) == "counter";
    absl::StrAppend(&out_, "# HELP ", name_, " ", help, "\n# TYPE ", name_, " ", type, "\n");
  }
  void sample(const Labels& labels, uint64_t value) {
    part(counter_ ? "_total" : "", labels, absl::StrCat(value));
  }
  void part(const char* suffix, const Labels& labels, const std::string& value) {
    absl::StrAppend(&out_, name_, suffix);
    for (size_t i = 0; i < labels.size(); ++i) {
      absl::StrAppend(&out_, i == 0 ? "{" : ",", labels[i].first, "=", quoted(labels[i].second));
    }
    absl::StrAppend(&out_, labels.empty() ? "" : "}", " ", value, "\n");
  }
  std::string finish() { return std::move(out_) + "# EOF\n"; }

 private:
  std::string out_, name_;
  bool counter_ = false;
};

Labels with(Labels labels, const char* name, std::string value) {
  labels.emplace_back(name, std::move(value));
  return labels;
}

std::string reason_label(size_t i) {
  return std::string(core::reason_name(static_cast<core::Reason>(i)));
}

void put_services(Text& text, const std::vector<ServiceNumbers>& services,
                  const std::map<int, uint64_t>& memory) {
  const auto each = [&](const std::function<void(const Labels&, const wire::Totals&)>& put) {
    for (const ServiceNumbers& service : services) {
      if (service.totals) put({{"service", service.socket}}, *service.totals);
    }
  };
  const auto one = [&](const char* name, const char* type, const char* help,
                       uint64_t wire::Totals::*value) {
    text.family(name, type, help);
    each([&](const Labels& labels, const wire::Totals& totals) {
      text.sample(labels, totals.*value);
    });
  };
  const auto by_reason = [&](const char* name, const char* help,
                             const uint64_t(wire::Totals::*counts)[wire::kReasons]) {
    text.family(name, "counter", help);
    each([&](const Labels& labels, const wire::Totals& totals) {
      for (size_t i = 1; i < wire::kReasons; ++i) {
        if ((totals.*counts)[i] != 0)
          text.sample(with(labels, "reason", reason_label(i)), (totals.*counts)[i]);
      }
    });
  };
  text.family("service_start_time_seconds", "gauge",
              "When the service started, in seconds since 1970. A change is a restart.");
  each([&](const Labels& labels, const wire::Totals& totals) {
    text.sample(labels, static_cast<uint64_t>(std::max<int64_t>(0, totals.started)));
  });
  one("service_peers", "counter", "Clients that the service admitted.", &wire::Totals::peers);
  one("service_views_started", "counter", "Views that have started.", &wire::Totals::views_started);
  one("service_views_ended", "counter", "Views that have ended.", &wire::Totals::views_ended);
  one("service_workers_replaced", "counter", "Workers that took the place of one that had ended.",
      &wire::Totals::workers_replaced);
  one("service_workers_rested", "counter", "Workers that had nothing to do and ended until somebody needs one.",
      &wire::Totals::workers_rested);
  one("service_workers_woken", "counter", "Workers that were started since somebody needed one of a view at rest.",
      &wire::Totals::workers_woken);
  one("service_connections_started", "counter", "Connections of other FUSE servers that got a broker.",
      &wire::Totals::connections_started);
  one("service_connections_ended", "counter", "Those of them whose broker has ended.", &wire::Totals::connections_ended);
  one("service_grants", "counter",
      "Files granted in all views and connections, as brokers reported. Each reports 20 in a second, or all with "
      "--audit; "
      "the others are among service_unreported_events.",
      &wire::Totals::granted);
  by_reason("service_refused_clients", "Clients that were refused, by reason.",
            &wire::Totals::refused_peers);
  by_reason("service_refused_requests",
            "Requests that brokers refused, by reason, as they reported. Each reports 20 in a "
            "second, or all "
            "with --audit; the others are among service_unreported_events. What a worker answers "
            "by itself, "
            "such as a look-up of a hidden name, is no request.",
            &wire::Totals::refused_requests);
  one("service_unreported_events", "counter",
      "Grants and refusals that brokers did not report. They say so with the next that they do "
      "report.",
      &wire::Totals::dropped);
  one("service_log_lines_left_out", "counter",
      "Lines that the service's main process did not log, for want of room.",
      &wire::Totals::lines_left_out);
  text.family("service_memory_bytes", "gauge", "Resident memory of the service's processes.");
  each([&](const Labels& labels, const wire::Totals& totals) {
    for (const auto& [name, pid] :
         {std::pair{"sluiced", totals.service_pid}, {"sluiced-maker", totals.maker_pid}}) {
      const auto known = memory.find(static_cast<int>(pid));
      if (known != memory.end()) text.sample(with(labels, "process", name), known->second);
    }
  });
}

// A worker may write any number: only their sum up to each bound is said, which never falls.
void put_times(Text& text, const Labels& labels, const wire::ViewInfo::Times& times) {
  constexpr const char* kBounds[] = {"1e-05", "0.0001", "0.001", "0.01", "0.1", "1.0", "+Inf"};
  static_assert(std::size(kBounds) == wire::Counters::kBuckets);
  uint64_t sum = 0;
  for (size_t i = 0; i < wire::Counters::kBuckets; ++i) {
    sum += std::min(times.count[i], ~uint64_t{0} - sum);
    text.part("_bucket", with(labels, "le", kBounds[i]), absl::StrCat(sum));
  }
  text.part("_count", labels, absl::StrCat(sum));
  text.part("_sum", labels,
            absl::StrFormat("%d.%09d", times.nanoseconds / 1'000'000'000,
                            times.nanoseconds % 1'000'000'000));
}

void put_views(Text& text, const std::vector<ListedView>& views,
               const std::map<int, uint64_t>& memory) {
  const auto each = [&](const std::function<void(const Labels&, const wire::ViewInfo&)>& put) {
    for (const ListedView& view : views)
      put({{"service", view.socket}, {"view", view.info.name}}, view.info);
  };
  const auto one = [&](const char* name, const char* type, const char* help,
                       const std::function<uint64_t(const wire::ViewInfo&)>& value) {
    text.family(name, type, help);
    each([&](const Labels& labels, const wire::ViewInfo& view) {
      text.sample(labels, value(view));
    });
  };
  text.family("view_description", "gauge", "1, with what the view is.");
  each([&](const Labels& labels, const wire::ViewInfo& view) {
    Labels all = with(labels, "source", view.source);
    all = with(all, "target", view.target);
    all = with(all, "access", view.read_only ? "ro" : "rw");
    all = with(all, "identity", view.preserve ? "preserve" : absl::StrCat(view.uid));
    text.sample(with(all, "unit", view.unit), 1);
  });
  one("view_start_time_seconds", "gauge", "When the view started, in seconds since 1970.",
      [](const auto& view) { return static_cast<uint64_t>(std::max<int64_t>(0, view.started)); });
  one("view_resting", "gauge", "1 where the view has no worker, since nobody needs one just now; else 0.",
      [](const auto& view) { return uint64_t{view.resting ? 1u : 0u}; });
  one("view_nodes", "gauge", "Files and directories that the kernel knows, as the worker says.",
      [](const auto& view) { return view.nodes; });
  one("view_open_grants", "gauge",
      "Files that are granted now, idle ones included, as the worker says.",
      [](const auto& view) { return view.grants; });
  one("view_open_grants_limit", "gauge", "How many may be.",
      [](const auto& view) { return uint64_t{view.most_grants}; });
  one("view_grants_asked", "counter",
      "Opens for which the worker asked the broker, as the worker says.",
      [](const auto& view) { return view.grants_asked; });
  one("view_grants_kept", "counter",
      "Opens that a grant which was still there served, as the worker says.",
      [](const auto& view) { return view.grants_kept; });
  one("view_grants", "counter", "Files granted, as the broker reported; see service_grants.",
      [](const auto& view) { return view.granted; });
  one("view_unreported_events", "counter", "Grants and refusals that the broker did not report.",
      [](const auto& view) { return view.dropped; });
  text.family(
      "view_refused_requests", "counter",
      "Requests that the broker refused, by reason, as it reported; see service_refused_requests.");
  each([&](const Labels& labels, const wire::ViewInfo& view) {
    for (size_t i = 1; i < wire::kReasons; ++i) {
      if (view.refused[i] != 0)
        text.sample(with(labels, "reason", reason_label(i)), view.refused[i]);
    }
  });
  text.family("view_requests", "counter", "Requests of the kernel, by kind, as the worker says.");
  each([&](const Labels& labels, const wire::ViewInfo& view) {
    uint64_t other = 0;
    for (size_t i = 0; i < wire::Counters::kOpcodes; ++i) {
      const std::string kind(wire::opcode_name(i));
      if (kind == "OTHER") {
        other += view.requests[i];
      } else if (view.requests[i] != 0 || i == wire::kOpcodeRead || i == wire::kOpcodeWrite) {
        text.sample(with(labels, "kind", kind), view.requests[i]);
      }
    }
    if (other != 0) text.sample(with(labels, "kind", "OTHER"), other);
  });
  text.family("view_request_seconds", "histogram",
              "How long the worker's first thread was at a request, by what it is about, as the "
              "worker says. What it "
              "hands to its other thread, such as fsync, counts until then; data passes through no "
              "worker.");
  each([&](const Labels& labels, const wire::ViewInfo& view) {
    for (size_t i = 0; i < wire::Counters::kAbout; ++i) {
      put_times(text, with(labels, "about", std::string(wire::Counters::kAboutNames[i])),
                view.times[i]);
    }
  });
  text.family("view_memory_bytes", "gauge", "Resident memory of the view's processes.");
  each([&](const Labels& labels, const wire::ViewInfo& view) {
    for (const auto& [name, pid] :
         {std::pair{"broker", view.broker_pid}, {"worker", view.worker_pid}}) {
      const auto known = memory.find(pid);
      if (known != memory.end()) text.sample(with(labels, "process", name), known->second);
    }
  });
}

// Of the connections of other FUSE servers there is what their brokers report. What their processes do is not ours.
void put_connections(Text& text, const std::vector<ListedView>& connections, const std::map<int, uint64_t>& memory) {
  const auto each = [&](const std::function<void(const Labels&, const wire::ViewInfo&)>& put) {
    for (const ListedView& one : connections) put({{"service", one.socket}, {"connection", one.info.name}}, one.info);
  };
  const auto one = [&](const char* name, const char* type, const char* help,
                       const std::function<uint64_t(const wire::ViewInfo&)>& value) {
    text.family(name, type, help);
    each([&](const Labels& labels, const wire::ViewInfo& info) { text.sample(labels, value(info)); });
  };
  text.family("connection_description", "gauge", "1, with what the connection of another FUSE server is.");
  each([&](const Labels& labels, const wire::ViewInfo& info) {
    Labels all = with(labels, "target", info.target);
    all = with(all, "number", absl::StrCat(info.connection));
    all = with(all, "identity", absl::StrCat(info.uid));
    text.sample(with(all, "unit", info.unit), 1);
  });
  one("connection_start_time_seconds", "gauge", "When it got its broker, in seconds since 1970.",
      [](const auto& info) { return static_cast<uint64_t>(std::max<int64_t>(0, info.started)); });
  one("connection_open_grants_limit", "gauge", "How many files may be granted at one time.",
      [](const auto& info) { return uint64_t{info.most_grants}; });
  one("connection_grants", "counter", "Files granted, as the broker reported; see service_grants.",
      [](const auto& info) { return info.granted; });
  one("connection_unreported_events", "counter", "Grants and refusals that the broker did not report.",
      [](const auto& info) { return info.dropped; });
  text.family("connection_refused_requests", "counter",
              "Requests that the broker refused, by reason, as it reported; see service_refused_requests.");
  each([&](const Labels& labels, const wire::ViewInfo& info) {
    for (size_t i = 1; i < wire::kReasons; ++i) {
      if (info.refused[i] != 0) text.sample(with(labels, "reason", reason_label(i)), info.refused[i]);
    }
  });
  text.family("connection_memory_bytes", "gauge", "Resident memory of the connection's broker.");
  each([&](const Labels& labels, const wire::ViewInfo& info) {
    const auto known = memory.find(info.broker_pid);
    if (known != memory.end()) text.sample(with(labels, "process", "broker"), known->second);
  });
}

}  // namespace

std::string metrics_text(const std::vector<ServiceNumbers>& services,
                         const std::vector<ListedView>& listed,
                         const std::map<int, uint64_t>& memory) {
  std::vector<ListedView> views, connections;
  for (const ListedView& one : listed) (one.info.foreign ? connections : views).push_back(one);
  Text text;
  text.family("services", "gauge",
              "Services that answered: the host's, and one for each private one.");
  text.sample({}, services.size());
  text.family("views", "gauge", "Views that the caller may see.");
  text.sample({}, views.size());
  text.family("connections", "gauge", "Connections of other FUSE servers that the caller may see.");
  text.sample({}, connections.size());
  put_services(text, services, memory);
  put_views(text, views, memory);
  put_connections(text, connections, memory);
  return text.finish();
}

}  // namespace sluice::cli
