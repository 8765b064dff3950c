//! Where mails and events go: stand-ins of SES and EventBridge behind TLS, as the functions meet both on AWS.

use bench::{
    Problem,
    dynamodb::{DynamoDb, Front},
    problem,
};
use local::{events::Bus, ses::Inbox};

pub(crate) struct Post {
    inbox: Inbox,
    bus: Bus,
    ses: Front,
    events: Front,
}

impl Post {
    pub(crate) async fn open(database: &DynamoDb) -> Result<Self, Problem> {
        let no_port = |error| problem!("no port of loopback can be served: {error}");
        let (inbox, bus) = (Inbox::on_free_port().map_err(no_port)?, Bus::on_free_port().map_err(no_port)?);
        let (ses, events) = (database.front_of(inbox.endpoint()).await?, database.front_of(bus.endpoint()).await?);
        Ok(Self { inbox, bus, ses, events })
    }

    pub(crate) fn ses(&self) -> String {
        self.ses.endpoint()
    }

    pub(crate) fn events(&self) -> String {
        self.events.endpoint()
    }

    /// Whether the last mail went to this address, and the last event told of this invitation.
    pub(crate) fn has(&self, address: &str, invitation: &str) -> bool {
        let mailed = self.inbox.mails().last().is_some_and(|mail| mail.to == [address] && mail.html.is_some());
        mailed && self.bus.events().last().is_some_and(|event| event.detail["invitation"]["id"] == invitation)
    }
}
