//! Fills a database file by the engine's bulk import, with rows from the service's own code.

use std::{path::Path, sync::mpsc::sync_channel, thread};

use aws_sdk_dynamodb::types::AttributeValue;
use bench::{Problem, problem};
use dynoxide::{Database, ImportOptions, Item, types::item_size};
use local::engine;
use serde::Serialize;
use shared::{
    domain::{Invitation, Timestamp, lifecycle::SendPolicy},
    store::{
        Row, item,
        keys::{self, index},
    },
};

use crate::population::Population;

/// Rows in one transaction of the engine.
const BATCH: usize = 10_000;

/// Adds the invitations `numbers` of each account to the table. One thread builds rows, the other stores them.
pub(crate) fn load(file: &Path, table: &str, accounts: &[(Population, std::ops::Range<u64>)], policy: &SendPolicy) -> Result<(), Problem> {
    let failed = |error: dynoxide::DynoxideError| problem!("{}: {error}", file.display());
    let name = file.to_str().ok_or_else(|| problem!("{} is not UTF-8", file.display()))?;
    let database = Database::new(name).map_err(failed)?;
    database.enable_bulk_loading().map_err(failed)?;
    let (sender, batches) = sync_channel::<Vec<Item>>(2);
    thread::scope(|scope| {
        let builder = scope.spawn(move || {
            let mut batch = Vec::with_capacity(BATCH + 1);
            for (population, numbers) in accounts {
                for number in numbers.clone() {
                    let invitation = population.invitation(&population.spec(number), policy)?;
                    for row in rows(population, &invitation, policy) {
                        batch.push(engine::item(row)?);
                    }
                    if batch.len() >= BATCH && sender.send(std::mem::take(&mut batch)).is_err() {
                        return Ok(()); // The import has failed and reports why.
                    }
                }
            }
            let _ = sender.send(batch);
            Ok(())
        });
        for batch in batches {
            database.import_items(table, batch, ImportOptions::default()).map_err(failed)?;
        }
        builder.join().map_err(|_| problem!("the thread that builds rows panicked"))?
    })
}

/// The rows of an invitation: its own, and the lock of its address while it is open. DynamoDB has purged the lock of an expired
/// one.
pub(crate) fn rows(population: &Population, invitation: &Invitation, policy: &SendPolicy) -> Vec<Row> {
    let who = population.who();
    let row = item::to_row(invitation, policy.retention);
    let mut rows = vec![row];
    if invitation.state(Timestamp::now()) == shared::domain::State::Invited {
        rows.push(keys::key(who.account(), keys::lock(invitation.resource.email.normalised())).row([
            ("inv", AttributeValue::S(invitation.resource.id.to_string())),
            ("exp", AttributeValue::N(invitation.resource.expiry.as_millis().to_string())),
            ("ttl", AttributeValue::N(invitation.resource.expiry.as_secs().to_string())),
        ]));
    }
    rows
}

/// The size of invitations in bytes, as DynamoDB counts them: names and values, without its overhead per item.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Footprint {
    /// An invitation's row.
    pub(crate) row_mean: f64,
    pub(crate) row_least: usize,
    pub(crate) row_most: usize,
    /// An entry in one of its three local indexes.
    pub(crate) entry_mean: f64,
    /// The lock of an open invitation's address.
    pub(crate) lock_mean: f64,
}

/// The footprint of the first `size` invitations.
pub(crate) fn footprint(population: &Population, size: u64, policy: &SendPolicy) -> Result<Footprint, Problem> {
    let (mut of_rows, mut of_entries, mut of_locks) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..size {
        let invitation = population.invitation(&population.spec(number), policy)?;
        for (part, row) in rows(population, &invitation, policy).into_iter().enumerate() {
            if part == 0 {
                for index in [index::BY_STATE, index::BY_EMAIL, index::BY_ROLE] {
                    of_entries.push(item_size(&engine::item(entry(&row, index))?));
                }
            }
            let bytes = item_size(&engine::item(row)?);
            if part == 0 { of_rows.push(bytes) } else { of_locks.push(bytes) }
        }
    }
    let mean = |sizes: &[usize]| sizes.iter().sum::<usize>() as f64 / sizes.len().max(1) as f64;
    Ok(Footprint {
        row_mean: mean(&of_rows),
        row_least: of_rows.iter().copied().min().unwrap_or_default(),
        row_most: of_rows.iter().copied().max().unwrap_or_default(),
        entry_mean: mean(&of_entries),
        lock_mean: mean(&of_locks),
    })
}

/// The entry of a row in a local index: its keys and the projected attributes.
fn entry(row: &Row, index: &str) -> Row {
    let is_in = |name: &str| ["pk", "sk", index].contains(&name) || item::PROJECTED.contains(&name);
    row.iter().filter(|(name, _)| is_in(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}
