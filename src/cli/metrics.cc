#include "cli/metrics.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <functional>

#include "core/escape.h"
#include "core/reason_text.h"
#include "wire/fuse_names.h"

namespace sluice::cli {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

// In a label's value a backslash, a quote and a line feed are escaped; core::escaped() has left nothing
// but printable ASCII before, so that what remains are its own backslashes.
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
    absl::StrAppend(&out_, name_, counter_ ? "_total" : "");
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
    each([&](const Labels& labels, const wire::Totals& totals) { text.sample(labels, totals.*value); });
  };
  const auto by_reason = [&](const char* name, const char* help,
                             const uint64_t (wire::Totals::*counts)[wire::kReasons]) {
    text.family(name, "counter", help);
    each([&](const Labels& labels, const wire::Totals& totals) {
      for (size_t i = 1; i < wire::kReasons; ++i) {
        if ((totals.*counts)[i] != 0) text.sample(with(labels, "reason", reason_label(i)), (totals.*counts)[i]);
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
  one("service_grants", "counter",
      "Files granted in all views, as brokers reported. Each reports 20 in a second, or all with --audit; "
      "the others are among service_unreported_events.",
      &wire::Totals::granted);
  by_reason("service_refused_clients", "Clients that were refused, by reason.", &wire::Totals::refused_peers);
  by_reason("service_refused_requests",
            "Requests that brokers refused, by reason, as they reported. Each reports 20 in a second, or all "
            "with --audit; the others are among service_unreported_events. What a worker answers by itself, "
            "such as a look-up of a hidden name, is no request.",
            &wire::Totals::refused_requests);
  one("service_unreported_events", "counter",
      "Grants and refusals that brokers did not report. They say so with the next that they do report.",
      &wire::Totals::dropped);
  one("service_log_lines_left_out", "counter",
      "Lines that the service's main process did not log, for want of room.", &wire::Totals::lines_left_out);
  text.family("service_memory_bytes", "gauge", "Resident memory of the service's processes.");
  each([&](const Labels& labels, const wire::Totals& totals) {
    for (const auto& [name, pid] : {std::pair{"sluiced", totals.service_pid}, {"sluiced-maker", totals.maker_pid}}) {
      const auto known = memory.find(static_cast<int>(pid));
      if (known != memory.end()) text.sample(with(labels, "process", name), known->second);
    }
  });
}

void put_views(Text& text, const std::vector<ListedView>& views, const std::map<int, uint64_t>& memory) {
  const auto each = [&](const std::function<void(const Labels&, const wire::ViewInfo&)>& put) {
    for (const ListedView& view : views) put({{"service", view.socket}, {"view", view.info.name}}, view.info);
  };
  const auto one = [&](const char* name, const char* type, const char* help,
                       const std::function<uint64_t(const wire::ViewInfo&)>& value) {
    text.family(name, type, help);
    each([&](const Labels& labels, const wire::ViewInfo& view) { text.sample(labels, value(view)); });
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
  one("view_nodes", "gauge", "Files and directories that the kernel knows, as the worker says.",
      [](const auto& view) { return view.nodes; });
  one("view_open_grants", "gauge", "Files that are granted now, idle ones included, as the worker says.",
      [](const auto& view) { return view.grants; });
  one("view_open_grants_limit", "gauge", "How many may be.", [](const auto& view) { return uint64_t{view.most_grants}; });
  one("view_grants_asked", "counter", "Opens for which the worker asked the broker, as the worker says.",
      [](const auto& view) { return view.grants_asked; });
  one("view_grants_kept", "counter", "Opens that a grant which was still there served, as the worker says.",
      [](const auto& view) { return view.grants_kept; });
  one("view_grants", "counter", "Files granted, as the broker reported; see service_grants.",
      [](const auto& view) { return view.granted; });
  one("view_unreported_events", "counter", "Grants and refusals that the broker did not report.",
      [](const auto& view) { return view.dropped; });
  text.family("view_refused_requests", "counter",
              "Requests that the broker refused, by reason, as it reported; see service_refused_requests.");
  each([&](const Labels& labels, const wire::ViewInfo& view) {
    for (size_t i = 1; i < wire::kReasons; ++i) {
      if (view.refused[i] != 0) text.sample(with(labels, "reason", reason_label(i)), view.refused[i]);
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
  text.family("view_memory_bytes", "gauge", "Resident memory of the view's processes.");
  each([&](const Labels& labels, const wire::ViewInfo& view) {
    for (const auto& [name, pid] : {std::pair{"broker", view.broker_pid}, {"worker", view.worker_pid}}) {
      const auto known = memory.find(pid);
      if (known != memory.end()) text.sample(with(labels, "process", name), known->second);
    }
  });
}

}  // namespace

std::string metrics_text(const std::vector<ServiceNumbers>& services, const std::vector<ListedView>& views,
                         const std::map<int, uint64_t>& memory) {
  Text text;
  text.family("services", "gauge", "Services that answered: the host's, and one for each private one.");
  text.sample({}, services.size());
  text.family("views", "gauge", "Views that the caller may see.");
  text.sample({}, views.size());
  put_services(text, services, memory);
  put_views(text, views, memory);
  return text.finish();
}

}  // namespace sluice::cli
