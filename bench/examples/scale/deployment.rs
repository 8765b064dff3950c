//! One table in a file, and the real functions that use it.

use std::{collections::BTreeMap, net::TcpListener, path::Path, time::Duration};

use bench::{
    Problem,
    dynamodb::{Counts, DynamoDb},
    fixture::{Fixture, REGION, send_settings},
    problem,
    sandbox::{Launch, Sandbox},
};
use local::{
    client::CREDENTIALS,
    engine::{Engine, Storage},
};
use serde_json::Value;

use crate::{
    account::Account,
    result::{Consumed, Sample},
    steps::{FUNCTIONS, Step},
};

/// The time limit for the start of a function and for an event.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A table of one size, and the functions.
pub(crate) struct Deployment {
    pub(crate) account: Account,
    dynamodb: DynamoDb,
    fixture: Fixture,
    functions: BTreeMap<&'static str, Sandbox>,
}

impl Deployment {
    /// Starts an engine with `file`, and a process for each function in `binaries`.
    pub(crate) async fn open(file: &Path, binaries: &Path, fixture: Fixture, account: Account) -> Result<Self, Problem> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| problem!("no port: {error}"))?;
        let engine = Engine::start(listener, Storage::File(file)).map_err(|error| problem!("{error}"))?;
        let dynamodb = DynamoDb::with_engine(engine).await?;
        let mut functions = BTreeMap::new();
        for name in FUNCTIONS {
            let launch = Launch {
                command: vec![binaries.join(name).join("bootstrap").display().to_string()],
                instrument: Vec::new(),
                directory: binaries.to_owned(),
                environment: environment(&dynamodb, &fixture),
                core: None,
                timeout: TIMEOUT,
            };
            functions.insert(name, Sandbox::start(&launch).await?);
        }
        Ok(Self { account, dynamodb, fixture, functions })
    }

    /// Invokes a function once, checks the response and returns the times.
    pub(crate) async fn sample(&mut self, step: &Step, turn: u64) -> Result<Sample, Problem> {
        let (took, counts) = self.invoke(step, turn).await?;
        Ok(Sample { total: took, engine: counts.engine })
    }

    /// The same, but returns the consumption.
    pub(crate) async fn consumed(&mut self, step: &Step, turn: u64) -> Result<Consumed, Problem> {
        self.dynamodb.count_capacity(true);
        let result = self.invoke(step, turn).await;
        self.dynamodb.count_capacity(false);
        let (_, counts) = result?;
        Ok(Consumed { requests: counts.total(), read: counts.capacity.read, write: counts.capacity.write })
    }

    async fn invoke(&mut self, step: &Step, turn: u64) -> Result<(Duration, Counts), Problem> {
        let call = (step.call)(&self.account, turn);
        let event = call.event(&self.fixture);
        let function = self.functions.get_mut(call.function).ok_or_else(|| problem!("{} does not run", call.function))?;
        function.idle().await?;
        self.dynamodb.reset_counts();
        let invocation = function.invoke(&event).await?;
        let counts = self.dynamodb.counts();

        let invalid =
            || problem!("unexpected response to '{}' with {} invitations: {}", step.name, self.account.size(), invocation.response);
        let response: Value = serde_json::from_str(&invocation.response).map_err(|_| invalid())?;
        let body: Value = response["body"].as_str().and_then(|body| serde_json::from_str(body).ok()).ok_or_else(invalid)?;
        if response["statusCode"] == call.status && (call.is_expected)(&body) { Ok((invocation.took, counts)) } else { Err(invalid()) }
    }

    /// Stops the functions.
    pub(crate) async fn close(self) -> Result<(), Problem> {
        for function in self.functions.into_values() {
            function.stop().await?;
        }
        Ok(())
    }
}

fn environment(dynamodb: &DynamoDb, fixture: &Fixture) -> BTreeMap<String, String> {
    let (key, secret) = CREDENTIALS;
    let ca = dynamodb.ca_file().display().to_string();
    let trusted = format!("amazon,{ca}");
    let endpoint = dynamodb.endpoint_tls();
    let table = [
        ("TABLE_NAME", fixture.table.as_str()),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", key),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_ENDPOINT_URL_DYNAMODB", &endpoint),
        ("TRUST_STORE", &trusted),
        ("SSL_CERT_FILE", &ca),
        ("AWS_LAMBDA_FUNCTION_NAME", "scale"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
    ];
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    table.into_iter().map(owned).chain(send_settings().map(owned)).collect()
}
