//! Stand-ins for SES and EventBridge behind TLS, which the functions use on AWS, too.

use bench::{
    Problem,
    dynamodb::{DynamoDb, TlsProxy},
    problem,
};
use local::{events::Bus, ses::Inbox};

pub(crate) struct StandIns {
    inbox: Inbox,
    bus: Bus,
    ses: TlsProxy,
    events: TlsProxy,
}

impl StandIns {
    pub(crate) async fn start(database: &DynamoDb) -> Result<Self, Problem> {
        let no_port = |error| problem!("no port of loopback can be served: {error}");
        let (inbox, bus) = (Inbox::on_free_port().map_err(no_port)?, Bus::on_free_port().map_err(no_port)?);
        let (ses, events) = (database.proxy_for(inbox.endpoint()).await?, database.proxy_for(bus.endpoint()).await?);
        Ok(Self { inbox, bus, ses, events })
    }

    pub(crate) fn ses(&self) -> String {
        self.ses.endpoint()
    }

    pub(crate) fn events(&self) -> String {
        self.events.endpoint()
    }

    /// Whether the last email was for this address, and the last event about this invitation.
    pub(crate) fn received(&self, address: &str, invitation: &str) -> bool {
        let emailed = self.inbox.emails().last().is_some_and(|email| email.to == [address] && email.html.is_some());
        emailed && self.bus.events().last().is_some_and(|event| event.detail["invitation"]["id"] == invitation)
    }
}
