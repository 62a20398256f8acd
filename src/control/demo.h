// `pgsaba demo`: a throw-away primary and hot standby with pgsaba in front, until Ctrl-C; with
// --check a short unattended trial of the same. Called by main on the main thread before any other
// thread exists; blocking. It starts this same program as `serve -c FILE`, so that the demo shows
// the real daemon.
#pragma once

namespace pgsaba::control {

// `arguments` follow the word "demo". Returns the exit status: 0, 1 with the reason on stderr, or 2
// for a wrong command line.
int run_demo(int count, const char* const* arguments);

}  // namespace pgsaba::control
