//! Runs every minute and processes everything that is still due: retries, expiries, and changes that the stream has lost.
//!
//! A round processes each invitation once, so an invitation that stays due, for example because EventBridge is down, does not block
//! others.

use std::{
    future::ready,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use serde::Serialize;
use shared::{
    domain::Timestamp,
    store::{DUE_SHARDS, DueIndex, DuePage, StoreError},
};
use tracing::{error, info};

use crate::delivery::{courier::Courier, worker::Failed};

/// No invitation is started after this time, so that all started ones finish before the function's timeout.
const START_DEADLINE: Duration = Duration::from_secs(30);
/// How many invitations a query returns.
const PAGE_SIZE: i32 = 100;
/// How many invitations are processed concurrently.
const CONCURRENCY: usize = 8;

/// The result of a round.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Round {
    /// How many invitations were processed.
    pub processed: usize,
    /// How many could not be processed.
    pub failed: usize,
}

/// Processes everything that is due. The content of the event is ignored.
///
/// # Errors
/// If due invitations cannot be read, or none could be processed.
pub async fn handle(courier: &Courier, _event: &str) -> Result<Round, Failed> {
    let deadline = Instant::now() + START_DEADLINE;
    let mut round = Round::default();
    let (mut unread, mut overdue) = (None, Duration::ZERO);
    for (index, shard) in parts(courier.store().now()) {
        if Instant::now() >= deadline {
            break;
        }
        match reconcile(courier, index, shard, deadline, &mut round).await {
            Ok(longest) => overdue = overdue.max(longest),
            Err(error) => {
                error!(?index, shard, cause = %error, "due invitations not read");
                unread = Some(error);
            }
        }
    }
    let Round { processed, failed } = round;
    // What could not be read may be overdue, so then 0 would be a guess.
    let overdue_seconds = (unread.is_none() || !overdue.is_zero()).then_some(overdue.as_secs());
    info!(processed, failed, overdue_seconds, "round done");
    if let Some(error) = unread {
        return Err(error.into());
    }
    if failed > 0 && processed == 0 {
        return Err(Failed(format!("none of {failed} due invitations could be processed")));
    }
    Ok(round)
}

/// The shards of the indexes. Each minute starts with another one, so that the same ones do not always wait if time is short.
fn parts(now: Timestamp) -> Vec<(DueIndex, u8)> {
    let mut parts: Vec<_> = DueIndex::ALL.into_iter().flat_map(|index| (0..DUE_SHARDS).map(move |shard| (index, shard))).collect();
    let minute = usize::try_from(now.as_secs() / 60).unwrap_or_default();
    let first = minute % parts.len();
    parts.rotate_left(first);
    parts
}

/// Processes one shard of an index, page by page, and returns how long its longest overdue invitation has waited. Invitations that become
/// due again meanwhile are left to the next round.
async fn reconcile(courier: &Courier, index: DueIndex, shard: u8, deadline: Instant, round: &mut Round) -> Result<Duration, StoreError> {
    let now = courier.store().now();
    let (mut start, mut overdue) = (None, Duration::ZERO);
    loop {
        let DuePage { keys, since, next } = courier.store().due(index, shard, now, PAGE_SIZE, start).await?;
        overdue = since.map_or(overdue, |since| overdue.max(now.since(since)));
        let in_time = stream::iter(keys).take_while(|_| ready(Instant::now() < deadline));
        let results = in_time.map(|key| async move {
            let result = courier.process_due(&key).await;
            if let Err(failed) = &result {
                error!(account = key.account.as_str(), invitation = %key.id, cause = %failed, "not processed");
            }
            result.is_ok()
        });
        let results: Vec<bool> = results.buffer_unordered(CONCURRENCY).collect().await;
        let processed = results.iter().filter(|processed| **processed).count();
        round.processed += processed;
        round.failed += results.len() - processed;
        if next.is_none() || Instant::now() >= deadline {
            return Ok(overdue);
        }
        start = next;
    }
}
