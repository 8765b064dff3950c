//! The environment of targets: tables, stand-ins and sandboxes.

use std::{
    cell::{Cell, OnceCell},
    fs,
    path::PathBuf,
    time::Duration,
};

use bench::{
    Problem,
    dynamodb::DynamoDb,
    fixture::{Fixture, REGION},
    problem,
    sandbox::{Core, Launch, Sandbox},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{operation::Operation, request::Request, stand_ins::StandIns, target::Target};

/// The time limit for the start of a process and for an event.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The same under an instrument that makes it about 50 times slower.
const TIMEOUT_WITH_INSTRUMENT: Duration = Duration::from_secs(600);
/// The files of trusted certificate authorities on common systems.
const SYSTEM_AUTHORITIES: [&str; 3] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

pub(crate) struct Testbed {
    pub(crate) database: DynamoDb,
    pub(crate) core: Option<Core>,
    stand_ins: StandIns,
    /// For the output of instruments.
    pub(crate) directory: TempDir,
    template: String,
    /// The table of operations that only read one invitation.
    shared: Fixture,
    tables: Cell<u32>,
    described: OnceCell<Value>,
    ca_and_system: PathBuf,
}

/// A running target and its requests.
pub(crate) struct Run {
    pub(crate) sandbox: Sandbox,
    pub(crate) requests: std::vec::IntoIter<Request>,
}

impl Testbed {
    pub(crate) async fn new(core: Option<Core>) -> Result<Self, Problem> {
        let template =
            fs::read_to_string("template.yaml").map_err(|error| problem!("template.yaml must be in the current folder: {error}"))?;
        let database = DynamoDb::start().await?;
        let directory = TempDir::with_prefix("invitations-bench-").map_err(|error| problem!("no temporary folder: {error}"))?;
        let ca_and_system = directory.path().join("ca-and-system.pem");
        let files = SYSTEM_AUTHORITIES.iter().map(fs::read).find_map(Result::ok).into_iter().chain(fs::read(database.ca_file()));
        fs::write(&ca_and_system, files.collect::<Vec<_>>().concat()).map_err(|error| problem!("{}: {error}", ca_and_system.display()))?;
        database.create_table("invitations", &template).await?;
        let shared = Fixture::new(database.endpoint_plain(), "invitations").await?;
        let stand_ins = StandIns::start(&database).await?;
        Ok(Self { database, core, stand_ins, directory, template, shared, tables: Cell::new(0), described: OnceCell::new(), ca_and_system })
    }

    /// Starts a target in a new process, with `count` prepared requests.
    pub(crate) async fn start(&self, target: &Target, count: usize, instrument: Vec<String>) -> Result<Run, Problem> {
        let fixture = if target.operation.only_reads_one() { self.shared.clone() } else { self.new_fixture().await? };
        let requests = target.operation.prepare(&self.database, &self.template, &fixture, count).await?;
        Ok(Run { sandbox: self.launch(target, &fixture, instrument).await?, requests: requests.into_iter() })
    }

    /// Starts a target in a new process, over the table of the fixture.
    pub(crate) async fn launch(&self, target: &Target, fixture: &Fixture, instrument: Vec<String>) -> Result<Sandbox, Problem> {
        let timeout = if instrument.is_empty() { TIMEOUT } else { TIMEOUT_WITH_INSTRUMENT };
        let launch = Launch {
            command: target.command.clone(),
            instrument,
            directory: target.directory.clone(),
            environment: self.environment(target, &fixture.table),
            core: self.core,
            timeout,
        };
        Sandbox::start(&launch).await.map_err(|problem| problem!("{}: {problem}", target.id))
    }

    /// A new table with one account.
    pub(crate) async fn new_fixture(&self) -> Result<Fixture, Problem> {
        self.tables.set(self.tables.get() + 1);
        let table = format!("invitations-{:05}", self.tables.get());
        self.database.create_table(&table, &self.template).await?;
        Fixture::new(self.database.endpoint_plain(), &table).await
    }

    /// The variables that Lambda and `template.yaml` set.
    fn environment(&self, target: &Target, table: &str) -> std::collections::BTreeMap<String, String> {
        let placeholders = [
            ("{ca}", self.database.ca_file().display().to_string()),
            ("{ca+system}", self.ca_and_system.display().to_string()),
            ("{ses}", self.stand_ins.ses()),
            ("{events}", self.stand_ins.events()),
        ];
        let lambda = [
            ("AWS_LAMBDA_FUNCTION_NAME", target.id.clone()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
            ("AWS_LAMBDA_LOG_LEVEL", "INFO".to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "not-a-secret".to_owned()),
            ("AWS_SESSION_TOKEN", "not-a-token".to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.database.endpoint_tls()),
            ("TABLE_NAME", table.to_owned()),
        ];
        let tunables = self.template.lines().find_map(|line| line.trim().strip_prefix("GLIBC_TUNABLES: "));
        let tunables = tunables.filter(|_| target.operation == Operation::List).map(|value| ("GLIBC_TUNABLES", value.to_owned()));
        let fill = |value: &String| placeholders.iter().fold(value.clone(), |text, (name, value)| text.replace(name, value));
        let own = target.environment.iter().map(|(name, value)| (name.as_str(), fill(value)));
        lambda.into_iter().chain(tunables).chain(own).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The records that the table's stream has for deliver-invitations, in order.
    pub(crate) async fn stream_records(&self, fixture: &Fixture) -> Result<Vec<Value>, Problem> {
        self.database.stream_records(&fixture.table, &self.template, Operation::Deliver.function()).await
    }

    /// Sends the next request, checks the response, and returns its duration.
    pub(crate) async fn send(&self, run: &mut Run, target: &Target) -> Result<Duration, Problem> {
        let named = |problem| problem!("{}: {problem}", target.id);
        let request = run.requests.next().ok_or_else(|| problem!("{}: more requests than were prepared", target.id))?;
        let invocation = run.sandbox.invoke(&request.event).await.map_err(named)?;
        request.check(&invocation.response, &self.described, &self.stand_ins).map_err(named)?;
        Ok(invocation.took)
    }
}
