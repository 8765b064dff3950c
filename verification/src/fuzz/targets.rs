//! All targets.

mod bearer;
mod emails;
mod http;
mod issuers;
mod operators;
mod rows;
mod secrets;
mod values;
mod workers;

use super::target::TargetSpec;

pub use bearer::{Rule, inputs_until_omissions_show};

/// All targets. The number of executions follows from their cost: parsing a text takes a microsecond, rejecting an event ten, a full
/// response a hundred, and a batch of stream records with its emails a thousand.
pub(super) fn all() -> Vec<TargetSpec> {
    vec![
        TargetSpec { name: "create-invitation", short: 800, long: 300_000, build: || http::of("POST /invitations") },
        TargetSpec { name: "create-invitations", short: 800, long: 150_000, build: || http::of("POST /invitations/bulk") },
        TargetSpec { name: "list-invitations", short: 500, long: 150_000, build: || http::of("GET /invitations") },
        TargetSpec { name: "describe-caller", short: 800, long: 300_000, build: || http::of("GET /invitations/caller") },
        TargetSpec { name: "describe-invitation", short: 800, long: 300_000, build: || http::of("GET /invitations/{id}") },
        TargetSpec { name: "modify-invitation", short: 500, long: 150_000, build: || http::of("POST /invitations/{id}") },
        TargetSpec { name: "lookup-invitation", short: 500, long: 150_000, build: || http::of("POST /invitations/lookup") },
        TargetSpec { name: "accept-invitation", short: 500, long: 150_000, build: || http::of("POST /invitations/accept") },
        TargetSpec { name: "decline-invitation", short: 500, long: 150_000, build: || http::of("POST /invitations/decline") },
        TargetSpec { name: "list-own-invitations", short: 500, long: 150_000, build: || http::of("GET /invitations/mine") },
        TargetSpec { name: "accept-page", short: 1000, long: 400_000, build: || http::of("GET /accept") },
        TargetSpec { name: "console-page", short: 1000, long: 400_000, build: || http::of("GET /console") },
        TargetSpec { name: "console-page's files", short: 1000, long: 400_000, build: || http::of("GET /console/{file}") },
        TargetSpec { name: "manage-api-keys", short: 1500, long: 500_000, build: operators::keys },
        TargetSpec { name: "manage-account-settings", short: 1500, long: 500_000, build: operators::settings },
        TargetSpec { name: "erase-invitee", short: 500, long: 100_000, build: operators::erasure },
        TargetSpec { name: "revoke-invitations", short: 500, long: 100_000, build: operators::revocation },
        TargetSpec { name: "deliver-invitations", short: 200, long: 40_000, build: workers::deliver },
        TargetSpec { name: "record-feedback", short: 500, long: 200_000, build: workers::feedback },
        TargetSpec { name: "cursor", short: 6000, long: 1_500_000, build: secrets::cursor },
        TargetSpec { name: "link token", short: 25_000, long: 2_000_000, build: secrets::token },
        TargetSpec { name: "API key", short: 25_000, long: 2_000_000, build: secrets::key },
        TargetSpec { name: "bearer token", short: 2500, long: 200_000, build: bearer::token },
        TargetSpec { name: "issuers' configuration", short: 3000, long: 600_000, build: issuers::configuration },
        TargetSpec { name: "discovery document", short: 3000, long: 600_000, build: issuers::discovery },
        TargetSpec { name: "key set", short: 2000, long: 300_000, build: issuers::key_set },
        TargetSpec { name: "row of a token's keys or account", short: 1000, long: 100_000, build: issuers::row },
        TargetSpec { name: "email address", short: 25_000, long: 2_000_000, build: values::email },
        TargetSpec { name: "other values", short: 8000, long: 1_000_000, build: values::others },
        TargetSpec { name: "row", short: 3000, long: 600_000, build: rows::row },
        TargetSpec { name: "email message", short: 500, long: 200_000, build: emails::email },
    ]
}
