#include "wire/view_config_writer.h"

#include "wire/graft_writer.h"
#include "wire/view_config_form.h"

namespace sluice::wire {

using namespace view_config;

std::vector<uint8_t> encode_view_config(const ViewConfig& config) {
  const std::vector<uint8_t>& rules = config.rules.bytes();
  Writer writer;
  writer.put(Header{kMagic, config, static_cast<uint32_t>(config.init.size()), static_cast<uint32_t>(rules.size())});
  writer.put_bytes(config.init);
  writer.put_bytes(rules);
  put_grafts(writer, config.grafts);
  return writer.finish();
}

}  // namespace sluice::wire
