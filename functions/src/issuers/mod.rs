//! The issuers of bearer tokens: keeps their keys up to date.
//!
//! Only this function fetches from the web. The functions that serve requests read the keys from the table.

pub mod refresh_issuers;
pub mod web;
