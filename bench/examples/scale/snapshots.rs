//! The tables: one file, loaded step by step and copied at each size, so that every larger account contains the smaller.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
};

use bench::{Problem, fixture::Fixture, problem};
use local::{
    client,
    engine::{Engine, Storage},
    table::create_table,
};
use shared::domain::Timestamp;
use tempfile::TempDir;

use crate::{
    account::Account,
    load::{Footprint, footprint, load},
    population::{Population, policy},
    schema_check,
    settings::Settings,
};

const TABLE: &str = "invitations";
const TEMPLATE: &str = include_str!("../../../template.yaml");

/// The other accounts, and the invitations of each.
const OTHER_ACCOUNTS: u64 = 10_000;
const INVITATIONS_PER_ACCOUNT: u64 = 3;
/// The first number of their invitations.
const OTHER_INVITATIONS: u64 = 4_000_000;

/// The loaded tables.
pub(crate) struct Snapshots {
    /// A file per size.
    pub(crate) files: Vec<(PathBuf, u64)>,
    /// The size of the largest, in bytes.
    pub(crate) largest: u64,
    /// The size of an invitation.
    pub(crate) footprint: Footprint,
    pub(crate) fixture: Fixture,
    /// The time to which the population relates.
    pub(crate) now: Timestamp,
    /// Deleted when dropped.
    _scratch: TempDir,
}

impl Snapshots {
    /// The account of this size.
    pub(crate) fn account(&self, size: u64) -> Account {
        Account::new(Population::of(self.fixture.who.clone(), self.now), size)
    }
}

/// Creates and loads the tables.
pub(crate) async fn create(settings: &Settings) -> Result<Snapshots, Problem> {
    let scratch = fs::create_dir_all(&settings.scratch).and_then(|()| TempDir::with_prefix_in("scale-", &settings.scratch));
    let scratch = scratch.map_err(|error| problem!("{}: {error}", settings.scratch.display()))?;
    let growing = scratch.path().join("growing.db");
    let now = Timestamp::now();
    let fixture = create_empty(&growing).await?;
    let policy = policy()?;
    schema_check::check(TEMPLATE, &policy).await?;

    let others = (0..OTHER_ACCOUNTS).map(|number| {
        let first = OTHER_INVITATIONS + number * INVITATIONS_PER_ACCOUNT;
        Ok((Population::of_other_account(number, now)?, first..first + INVITATIONS_PER_ACCOUNT))
    });
    load(&growing, TABLE, &others.collect::<Result<Vec<_>, Problem>>()?, &policy)?;
    let (mut files, mut have) = (Vec::new(), 0);
    for size in &settings.sizes {
        load(&growing, TABLE, &[(Population::of(fixture.who.clone(), now), have..*size)], &policy)?;
        have = *size;
        let file = scratch.path().join(format!("{size}.db"));
        let last = settings.sizes.last() == Some(size);
        let moved = if last { fs::rename(&growing, &file) } else { fs::copy(&growing, &file).map(drop) };
        moved.map_err(|error| problem!("{}: {error}", file.display()))?;
        eprintln!("Loaded {size} invitations.");
        files.push((file, *size));
        // Committed changes that are not yet in the file would be missing from the copy.
        if scratch.path().join("growing.db-wal").exists() {
            return Err(problem!("the engine has not closed {}", growing.display()));
        }
    }
    let footprint = footprint(&Population::of(fixture.who.clone(), now), have.min(10_000), &policy)?;
    let largest = files.iter().filter_map(|(file, _)| fs::metadata(file).ok()).map(|file| file.len()).max().unwrap_or_default();
    Ok(Snapshots { files, largest, footprint, fixture, now, _scratch: scratch })
}

/// Creates the table, with only the account's key.
async fn create_empty(file: &Path) -> Result<Fixture, Problem> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| problem!("no port: {error}"))?;
    let engine = Engine::start(listener, Storage::File(file)).map_err(|error| problem!("{error}"))?;
    create_table(&client::for_endpoint(engine.endpoint()), TABLE, TEMPLATE).await.map_err(|error| problem!("{error}"))?;
    Fixture::new(engine.endpoint(), TABLE).await
}
