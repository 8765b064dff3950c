//! What is tried, and what each promises.

mod emails;
mod http;
mod operators;
mod rows;
mod secrets;
mod values;
mod workers;

use super::target::Kind;

/// All targets. The numbers follow from what an execution takes: a text is parsed in a microsecond, an event is refused in ten, and
/// answered in a hundred; a batch of the stream with its mails takes a millisecond.
pub(super) fn all() -> Vec<Kind> {
    vec![
        Kind { name: "create-invitation", short: 800, long: 300_000, build: || http::of("POST /invitations") },
        Kind { name: "list-invitations", short: 500, long: 150_000, build: || http::of("GET /invitations") },
        Kind { name: "describe-invitation", short: 800, long: 300_000, build: || http::of("GET /invitations/{id}") },
        Kind { name: "modify-invitation", short: 500, long: 150_000, build: || http::of("POST /invitations/{id}") },
        Kind { name: "lookup-invitation", short: 500, long: 150_000, build: || http::of("POST /invitations/lookup") },
        Kind { name: "accept-invitation", short: 500, long: 150_000, build: || http::of("POST /invitations/accept") },
        Kind { name: "decline-invitation", short: 500, long: 150_000, build: || http::of("POST /invitations/decline") },
        Kind { name: "accept-page", short: 1000, long: 400_000, build: || http::of("GET /accept") },
        Kind { name: "manage-api-keys", short: 1500, long: 500_000, build: operators::keys },
        Kind { name: "manage-account-settings", short: 1500, long: 500_000, build: operators::settings },
        Kind { name: "erase-invitee", short: 500, long: 100_000, build: operators::erasure },
        Kind { name: "deliver-invitations", short: 200, long: 40_000, build: workers::deliver },
        Kind { name: "record-feedback", short: 500, long: 200_000, build: workers::feedback },
        Kind { name: "cursor", short: 6000, long: 1_500_000, build: secrets::cursor },
        Kind { name: "link token", short: 25_000, long: 2_000_000, build: secrets::token },
        Kind { name: "API key", short: 25_000, long: 2_000_000, build: secrets::key },
        Kind { name: "e-mail address", short: 25_000, long: 2_000_000, build: values::email },
        Kind { name: "other values", short: 8000, long: 1_000_000, build: values::others },
        Kind { name: "row", short: 3000, long: 600_000, build: rows::row },
        Kind { name: "email", short: 500, long: 200_000, build: emails::email },
    ]
}
