//! Where subjects run: the table, and sandboxes over it.

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

use crate::{operation::Operation, post::Post, request::Request, subject::Subject};

/// How long a process may take to start, and for an event.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same under an instrument that makes it 50 times slower.
const PATIENCE_WITH_INSTRUMENT: Duration = Duration::from_secs(600);
/// Where systems keep the certificate authorities that they trust.
const SYSTEM_AUTHORITIES: [&str; 3] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

pub(crate) struct Stage {
    pub(crate) database: DynamoDb,
    pub(crate) core: Option<Core>,
    post: Post,
    /// For what instruments write.
    pub(crate) directory: TempDir,
    template: String,
    /// The table of all who only read one invitation.
    shared: Fixture,
    tables: Cell<u32>,
    described: OnceCell<Value>,
    ca_and_system: PathBuf,
}

/// A started subject and what to ask it.
pub(crate) struct Run {
    pub(crate) sandbox: Sandbox,
    pub(crate) requests: std::vec::IntoIter<Request>,
}

impl Stage {
    pub(crate) async fn set(core: Option<Core>) -> Result<Self, Problem> {
        let template =
            fs::read_to_string("template.yaml").map_err(|error| problem!("template.yaml, to be found in the current folder: {error}"))?;
        let database = DynamoDb::start().await?;
        let directory = TempDir::with_prefix("invitations-bench-").map_err(|error| problem!("no temporary folder: {error}"))?;
        let ca_and_system = directory.path().join("ca-and-system.pem");
        let files = SYSTEM_AUTHORITIES.iter().map(fs::read).find_map(Result::ok).into_iter().chain(fs::read(database.ca_file()));
        fs::write(&ca_and_system, files.collect::<Vec<_>>().concat()).map_err(|error| problem!("{}: {error}", ca_and_system.display()))?;
        database.create_table("invitations", &template).await?;
        let shared = Fixture::new(database.endpoint_plain(), "invitations").await?;
        let post = Post::open(&database).await?;
        Ok(Self { database, core, post, directory, template, shared, tables: Cell::new(0), described: OnceCell::new(), ca_and_system })
    }

    /// Starts a subject in a new process, with `count` requests prepared.
    pub(crate) async fn start(&self, subject: &Subject, count: usize, instrument: Vec<String>) -> Result<Run, Problem> {
        let fixture = if subject.operation.only_reads_one() { self.shared.clone() } else { self.new_world().await? };
        let requests = subject.operation.prepare(&self.database, &self.template, &fixture, count).await?;
        let patience = if instrument.is_empty() { PATIENCE } else { PATIENCE_WITH_INSTRUMENT };
        let launch = Launch {
            command: subject.command.clone(),
            instrument,
            directory: subject.directory.clone(),
            environment: self.environment(subject, &fixture.table),
            core: self.core,
            patience,
        };
        let sandbox = Sandbox::start(&launch).await.map_err(|problem| problem!("{}: {problem}", subject.id))?;
        Ok(Run { sandbox, requests: requests.into_iter() })
    }

    async fn new_world(&self) -> Result<Fixture, Problem> {
        self.tables.set(self.tables.get() + 1);
        let table = format!("invitations-{:05}", self.tables.get());
        self.database.create_table(&table, &self.template).await?;
        Fixture::new(self.database.endpoint_plain(), &table).await
    }

    /// What Lambda and `template.yaml` set.
    fn environment(&self, subject: &Subject, table: &str) -> std::collections::BTreeMap<String, String> {
        let places = [
            ("{ca}", self.database.ca_file().display().to_string()),
            ("{ca+system}", self.ca_and_system.display().to_string()),
            ("{ses}", self.post.ses()),
            ("{events}", self.post.events()),
        ];
        let lambda = [
            ("AWS_LAMBDA_FUNCTION_NAME", subject.id.clone()),
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
        let tunables = tunables.filter(|_| subject.operation == Operation::List).map(|value| ("GLIBC_TUNABLES", value.to_owned()));
        let fill = |value: &String| places.iter().fold(value.clone(), |value, (name, environment)| value.replace(name, environment));
        let own = subject.environment.iter().map(|(name, value)| (name.as_str(), fill(value)));
        lambda.into_iter().chain(tunables).chain(own).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Sends the next request, checks the answer, and says how long it took.
    pub(crate) async fn ask(&self, run: &mut Run, subject: &Subject) -> Result<Duration, Problem> {
        let named = |problem| problem!("{}: {problem}", subject.id);
        let request = run.requests.next().ok_or_else(|| problem!("{}: more requests than were prepared", subject.id))?;
        let invocation = run.sandbox.invoke(&request.event).await.map_err(named)?;
        request.check(&invocation.response, &self.described, &self.post).map_err(named)?;
        Ok(invocation.took)
    }
}
