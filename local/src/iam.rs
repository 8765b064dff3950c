//! IAM on one machine: the policies of `template.yaml` decide on every call of a function, as the policies of its role do on AWS.
//!
//! [`Template`] reads the policies, [`Policy`] decides on a [`Request`], and a [`Guard`] does so for the calls of all functions. What
//! it does not understand is an error: of a policy when it starts, of a call when it is made.

mod calls;
mod condition;
mod guard;
mod pattern;
mod policy;
mod request;
mod template;

pub use calls::{Call, Location, Schema, dynamodb_requests};
pub use guard::{Guard, Refusal};
pub use policy::{Decision, Policy};
pub use request::{Key, Request};
pub use template::{Deployment, Role, Template};
