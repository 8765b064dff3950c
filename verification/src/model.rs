//! The sequential specification of the service: what it does when its requests come one after the other. It shares no code
//! with the service but the type of times.
//!
//! The state is that of one account: its invitations, the locks on its addresses, its stored responses and its quota. Values
//! that the service chooses, such as ids, are bound when a response first shows them: see [`responses`].

pub mod operations;
pub mod responses;
pub mod snapshot;
pub mod state;
mod step;
