// Sockets and process settings for the benchmark programs. Errors end the program with a message:
// a benchmark that goes on with half of its connections would measure something else.
#pragma once

#include <string>

namespace bench {

[[noreturn]] void die(const std::string& what);     // with errno's text
[[noreturn]] void refuse(const std::string& what);  // without
void pin_to_cpu(int cpu);                           // < 0: stay unpinned
void raise_file_limit();                            // soft limit up to the hard limit
int listen_on_loopback(int port);
int listen_on_unix(const std::string& directory, int port);
int begin_connect(const std::string& host, int port);  // a host with a slash is a socket directory

void send_at_once(int fd);  // TCP_NODELAY; nothing to do on a Unix socket

// Waits for nothing: -1 when the call would block, 0 when the peer is gone.
long receive(int fd, char* into, unsigned long size);
long transmit(int fd, const char* from, unsigned long size);

}  // namespace bench
