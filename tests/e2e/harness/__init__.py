"""The parts of end-to-end tests: real PostgreSQL servers, the built daemon, a raw client."""
