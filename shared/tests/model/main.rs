//! Tests of the domain and of the key strings by their public interface: tables of examples and properties.

mod api_key;
mod config;
mod courier;
mod cursor;
mod display_name;
mod email;
mod email_vectors;
mod entity_tag;
mod filter;
mod idempotency;
mod ids;
mod keys;
mod lifecycle;
mod lifecycle_limits;
mod lifecycle_table;
mod link;
mod name_links;
mod roles;
mod row_size;
mod rows;
mod settings;
mod support;
mod text;
mod time;
mod token;
mod trust;
