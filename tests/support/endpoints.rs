//! The HTTP functions, routed as the gateway routes them.

use functions::{
    account::{
        console_page::{self, Console},
        create_invitation, create_invitations, describe_caller, describe_invitation, list_invitations, modify_invitation,
    },
    app::{App, CallerApp, InviteeApp, SendingApp},
    http::{edge::respond, output::Reply},
    invitee::{
        accept_invitation,
        accept_page::{self, Page},
        decline_invitation, list_own_invitations, lookup_invitation,
    },
    texts::{PageTexts, PanelTexts},
};
use shared::{
    config::{Config, read_default_settings, read_link_base, read_retention, read_send_limits, read_send_policy},
    store::Store,
};

use crate::identity::{function_of, run_as};

/// The state of the endpoints.
pub struct Endpoints {
    /// For the endpoints that send.
    pub sending: SendingApp,
    /// For the endpoint that describes the caller.
    pub caller: CallerApp,
    /// For the endpoints of invitees.
    pub invitee: InviteeApp,
    /// The page behind a link.
    pub page: Page,
    /// The console.
    pub console: Console,
}

impl Endpoints {
    /// Endpoints over a store, configured by `variable`.
    ///
    /// # Panics
    /// If a variable is invalid.
    #[must_use]
    pub fn new(store: &Store, variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let config = || Config::read(&variable).expect("the configuration is valid");
        let store = store.clone().only(config().only_account).listing_by_invitee(config().issuers.prove_addresses());
        let app = || App::new(store.clone(), config());
        let defaults = || read_default_settings(&variable).expect("the configuration is valid");
        let limits = read_send_limits(&variable).expect("the configuration is valid");
        let retention = read_retention(&variable).expect("the configuration is valid");
        let policy = read_send_policy(&variable).expect("the configuration is valid");
        let page = Page::new(&PageTexts::load(None).expect("the built-in texts are valid"));
        let texts = PanelTexts::load(None).expect("the built-in texts are valid");
        let console = Console::new(&config().issuers, &texts);
        let link_base = read_link_base(&variable).expect("the configuration is valid");
        Self {
            sending: SendingApp::new(app(), policy, link_base),
            caller: CallerApp { app: app(), defaults: defaults(), limits },
            invitee: InviteeApp { app: app(), defaults: defaults(), retention },
            page,
            console,
        }
    }

    /// The reply of the function of a route to an event. Its calls are that function's.
    ///
    /// # Panics
    /// If no function has the route.
    pub async fn respond(&self, route: &str, event: &str) -> Reply {
        let function = function_of(route).unwrap_or_else(|| panic!("no function answers {route}"));
        run_as(function, self.reply(route, event)).await
    }

    async fn reply(&self, route: &str, event: &str) -> Reply {
        let (id, Self { sending, caller, invitee, page, console }) = ("invocation-1", self);
        match route {
            "POST /invitations" => respond(create_invitation::ROUTE, Ok(sending), event, id, &create_invitation::handle).await,
            "POST /invitations/bulk" => respond(create_invitations::ROUTE, Ok(sending), event, id, &create_invitations::handle).await,
            "GET /invitations" => respond(list_invitations::ROUTE, Ok(&sending.app), event, id, &list_invitations::handle).await,
            "GET /invitations/{id}" => respond(describe_invitation::ROUTE, Ok(&sending.app), event, id, &describe_invitation::handle).await,
            "POST /invitations/{id}" => respond(modify_invitation::ROUTE, Ok(sending), event, id, &modify_invitation::handle).await,
            "GET /invitations/caller" => respond(describe_caller::ROUTE, Ok(caller), event, id, &describe_caller::handle).await,
            "POST /invitations/lookup" => respond(lookup_invitation::ROUTE, Ok(invitee), event, id, &lookup_invitation::handle).await,
            "POST /invitations/accept" => respond(accept_invitation::ROUTE, Ok(invitee), event, id, &accept_invitation::handle).await,
            "POST /invitations/decline" => respond(decline_invitation::ROUTE, Ok(invitee), event, id, &decline_invitation::handle).await,
            "GET /invitations/mine" => respond(list_own_invitations::ROUTE, Ok(invitee), event, id, &list_own_invitations::handle).await,
            "GET /accept" | "HEAD /accept" => respond(accept_page::ROUTE, Ok(page), event, id, &accept_page::handle).await,
            "GET /console" | "HEAD /console" | "GET /console/{file}" | "HEAD /console/{file}" => {
                respond(console_page::ROUTE, Ok(console), event, id, &console_page::handle).await
            }
            other => panic!("no function answers {other}"),
        }
    }
}
