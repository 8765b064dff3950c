//! What the service does when its requests come one after the other: a specification in its own words, sharing nothing with
//! the code that it judges but the types of times.
//!
//! The state is that of one account: its invitations, the locks on its addresses, its kept answers and what it has sent.
//! Names, such as an id that nobody was told, are found out as the history goes on: see [`answers`].

pub mod answers;
pub mod operations;
pub mod snapshot;
pub mod state;
mod step;
