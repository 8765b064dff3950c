//! What `make bench` and `make bench-scale` stand on.
