// In builds with ThreadSanitizer only: a report ends the process, and with it the view, so that a test
// sees it. The processes of a view have no environment that could say so.
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_options();
const char* __tsan_default_options() { return "halt_on_error=1"; }
