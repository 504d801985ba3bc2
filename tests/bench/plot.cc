// The picture: a scale of ratios for each row of the table, and a small chart for each curve.
#include <cmath>
#include <cstdio>
#include <map>

#include "table.h"

namespace sluicebench {
namespace {

constexpr double kLabels = 260, kScale = 620, kLine = 20, kTop = 70;
constexpr double kChart = 260, kChartHeight = 160, kBetween = 50;
constexpr const char* kColours[] = {"#0b6e4f", "#999999", "#c44536",
                                    "#3d5a80", "#e0a458", "#7b2d8b"};

std::string Format(const char* format, double a = 0, double b = 0, double c = 0, double d = 0) {
  char text[160];
  std::snprintf(text, sizeof(text), format, a, b, c, d);
  return text;
}

std::string TextAt(double x, double y, const std::string& text, const char* anchor = "start") {
  return Format("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"", x, y) + anchor + "\">" + text +
         "</text>\n";
}

std::string LineTo(double x1, double y1, double x2, double y2, const std::string& colour) {
  return Format("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"", x1, y1, x2, y2) +
         colour + "\"/>\n";
}

// How many times slower than native: one scale for all rows.
double Slower(const Result& one, double ratio) {
  return one.better == Measure::Better::kHigher ? 1 / ratio : ratio;
}

// 0.5 to 64 times, by powers of two.
double OnScale(double slower) {
  return kLabels + kScale * (std::clamp(std::log2(slower), -1.0, 6.0) + 1) / 7;
}

std::string Colour(const std::vector<std::string>& sides, const std::string& side) {
  const auto at = std::find(sides.begin(), sides.end(), side) - sides.begin();
  return kColours[static_cast<size_t>(at) % std::size(kColours)];
}

std::string Mark(const Result& one, double y, const std::string& colour) {
  const Ratio ratio = one.ratio();
  const double a = OnScale(Slower(one, ratio.low)), b = OnScale(Slower(one, ratio.high));
  return LineTo(a, y, b, y, colour) +
         Format("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"",
                OnScale(Slower(one, ratio.median)), y) +
         colour + "\"/>\n";
}

std::string Goal(const Result& one, double y) {
  const double x = OnScale(Slower(one, one.goal));
  return LineTo(x, y - 7, x, y + 7, "#000000");
}

std::string Rows(const std::vector<Result>& rows, const std::vector<std::string>& sides,
                 double* bottom) {
  std::string text;
  double y = kTop + 20;
  for (const auto& name : Distinct(rows, [](const Result& one) { return one.measure; })) {
    for (const auto& on : Distinct(rows, [](const Result& one) { return one.filesystem; })) {
      bool any = false;
      for (const Result& one : rows) {
        if (one.measure != name || one.filesystem != on) continue;
        if (!any) text += TextAt(kLabels - 10, y + 4, name + ", " + on, "end");
        if (!any && one.goal != 0) text += Goal(one, y);
        any = true;
        if (one.can_tell()) text += Mark(one, y, Colour(sides, one.side));
      }
      if (any) y += kLine;
    }
  }
  std::string scale;
  for (int power = -1; power <= 6; ++power) {
    const double x = OnScale(std::exp2(power));
    scale += LineTo(x, kTop, x, y, power == 0 ? "#666666" : "#dddddd");
    scale += TextAt(x, kTop - 6, Format("%g", std::exp2(power)), "middle");
  }
  *bottom = y;
  return scale + text;
}

// One curve on one filesystem, both axes by powers.
std::string Chart(const std::vector<Result>& points, const std::string& title, double x, double y,
                  const std::vector<std::string>& sides) {
  double most = 2, last = 2;
  for (const Result& one : points) {
    most = std::max(most, Slower(one, one.ratio().high));
    last = std::max(last, one.at);
  }
  const auto place_x = [&](double at) {
    return x + kChart * std::log(std::max(at, 1.0)) / std::log(last);
  };
  const auto place_y = [&](double slower) {
    return y + kChartHeight * (1 - std::log2(std::max(slower, 1.0)) / std::log2(most));
  };
  std::string text = TextAt(x, y - 10, title) + LineTo(x, y, x, y + kChartHeight, "#666666") +
                     LineTo(x, y + kChartHeight, x + kChart, y + kChartHeight, "#666666") +
                     TextAt(x - 4, y + 8, Format("%.0f", most), "end") +
                     TextAt(x - 4, y + kChartHeight, "1", "end") +
                     TextAt(x + kChart, y + kChartHeight + 14, Format("%.0f", last), "end") +
                     TextAt(x, y + kChartHeight + 14, "1");
  for (const std::string& side : sides) {
    std::string path;
    for (const Result& one : points) {
      if (one.side != side || !one.can_tell()) continue;
      path += Format("%.1f,%.1f ", place_x(one.at), place_y(Slower(one, one.ratio().median)));
    }
    if (path.empty()) continue;
    text += "<polyline fill=\"none\" stroke=\"" + Colour(sides, side) + "\" points=\"" + path +
            "\"/>\n";
  }
  return text;
}

}  // namespace

std::string PlotSvg(const std::vector<Result>& results) {
  const auto sides = Distinct(results, [](const Result& one) { return one.side; });
  std::vector<Result> rows;
  std::map<std::string, std::vector<Result>> curves;
  for (const Result& one : results) {
    if (one.curve.empty()) {
      rows.push_back(one);
    } else {
      curves[one.curve + ", " + one.filesystem].push_back(one);
    }
  }
  double bottom = kTop;
  std::string body =
      TextAt(10, 20, "Times native, median and quartiles; less is better. The bar is the goal.");
  double x = kLabels;
  for (const std::string& side : sides) {
    body += "<g fill=\"" + Colour(sides, side) + "\">" + TextAt(x, 42, side) + "</g>\n";
    x += 120;
  }
  if (!rows.empty()) body += Rows(rows, sides, &bottom);
  size_t number = 0;
  double y = bottom + kBetween;
  for (const auto& [title, points] : curves) {
    body += Chart(points, title, 60 + static_cast<double>(number % 2) * (kChart + 120), y, sides);
    if (++number % 2 == 0 || number == curves.size()) y += kChartHeight + kBetween;
  }
  return Format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
             "font-family=\"sans-serif\" font-size=\"12\">\n",
             kLabels + kScale + 40, y + 20) +
         "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n" + body + "</svg>\n";
}

}  // namespace sluicebench
