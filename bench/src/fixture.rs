//! The data of a benchmark: one account, its API key, invitations.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::Client;
use local::client;
use serde_json::Value;
use shared::{
    config::{DEFAULT_ROLES, read_send_policy},
    domain::{
        Invitation, InvitationId, Principal, Rejected, Roles, Timestamp, Urns,
        api_key::{ApiKey, ApiKeyRecord},
        delivery::{Delivery, DeliveryStatus},
        idempotency::StoredResponse,
        invitation::OperationId,
        lifecycle::{NewInvitation, SendPolicy},
        link::Token,
        reminder::RemindBefore,
        settings::AccountSettings,
        settings::{Change, SettingsChange},
    },
    store::{Failure, InvitationKey, Store, system_clock},
};

use crate::{Problem, gateway, problem};

/// The account.
pub const ACCOUNT: &str = "012345678912";
/// The region in every URN.
pub const REGION: &str = local::client::REGION;
/// `LINK_KEYS` of the functions.
pub const LINK_KEYS: &str = "0123456789abcdef0123456789abcdef";
/// The account's display name.
pub const ACCOUNT_NAME: &str = "Example Ltd";
/// The role of the key and of all invitations.
const ROLE: &str = "full-access";

/// One account in an existing table.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// The table.
    pub table: String,
    /// An API key of [`ACCOUNT`] with every permission.
    pub key: String,
    /// The principal of the key.
    pub who: Principal,
    /// Direct access to the table, with a clock one hour behind.
    pub store: Store,
    policy: SendPolicy,
}

impl Fixture {
    /// Stores a new key in the table at `endpoint`.
    ///
    /// # Errors
    /// When the table does not exist.
    pub async fn new(endpoint: &str, table: &str) -> Result<Self, Problem> {
        Self::with_client(client::for_endpoint(endpoint), table).await
    }

    /// The same with another client.
    ///
    /// # Errors
    /// When the table does not exist.
    pub async fn with_client(client: Client, table: &str) -> Result<Self, Problem> {
        let store = Store::new(client, table.to_owned(), Arc::new(an_hour_ago));
        let (roles, urns) = (DEFAULT_ROLES.parse::<Roles>().map_err(problem_of)?, Urns::new("cloudone".to_owned(), REGION.to_owned()));
        let (text, key) = ApiKey::generate(&ACCOUNT.parse().map_err(problem_of)?);
        let record = ApiKeyRecord::new(&key, ROLE.parse().map_err(problem_of)?, Some("benchmark".to_owned()), Timestamp::now(), None);
        store.add_api_key(&record).await.map_err(|error| problem!("no API key: {error:?}"))?;
        let who = record.verify(&key, Timestamp::now(), &roles, &urns).ok_or_else(|| problem!("the new API key does not work"))?;
        let policy = read_send_policy(&|name| send_settings().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned()));
        Ok(Self { table: table.to_owned(), key: text, who, store, policy: policy.map_err(problem_of)? })
    }

    /// Invites an address.
    ///
    /// # Errors
    /// When it is already invited, or the table fails.
    pub async fn invite(&self, email: &str) -> Result<InvitationId, Problem> {
        self.try_invite(email).await?.map_err(|failure| cannot_invite(email, &failure))
    }

    /// The open invitation of an address, or a new one.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn open_invitation(&self, email: &str) -> Result<InvitationId, Problem> {
        match self.try_invite(email).await? {
            Err(Failure::Rejected(Rejected::AlreadyInvited { open })) => Ok(open),
            other => other.map_err(|failure| cannot_invite(email, &failure)),
        }
    }

    async fn try_invite(&self, email: &str) -> Result<Result<InvitationId, Failure>, Problem> {
        let (email, role) = (email.parse().map_err(problem_of)?, ROLE.parse().map_err(problem_of)?);
        let request = NewInvitation::new(email, role);
        let render = |_: &_, _| StoredResponse { status: 201, body: String::new() };
        Ok(self.store.create(&self.who, &request, &self.policy, &AccountSettings::default(), None, render).await.map(|outcome| outcome.id))
    }

    /// The token in the last email of an invitation.
    ///
    /// # Errors
    /// When there is no such invitation, or the table fails.
    pub async fn token(&self, id: InvitationId) -> Result<Token, Problem> {
        let key = self.key(id);
        let found = self.store.load(&key).await.map_err(|error| problem!("no token: {error}"))?;
        let found = found.ok_or_else(|| problem!("there is no invitation {id}"))?;
        let token = self.policy.link_keys.token(&key.account, id, &found.invitation.link);
        token.ok_or_else(|| problem!("the link of {id} was made with another key"))
    }

    /// The same with a clock so far behind.
    #[must_use]
    pub fn earlier(&self, by: Duration) -> Self {
        Self { store: self.store.clone().with_clock(Arc::new(move || Timestamp::now().minus(by))), ..self.clone() }
    }

    /// The key of an invitation.
    #[must_use]
    pub fn key(&self, id: InvitationId) -> InvitationKey {
        InvitationKey { account: self.who.account().clone(), id }
    }

    /// Stores the account's display settings, so that their row exists.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn configure(&self) -> Result<(), Problem> {
        let change = SettingsChange {
            name: Change::Set(ACCOUNT_NAME.parse().map_err(problem_of)?),
            colour: Change::Set("#0b5fff".parse().map_err(problem_of)?),
            redirect: Change::Set("https://app.example.com/welcome".parse().map_err(problem_of)?),
            ..SettingsChange::default()
        };
        self.store.change_settings(self.who.account(), &change).await.map(drop).map_err(|error| problem!("no settings: {error}"))
    }

    /// Marks the email of an invitation as sent and its event as published, unless the email was sent, by the courier's two writes.
    ///
    /// # Errors
    /// When there is no such invitation, or the table fails.
    pub async fn mark_sent(&self, id: InvitationId) -> Result<(), Problem> {
        let if_unsent = |before: &Invitation, change: &dyn Fn(Invitation) -> Invitation| {
            if before.resource.delivery.is_some() { before.clone() } else { change(before.clone()) }
        };
        let claim = |before: &Invitation, now| {
            if_unsent(before, &|it| it.published().with_reminder(RemindBefore::default()).claimed(OperationId::generate(), now))
        };
        let sent = |now| Delivery { status: DeliveryStatus::Sent, at: now, reason: None };
        let record = |before: &Invitation, now| if_unsent(before, &|it| it.delivered(1, sent(now)));
        let (key, retention, within) = (self.key(id), self.policy.retention, Duration::from_secs(3));
        let found = match self.store.update_with_retry(&key, None, retention, within, claim).await {
            Ok(claimed) => self.store.update_with_retry(&key, claimed, retention, within, record).await,
            error => error,
        };
        found.map_err(|error| problem!("{id} cannot be changed: {error}"))?.map(drop).ok_or_else(|| problem!("there is no invitation {id}"))
    }

    /// Does what the reconciler does once the stream's time is over: moves the early entry in the index of due invitations.
    ///
    /// # Errors
    /// When there is no such invitation, it has no early entry, or the table fails.
    pub async fn move_early_entry(&self, id: InvitationId) -> Result<(), Problem> {
        let store = self.store.clone().with_clock(system_clock());
        let found = store.load(&self.key(id)).await.map_err(|error| problem!("{id} cannot be read: {error}"))?;
        let stored = found.filter(|stored| stored.is_listed_early(store.now())).ok_or_else(|| problem!("{id} is not listed early"))?;
        let moved = store.compare_and_set(&stored, &stored.invitation, self.policy.retention).await;
        moved.map_err(|error| problem!("{id} cannot be changed: {error}"))?.map(drop).ok_or_else(|| problem!("{id} was changed"))
    }

    /// The event of a request with the account's key.
    #[must_use]
    pub fn event(&self, method: &str, path: &str, body: Option<&Value>) -> String {
        gateway::event(method, path, Some(&format!("ApiKey {}", self.key)), body)
    }
}

/// The variables for creating and resending: without a cooldown, and with a quota that a benchmark cannot use up.
pub fn send_settings() -> impl Iterator<Item = (&'static str, &'static str)> {
    [("LINK_KEYS", LINK_KEYS), ("RESEND_COOLDOWN_SECONDS", "0"), ("SEND_QUOTA", "4294967295")].into_iter()
}

/// The variables for sending emails and events.
pub fn email_settings() -> impl Iterator<Item = (&'static str, &'static str)> {
    let email = [("FROM_ADDRESS", "invitations@example.com"), ("CONFIGURATION_SET", "mails")];
    email.into_iter().chain([("LINK_BASE_URL", "https://api.example.com/accept"), ("EVENT_BUS", "events")])
}

/// Prepared invitations must not be created in the second in which they are changed: their expiry, and so an index entry, would
/// stay the same, and the change would be cheaper than in production.
fn an_hour_ago() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millis(now.as_millis() - 3_600_000).unwrap_or(now)
}

fn cannot_invite(email: &str, failure: &Failure) -> Problem {
    problem!("{email} cannot be invited: {failure:?}")
}

fn problem_of(error: impl std::fmt::Display) -> Problem {
    problem!("{error}")
}
