//! Every minute: what is due and was not done. Retries, expiries, and whatever the stream has lost.
//!
//! A round asks for each invitation once. One that stays due, because EventBridge takes no events, say, holds up none behind it.

use std::{
    future::ready,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use serde::Serialize;
use shared::store::{DUE_SHARDS, StoreError};
use tracing::{error, info};

use crate::delivery::{courier::Courier, worker::Failed};

/// How long a round begins with one after the other: so much less than the function's limit that the last can be finished.
const ROUND: Duration = Duration::from_secs(30);
/// How many invitations are asked for at a time.
const PAGE: i32 = 100;
/// How many are settled at once.
const AT_ONCE: usize = 8;

/// What a round came to.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Round {
    /// Invitations that were looked after.
    pub settled: usize,
    /// Those that could not be.
    pub failed: usize,
}

/// Settles what is due. The event says nothing.
///
/// # Errors
/// When the table cannot be asked what is due, or nothing could be settled.
pub async fn handle(courier: &Courier, _event: &str) -> Result<Round, Failed> {
    let until = Instant::now() + ROUND;
    let mut round = Round::default();
    // Each minute another one first: when there is not enough time for all, it is not always the same that wait.
    let first = courier.store().now().as_secs().unsigned_abs() / 60;
    for shard in 0..DUE_SHARDS {
        let shard = (first + u64::from(shard)) % u64::from(DUE_SHARDS);
        reconcile(courier, shard as u8, until, &mut round).await?;
    }
    let Round { settled, failed } = round;
    info!(settled, failed, "round done");
    if failed > 0 && settled == 0 {
        return Err(Failed(format!("none of {failed} due invitations could be processed")));
    }
    Ok(round)
}

/// One shard, page by page, as it is now: what becomes due again meanwhile is for the next round.
async fn reconcile(courier: &Courier, shard: u8, until: Instant, round: &mut Round) -> Result<(), StoreError> {
    let now = courier.store().now();
    let mut start = None;
    loop {
        let (due, next) = courier.store().due(shard, now, PAGE, start).await?;
        let in_time = stream::iter(due).take_while(|_| ready(Instant::now() < until));
        let results = in_time.map(|key| async move {
            let result = courier.process_due(&key).await;
            if let Err(failed) = &result {
                error!(account = key.account.as_str(), invitation = %key.id, cause = %failed, "not settled");
            }
            result.is_ok()
        });
        let results: Vec<bool> = results.buffer_unordered(AT_ONCE).collect().await;
        let settled = results.iter().filter(|settled| **settled).count();
        round.settled += settled;
        round.failed += results.len() - settled;
        if next.is_none() || Instant::now() >= until {
            return Ok(());
        }
        start = next;
    }
}
