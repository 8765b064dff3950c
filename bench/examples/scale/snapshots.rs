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
    accounts::Accounts,
    load::{Footprint, footprint, load},
    population::{Population, policy},
    schema_check,
    settings::Settings,
};

const TABLE: &str = "invitations";
const TEMPLATE: &str = include_str!("../../../template.yaml");

/// Other accounts, and how many invitations each has.
const STRANGERS: u64 = 10_000;
const EACH: u64 = 3;
/// Their invitations have numbers from here on.
const THEIRS: u64 = 4_000_000;

/// The tables that are loaded.
pub(crate) struct Snapshots {
    /// A file for each size.
    pub(crate) files: Vec<(PathBuf, u64)>,
    /// Bytes of the largest.
    pub(crate) largest: u64,
    /// What an invitation takes.
    pub(crate) footprint: Footprint,
    pub(crate) fixture: Fixture,
    /// When the population is as it is.
    pub(crate) now: Timestamp,
    /// Removed with everything in it.
    _scratch: TempDir,
}

impl Snapshots {
    /// Who is in the account of this size.
    pub(crate) fn accounts(&self, size: u64) -> Accounts {
        Accounts::take(Population::of(self.fixture.who.clone(), self.now), size)
    }
}

/// Makes and loads the tables.
pub(crate) async fn make(settings: &Settings) -> Result<Snapshots, Problem> {
    let scratch = fs::create_dir_all(&settings.scratch).and_then(|()| TempDir::with_prefix_in("scale-", &settings.scratch));
    let scratch = scratch.map_err(|error| problem!("{}: {error}", settings.scratch.display()))?;
    let growing = scratch.path().join("growing.db");
    let now = Timestamp::now();
    let fixture = found(&growing).await?;
    let policy = policy()?;
    schema_check::check(TEMPLATE, &policy).await?;

    let strangers = (0..STRANGERS).map(|number| {
        let first = THEIRS + number * EACH;
        Ok((Population::of_stranger(number, now)?, first..first + EACH))
    });
    load(&growing, TABLE, &strangers.collect::<Result<Vec<_>, Problem>>()?, &policy)?;
    let (mut files, mut have) = (Vec::new(), 0);
    for size in &settings.sizes {
        load(&growing, TABLE, &[(Population::of(fixture.who.clone(), now), have..*size)], &policy)?;
        have = *size;
        let file = scratch.path().join(format!("{size}.db"));
        let last = settings.sizes.last() == Some(size);
        let kept = if last { fs::rename(&growing, &file) } else { fs::copy(&growing, &file).map(drop) };
        kept.map_err(|error| problem!("{}: {error}", file.display()))?;
        eprintln!("Loaded {size} invitations.");
        files.push((file, *size));
        // What is committed but not yet in the file would be missing from the copy.
        if scratch.path().join("growing.db-wal").exists() {
            return Err(problem!("the engine has not closed {}", growing.display()));
        }
    }
    let footprint = footprint(&Population::of(fixture.who.clone(), now), have.min(10_000), &policy)?;
    let largest = files.iter().filter_map(|(file, _)| fs::metadata(file).ok()).map(|file| file.len()).max().unwrap_or_default();
    Ok(Snapshots { files, largest, footprint, fixture, now, _scratch: scratch })
}

/// The table, with nothing in it but the key of the account.
async fn found(file: &Path) -> Result<Fixture, Problem> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| problem!("no port: {error}"))?;
    let engine = Engine::start(listener, Storage::File(file)).map_err(|error| problem!("{error}"))?;
    create_table(&client::for_endpoint(engine.endpoint()), TABLE, TEMPLATE).await.map_err(|error| problem!("{error}"))?;
    Fixture::new(engine.endpoint(), TABLE).await
}
