//! Every minute: what is due and was not done. Retries, expiries, and whatever the stream has lost.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde::Serialize;
use shared::store::{DUE_SHARDS, StoreError};
use tracing::{error, info};

use crate::{background::Failed, courier::Courier};

/// How long one round takes at most: less than the function's limit, and than the minute until the next.
const ROUND: Duration = Duration::from_secs(45);
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
    for shard in 0..DUE_SHARDS {
        reconcile(courier, shard, until, &mut round).await?;
    }
    let Round { settled, failed } = round;
    info!(settled, failed, "round done");
    if failed > 0 && settled == 0 {
        return Err(Failed(format!("none of {failed} invitations could be settled")));
    }
    Ok(round)
}

/// One shard, page by page. What was settled is no longer due, so each page is the first one.
async fn reconcile(courier: &Courier, shard: u8, until: Instant, round: &mut Round) -> Result<(), StoreError> {
    while Instant::now() < until {
        let due = courier.store().due(shard, courier.store().now(), PAGE).await?;
        let found = due.len();
        let results = stream::iter(due).map(|place| async move {
            let result = courier.settle(&place).await;
            if let Err(failed) = &result {
                error!(account = place.account.as_str(), invitation = %place.id, cause = %failed, "not settled");
            }
            result.is_ok()
        });
        let results: Vec<bool> = results.buffer_unordered(AT_ONCE).collect().await;
        let settled = results.into_iter().filter(|settled| *settled).count();
        round.settled += settled;
        round.failed += found - settled;
        // A short page is the last. And the index may still show what was settled a moment ago: it is left for the next round.
        if found < PAGE as usize || settled == 0 {
            break;
        }
    }
    Ok(())
}
