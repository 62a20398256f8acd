"""What the end-to-end tests are made of: real PostgreSQL servers, the built daemon, a raw client."""
