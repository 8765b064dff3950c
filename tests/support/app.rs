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
    config::{self, SharedHttpClient},
};
use functions::{
    app::App,
    operator::{
        erase_invitee,
        invocation::{self, Table},
        manage_account_settings,
        manage_api_keys::{self, Keys},
        revoke_invitations::{self, Revocations, TIME_LIMIT},
    },
};
use local::{client, engine::Engine, iam::Guard, table::create_table};
use serde_json::{Value, json};
use shared::{
    config::{Config, read_retention},
    domain::{Roles, Timestamp, text::random_base62},
    store::{Clock, Row, Store},
};

use crate::{
    Call, Endpoints, Response,
    clients::Clients,
    faults::Faults,
    identity::{Decisions, run_as},
    openapi,
};

/// The account whose keys most tests use.
pub const ACCOUNT: &str = "012345678912";
/// Another account.
pub const OTHER_ACCOUNT: &str = "210987654321";

/// The service, its table and its clock.
pub struct TestApp {
    /// The tests' own client, which connects to the engine directly: without faults and policies.
    pub client: Client,
    /// The engine's endpoint.
    pub endpoint: String,
    /// The name of the table.
    pub table: String,
    /// Faults between the SDK and the engine.
    pub faults: Faults,
    /// IAM's decisions about the functions' calls. A refusal fails the test.
    pub decisions: Decisions,
    /// A key of [`ACCOUNT`] with the role `full-access`.
    pub full: String,
    /// A key of [`ACCOUNT`] with the role `read-only`.
    pub read_only: String,
    /// A key of [`OTHER_ACCOUNT`] with the role `full-access`.
    pub other: String,
    clients: Clients,
    app: Endpoints,
    keys: Keys,
    direct: Table,
    now: Arc<AtomicI64>,
    variables: HashMap<String, String>,
    engine: Option<Engine>,
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
        create_table(&client, &table, &root_file("template.yaml")).await.expect("the table can be created");

        let mut all: HashMap<String, String> = HashMap::from([
            ("TABLE_NAME".to_owned(), table.clone()),
            ("AWS_REGION".to_owned(), "ca-1".to_owned()),
            ("LINK_KEYS".to_owned(), "0123456789abcdef0123456789abcdef".to_owned()),
            ("FROM_ADDRESS".to_owned(), "invitations@sender.example".to_owned()),
            ("CONFIGURATION_SET".to_owned(), "emails".to_owned()),
            ("LINK_BASE_URL".to_owned(), "https://api.example.com/accept".to_owned()),
            ("EVENT_BUS".to_owned(), "events".to_owned()),
        ]);
        all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let now = Arc::new(AtomicI64::new(Timestamp::now().as_millis()));
        let faults = Faults::default();
        let decisions = Decisions::default();
        let guard = decisions.guard(&|name| all.get(name).cloned());
        let clients = Clients { direct: client.clone(), table: table.clone(), clock: clock(&now), guard };
        let store = clients.store(&faults);
        let app = endpoints(&store, &all);
        // With `ONLY_ACCOUNT`, keys of other accounts are of the time before.
        let mut before = clients.clone();
        if all.contains_key("ONLY_ACCOUNT") {
            before.guard = decisions.guard(&|name| all.get(name).filter(|_| name != "ONLY_ACCOUNT").cloned());
        }
        let keys = Keys::new(before.store(&faults), roles(&all));
        let mut this = Self {
            client,
            endpoint,
            table,
            faults,
            decisions,
            full: String::new(),
            read_only: String::new(),
            other: String::new(),
            clients,
            app,
            keys,
            direct: Table(store),
            now,
            variables: all,
            engine,
        };
        this.full = this.new_key(ACCOUNT, "full-access").await;
        this.read_only = this.new_key(ACCOUNT, "read-only").await;
        this.other = this.new_key(OTHER_ACCOUNT, "full-access").await;
        this
    }

    /// The same service as another process: same table and clock, empty caches, `variables` changed.
    #[must_use]
    pub fn another(&self, variables: &[(&str, &str)]) -> SecondApp {
        let mut all = self.variables.clone();
        all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut clients = self.clients.clone();
        if all.get("ONLY_ACCOUNT") != self.variables.get("ONLY_ACCOUNT") {
            clients.guard = self.decisions.guard(&|name| all.get(name).cloned());
        }
        SecondApp { app: endpoints(&clients.store(&self.faults), &all) }
    }

    /// Another process with its own faults, whose SDK pauses between attempts as long as in production: for tests that
    /// measure time.
    #[must_use]
    pub fn another_in_real_time(&self, faults: &Faults) -> SecondApp {
        SecondApp { app: endpoints(&self.clients.store_in_real_time(faults), &self.variables) }
    }

    /// Like [`Self::another`], but with a long SDK timeout, so that a busy machine does not cause failures: for tests of
    /// concurrent callers that do not measure time.
    #[must_use]
    pub fn another_patient(&self) -> SecondApp {
        SecondApp { app: endpoints(&self.clients.patient_store(&self.faults), &self.variables) }
    }

    /// The configuration of another client of functions.
    pub fn function_config(&self, faults: &Faults) -> config::Builder {
        self.clients.config(faults)
    }

    /// The HTTP client of functions for the table: their policies decide on its requests.
    #[must_use]
    pub fn http_client(&self, faults: &Faults) -> SharedHttpClient {
        self.clients.http_client(faults)
    }

    /// Decides on the functions' calls of other services.
    #[must_use]
    pub fn guard(&self) -> Guard {
        self.clients.guard.clone()
    }

    /// The tests' own access to the table, without faults and policies.
    #[must_use]
    pub fn store(&self) -> Store {
        Store::new(self.client.clone(), self.table.clone(), clock(&self.now))
    }

    /// Sends a request to the function of its route. Fails the test if the response does not match `openapi.yaml`.
    pub async fn send(&self, call: Call) -> Response {
        send(&self.app, call).await
    }

    /// Sends an arbitrary event to the function of a route.
    pub async fn send_event(&self, route: &str, event: &str) -> Response {
        self.app.respond(route, event).await.into()
    }

    /// The state that the handlers of this process share.
    #[must_use]
    pub fn state(&self) -> &App {
        &self.app.sending.app
    }

    /// An environment variable of the functions.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    /// Invokes `manage-api-keys`.
    pub async fn manage_keys(&self, event: &Value) -> Value {
        let answer =
            run_as("manage-api-keys", invocation::respond(Ok(&self.keys), &event.to_string(), "invocation-1", &manage_api_keys::handle))
                .await;
        serde_json::from_str(&answer).expect("the answer is JSON")
    }

    /// Invokes `manage-account-settings`.
    pub async fn manage_settings(&self, event: &Value) -> Value {
        Self::manage_settings_over(&self.direct, event).await
    }

    /// Invokes `manage-account-settings` of another process.
    pub async fn manage_settings_over(table: &Table, event: &Value) -> Value {
        let answer = run_as(
            "manage-account-settings",
            invocation::respond(Ok(table), &event.to_string(), "invocation-1", &manage_account_settings::handle),
        )
        .await;
        serde_json::from_str(&answer).expect("the answer is JSON")
    }

    /// Invokes `erase-invitee`.
    pub async fn erase(&self, event: &Value) -> Value {
        let answer =
            run_as("erase-invitee", invocation::respond(Ok(&self.direct), &event.to_string(), "invocation-1", &erase_invitee::handle))
                .await;
        serde_json::from_str(&answer).expect("the answer is JSON")
    }

    /// The state of `revoke-invitations`, with a time limit.
    #[must_use]
    pub fn revocations(&self, time_limit: Duration) -> Revocations {
        let retention = read_retention(&|name| self.variable(name)).expect("the configuration is valid");
        Revocations { store: self.direct.0.clone(), retention, time_limit }
    }

    /// Invokes `revoke-invitations`.
    pub async fn revoke(&self, event: &Value) -> Value {
        Self::revoke_over(&self.revocations(TIME_LIMIT), event).await
    }

    /// Invokes `revoke-invitations` with another time limit, or of another process.
    pub async fn revoke_over(revocations: &Revocations, event: &Value) -> Value {
        let answer = run_as(
            "revoke-invitations",
            invocation::respond(Ok(revocations), &event.to_string(), "invocation-1", &revoke_invitations::handle),
        )
        .await;
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

    /// Makes the functions warm: a key and the settings of [`ACCOUNT`] are cached.
    pub async fn warm(&self, key: &str) {
        warm(&self.app, key).await;
    }

    /// Adds rows to the table, without requests. The engine must be the embedded one.
    pub fn import(&self, rows: impl IntoIterator<Item = Row>) {
        let engine = self.engine.as_ref().expect("the engine is embedded");
        engine.import(&self.table, rows).expect("rows of the service");
    }

    /// Advances the clock.
    pub fn advance(&self, time: Duration) {
        self.now.fetch_add(i64::try_from(time.as_millis()).expect("a short time"), Ordering::SeqCst);
    }

    /// Advances the clock to the start of the next window of the send quota, so that the window does not end during the test.
    pub fn advance_to_window(&self) {
        const HOUR: i64 = 3_600_000;
        let left = HOUR - self.now().as_millis() % HOUR;
        self.advance(Duration::from_millis(u64::try_from(left).expect("not negative")));
    }

    /// Sets the clock back, like another process whose clock is behind.
    pub fn set_back(&self, time: Duration) {
        self.now.fetch_sub(i64::try_from(time.as_millis()).expect("a short time"), Ordering::SeqCst);
    }

    /// The clock's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst)).expect("a time of this century")
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.decisions.assert_none_refused();
    }
}

/// The service as another process.
pub struct SecondApp {
    app: Endpoints,
}

impl SecondApp {
    /// Like [`TestApp::warm`].
    pub async fn warm(&self, key: &str) {
        warm(&self.app, key).await;
    }

    /// Like [`TestApp::send`].
    pub async fn send(&self, call: Call) -> Response {
        send(&self.app, call).await
    }

    /// The state that the handlers of this process share.
    #[must_use]
    pub fn state(&self) -> &App {
        &self.app.sending.app
    }
}

/// From now on, for half a minute, the caller's key and the settings of [`ACCOUNT`] are cached.
async fn warm(app: &Endpoints, key: &str) {
    send(app, Call::get("/invitations").key(key)).await.expect(200);
    let account = ACCOUNT.parse().expect("an account");
    run_as("create-invitation", app.sending.settings.of(&account)).await.expect("the settings can be read");
}

async fn send(app: &Endpoints, call: Call) -> Response {
    let response = app.respond(&call.route(), &call.event().to_string()).await.into();
    openapi::check(&call, &response).unwrap_or_else(|problem| panic!("{problem}"));
    response
}

fn endpoints(store: &Store, variables: &HashMap<String, String>) -> Endpoints {
    Endpoints::new(store, &|name| variables.get(name).cloned())
}

fn clock(now: &Arc<AtomicI64>) -> Clock {
    let now = Arc::clone(now);
    Arc::new(move || Timestamp::from_millis(now.load(Ordering::SeqCst)).expect("a time of this century"))
}

fn roles(variables: &HashMap<String, String>) -> Roles {
    Config::read(&|name| variables.get(name).cloned()).expect("the configuration is valid").roles
}

/// The text of a file in the project's root.
#[must_use]
pub fn root_file(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
