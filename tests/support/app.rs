//! The service over a table of its own.

use std::{
    collections::HashMap,
    env, fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use aws_sdk_dynamodb::{
    Client,
    config::{retry::RetryPartition, timeout::TimeoutConfig},
    types::AttributeValue,
};
use functions::{
    accept_invitation,
    app::{App, InviteeApp, SendingApp},
    create_invitation, decline_invitation, describe_invitation,
    direct::{self, Table},
    edge::answer,
    erase_invitee, list_invitations, lookup_invitation, manage_account_settings,
    manage_api_keys::{self, Keys},
    modify_invitation,
    output::Reply,
};
use local::{client, engine::Engine, table::create_table};
use serde_json::{Value, json};
use shared::{
    config::{Config, read_default_settings, read_retention, read_send_policy},
    domain::{Timestamp, text::random_base62},
    store::{Clock, Store, with_deadlines},
};

use crate::{Call, Response, faults::Faults, openapi};

/// The account whose keys most tests use.
pub const ACCOUNT: &str = "012345678912";
/// Another account.
pub const OTHER_ACCOUNT: &str = "210987654321";

/// The service, its table and its clock.
pub struct TestApp {
    /// Straight to the engine, past every fault.
    pub client: Client,
    /// Where the engine answers.
    pub endpoint: String,
    /// The name of the table.
    pub table: String,
    /// What may go wrong between the SDK and the engine.
    pub faults: Faults,
    /// A key of [`ACCOUNT`] with the role `full-access`.
    pub full: String,
    /// A key of [`ACCOUNT`] with the role `read-only`.
    pub read_only: String,
    /// A key of [`OTHER_ACCOUNT`] with the role `full-access`.
    pub other: String,
    app: Apps,
    keys: Keys,
    direct: Table,
    now: Arc<AtomicI64>,
    variables: HashMap<String, String>,
    _engine: Option<Engine>,
}

impl TestApp {
    /// The service with its default configuration.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The service with some variables set. The engine is embedded unless `DYNAMODB_ENDPOINT` names another.
    pub async fn with(variables: &[(&str, &str)]) -> Self {
        let external = env::var("DYNAMODB_ENDPOINT").ok();
        let engine = external.is_none().then(|| Engine::in_memory().expect("the engine starts"));
        let endpoint = external.or(engine.as_ref().map(|engine| engine.endpoint().to_owned())).expect("there is an engine");
        let client = client::for_endpoint(&endpoint);
        let table = format!("invitations-{}", random_base62(12));
        create_table(&client, &table, &root_file("template.yaml")).await.expect("the table is made");

        let mut all: HashMap<String, String> = HashMap::from([
            ("TABLE_NAME".to_owned(), table.clone()),
            ("AWS_REGION".to_owned(), "ca-1".to_owned()),
            ("LINK_KEYS".to_owned(), "1:0123456789abcdef0123456789abcdef".to_owned()),
            ("MAIL_FROM".to_owned(), "invitations@sender.example".to_owned()),
            ("MAIL_CONFIGURATION_SET".to_owned(), "mails".to_owned()),
            ("LINK_BASE".to_owned(), "https://api.example.com/accept".to_owned()),
            ("EVENT_BUS".to_owned(), "events".to_owned()),
        ]);
        all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let now = Arc::new(AtomicI64::new(Timestamp::now().as_millis()));
        let faults = Faults::default();
        let store = store(&client, &faults, &table, clock(&now));
        let app = Apps::new(&store, &all);
        let keys = Keys::new(store.clone(), config(&all).roles);
        let mut this = Self {
            client,
            endpoint,
            table,
            faults,
            full: String::new(),
            read_only: String::new(),
            other: String::new(),
            app,
            keys,
            direct: Table(store),
            now,
            variables: all,
            _engine: engine,
        };
        this.full = this.new_key(ACCOUNT, "full-access").await;
        this.read_only = this.new_key(ACCOUNT, "read-only").await;
        this.other = this.new_key(OTHER_ACCOUNT, "full-access").await;
        this
    }

    /// The same service in another process, as it were: the same table and clock, nothing remembered, `variables` changed.
    #[must_use]
    pub fn another(&self, variables: &[(&str, &str)]) -> SecondApp {
        let mut all = self.variables.clone();
        all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        SecondApp { app: Apps::new(&store(&self.client, &self.faults, &self.table, clock(&self.now)), &all) }
    }

    /// Like [`Self::another`], but its SDK waits for an answer as long as a machine may need that is busy with other things:
    /// for tests of what many callers do, not of how long it takes.
    #[must_use]
    pub fn another_patient(&self) -> SecondApp {
        let store = patient_store(&self.client, &self.faults, &self.table, clock(&self.now));
        SecondApp { app: Apps::new(&store, &self.variables) }
    }

    /// Sends a request to the function that its route leads to. The response fits `openapi.yaml`, or the test fails.
    pub async fn send(&self, call: Call) -> Response {
        send(&self.app, call).await
    }

    /// Sends any event to the function of a route, as it is.
    pub async fn send_event(&self, route: &str, event: &str) -> Response {
        send_event(&self.app, route, event).await
    }

    /// What the handlers of this process share.
    #[must_use]
    pub fn state(&self) -> &App {
        &self.app.sending.app
    }

    /// A variable of the functions.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    /// Invokes `manage-api-keys`.
    pub async fn manage_keys(&self, event: &Value) -> Value {
        let answer = direct::answer(Ok(&self.keys), &event.to_string(), "invocation-1", &manage_api_keys::handle).await;
        serde_json::from_str(&answer).expect("the answer is JSON")
    }

    /// Invokes `manage-account-settings`.
    pub async fn manage_settings(&self, event: &Value) -> Value {
        let answer = direct::answer(Ok(&self.direct), &event.to_string(), "invocation-1", &manage_account_settings::handle).await;
        serde_json::from_str(&answer).expect("the answer is JSON")
    }

    /// Invokes `erase-invitee`.
    pub async fn erase(&self, event: &Value) -> Value {
        let answer = direct::answer(Ok(&self.direct), &event.to_string(), "invocation-1", &erase_invitee::handle).await;
        serde_json::from_str(&answer).expect("the answer is JSON")
    }

    /// A new key of an account with a role.
    pub async fn new_key(&self, account: &str, role: &str) -> String {
        let created = self.manage_keys(&json!({ "action": "create", "account": account, "role": role })).await;
        created["key"].as_str().unwrap_or_else(|| panic!("no key: {created}")).to_owned()
    }

    /// Creates an invitation with the role `full-access` and returns its resource.
    pub async fn invite(&self, email: &str) -> Value {
        self.send(Call::create(email, "full-access").key(&self.full)).await.expect(201).json()
    }

    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        self.now.fetch_add(i64::try_from(time.as_millis()).expect("a short time"), Ordering::SeqCst);
    }

    /// Sets the clock back, as it looks when another process whose clock is behind takes over.
    pub fn set_back(&self, time: Duration) {
        self.now.fetch_sub(i64::try_from(time.as_millis()).expect("a short time"), Ordering::SeqCst);
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst)).expect("a time of this century")
    }

    /// All rows of the table.
    pub async fn rows(&self) -> Vec<HashMap<String, AttributeValue>> {
        let mut rows = Vec::new();
        let mut start = None;
        loop {
            let page =
                self.client.scan().table_name(&self.table).set_exclusive_start_key(start.take()).send().await.expect("the table is there");
            rows.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                return rows;
            }
        }
    }

    /// The rows of an account's data whose sort key begins with `prefix`: `I#`, `P#`, `K#` or `Q#`.
    pub async fn rows_of(&self, account: &str, prefix: &str) -> Vec<HashMap<String, AttributeValue>> {
        let mut rows = self.rows().await;
        rows.retain(|row| text(row, "pk") == format!("A#{account}") && text(row, "sk").starts_with(prefix));
        rows
    }

    /// Sets an attribute of an invitation's row of [`ACCOUNT`], behind the service's back.
    pub async fn set(&self, id: &str, attribute: &str, value: AttributeValue) {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(format!("A#{ACCOUNT}")))
            .key("sk", AttributeValue::S(format!("I#{id}")))
            .update_expression("SET #a = :v")
            .expression_attribute_names("#a", attribute)
            .expression_attribute_values(":v", value)
            .send()
            .await
            .expect("the row can be changed");
    }

    /// Removes attributes of an invitation's row of [`ACCOUNT`], behind the service's back.
    pub async fn remove(&self, id: &str, attributes: &[&str]) {
        let names: Vec<String> = (0..attributes.len()).map(|place| format!("#a{place}")).collect();
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(format!("A#{ACCOUNT}")))
            .key("sk", AttributeValue::S(format!("I#{id}")))
            .update_expression(format!("REMOVE {}", names.join(", ")));
        for (name, attribute) in names.into_iter().zip(attributes) {
            update = update.expression_attribute_names(name, *attribute);
        }
        update.send().await.expect("the row can be changed");
    }

    /// Closes an invitation as its invitee would, by writing the rows that accepting or declining leaves.
    pub async fn close_as_invitee(&self, id: &str, state: &str) {
        let now = self.now().as_millis();
        self.set(id, "st", AttributeValue::S(state.to_owned())).await;
        self.set(id, "closed", AttributeValue::N(now.to_string())).await;
        self.set(id, "by_state", AttributeValue::S(format!("{state}#{now:013}#{id}"))).await;
        let rows = self.rows_of(ACCOUNT, "P#").await;
        for row in rows.iter().filter(|row| text(row, "inv") == id) {
            let delete = self.client.delete_item().table_name(&self.table);
            delete.key("pk", row["pk"].clone()).key("sk", row["sk"].clone()).send().await.expect("the lock can be deleted");
        }
    }
}

/// The service in another process.
pub struct SecondApp {
    app: Apps,
}

/// What the endpoints of one process need.
struct Apps {
    sending: SendingApp,
    invitee: InviteeApp,
}

impl Apps {
    fn new(store: &Store, variables: &HashMap<String, String>) -> Self {
        let lookup = |name: &str| variables.get(name).cloned();
        let config = || config(variables);
        let store = store.clone().only(config().only_account);
        let app = || App::new(store.clone(), config());
        let defaults = read_default_settings(&lookup).expect("the configuration is right");
        let retention = read_retention(&lookup).expect("the configuration is right");
        let policy = read_send_policy(&lookup).expect("the configuration is right");
        Self { sending: SendingApp { app: app(), policy }, invitee: InviteeApp { app: app(), defaults, retention } }
    }
}

impl SecondApp {
    /// Like [`TestApp::send`].
    pub async fn send(&self, call: Call) -> Response {
        send(&self.app, call).await
    }
}

async fn send(app: &Apps, call: Call) -> Response {
    let response = send_event(app, &call.route(), &call.event().to_string()).await;
    openapi::check(&call, &response);
    response
}

async fn send_event(app: &Apps, route: &str, event: &str) -> Response {
    let id = "invocation-1";
    let Apps { sending, invitee } = app;
    let reply: Reply = match route {
        "POST /invitations" => answer(create_invitation::ROUTE, Ok(sending), event, id, &create_invitation::handle).await,
        "GET /invitations" => answer(list_invitations::ROUTE, Ok(&sending.app), event, id, &list_invitations::handle).await,
        "GET /invitations/{id}" => answer(describe_invitation::ROUTE, Ok(&sending.app), event, id, &describe_invitation::handle).await,
        "POST /invitations/{id}" => answer(modify_invitation::ROUTE, Ok(sending), event, id, &modify_invitation::handle).await,
        "POST /invitations/lookup" => answer(lookup_invitation::ROUTE, Ok(invitee), event, id, &lookup_invitation::handle).await,
        "POST /invitations/accept" => answer(accept_invitation::ROUTE, Ok(invitee), event, id, &accept_invitation::handle).await,
        "POST /invitations/decline" => answer(decline_invitation::ROUTE, Ok(invitee), event, id, &decline_invitation::handle).await,
        other => panic!("no function answers {other}"),
    };
    reply.into()
}

fn clock(now: &Arc<AtomicI64>) -> Clock {
    let now = Arc::clone(now);
    Arc::new(move || Timestamp::from_millis(now.load(Ordering::SeqCst)).expect("a time of this century"))
}

/// A store whose client has the deadlines of production and may meet faults.
fn store(client: &Client, faults: &Faults, table: &str, clock: Clock) -> Store {
    let config = with_deadlines(client.config().to_builder())
        .http_client(faults.over(client))
        // The SDK's budget for retries belongs to the process; one test must not use up another's.
        .retry_partition(RetryPartition::new(table.to_owned()))
        .build();
    Store::new(Client::from_conf(config), table.to_owned(), clock)
}

fn patient_store(client: &Client, faults: &Faults, table: &str, clock: Clock) -> Store {
    let patient = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(18)).build();
    let config = client.config().to_builder().timeout_config(patient).http_client(faults.over(client)).build();
    Store::new(Client::from_conf(config), table.to_owned(), clock)
}

fn config(variables: &HashMap<String, String>) -> Config {
    Config::read(&|name| variables.get(name).cloned()).expect("the configuration is right")
}

fn text<'a>(row: &'a HashMap<String, AttributeValue>, attribute: &str) -> &'a str {
    row.get(attribute).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

/// The text of a file at the top of the project.
#[must_use]
pub fn root_file(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
