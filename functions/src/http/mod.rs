//! What the HTTP endpoints share: parsing events, authentication, errors and responses.

pub mod auth;
mod cache;
pub mod edge;
pub mod error;
pub mod event;
pub mod input;
pub mod invalid;
pub mod json;
pub mod log;
pub mod output;
pub(crate) mod page;
pub mod route;
pub mod settings;
