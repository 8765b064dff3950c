//! The limits on sending are exact to the millisecond, and `Retry-After` is exact to the second.

use std::time::Duration;

use proptest::prelude::*;
use shared::domain::settings::AccountSettings;
use shared::domain::{
    Invitation, Rejected, Resource,
    lifecycle::{Action, Change, SendLimits, SendPolicy, modify, quota_window},
};

use super::{
    lifecycle::{any_now, caller, resend},
    support::{at, operation, pending, policy},
};

const HOUR: i64 = 3_600_000;

/// The defaults with another limit.
fn limited(set: impl FnOnce(&mut SendLimits)) -> SendPolicy {
    let mut policy = policy();
    set(&mut policy.limits);
    policy
}

#[test]
fn a_resend_is_rejected_until_the_millisecond_at_which_the_cooldown_ends() {
    let before = pending(at(1_000_999));
    for (after_sending, retry_after) in [(0, 60), (1, 60), (999, 60), (1000, 59), (58_999, 2), (59_000, 1), (59_999, 1)] {
        let refusal = resend(&caller(), &before, at(1_000_999 + after_sending), &policy());
        assert_eq!(refusal, Err(Rejected::Cooldown { retry_after }), "{after_sending} ms after the sending");
    }
    assert!(matches!(resend(&caller(), &before, at(1_060_999), &policy()), Ok(Change::Sent(_))));
    let no_cooldown = limited(|limits| limits.cooldown = Duration::ZERO);
    let free = Invitation { next_send: before.resource.last_sent, ..before };
    assert!(matches!(resend(&caller(), &free, free.resource.last_sent, &no_cooldown), Ok(Change::Sent(_))));
}

#[test]
fn the_cooldown_applies_to_an_expired_invitation_too() {
    let expired = Invitation { resource: Resource { expiry: at(1), ..pending(at(0)).resource }, ..pending(at(0)) };
    for action in [Action::Resend, Action::Invite] {
        let refusal = modify(&caller(), &expired, &action, &operation("op"), at(30_000), &policy(), &AccountSettings::default());
        assert_eq!(refusal, Err(Rejected::Cooldown { retry_after: 30 }));
    }
}

#[test]
fn the_limit_of_ten_sendings_is_reported_before_the_cooldown() {
    let sent = |sends| Invitation { sends, ..pending(at(0)) };
    assert!(matches!(resend(&caller(), &sent(9), at(60_000), &policy()), Ok(Change::Sent(after)) if after.sends == 10));
    for sends in [10, 11] {
        for now in [1, 60_000] {
            assert_eq!(resend(&caller(), &sent(sends), at(now), &policy()), Err(Rejected::MaxSends { max: 10 }));
        }
    }
    let once = limited(|limits| limits.max_sends = 1);
    assert_eq!(resend(&caller(), &sent(1), at(60_000), &once), Err(Rejected::MaxSends { max: 1 }));
}

#[test]
fn quota_windows_start_at_multiples_of_their_length_and_end_to_the_second() {
    let quota = |retry_after| Rejected::Quota { limit: 500, window: Duration::from_secs(3600), retry_after };
    for (now, start, retry_after) in [
        (0, 0, 3600),
        (1, 0, 3600),
        (999, 0, 3600),
        (1000, 0, 3599),
        (HOUR - 1000, 0, 1),
        (HOUR - 999, 0, 1),
        (HOUR - 1, 0, 1),
        (HOUR, HOUR, 3600),
        (1_592_730_072_999, 1_592_730_000_000, 3528),
    ] {
        assert_eq!(quota_window(at(now), &policy()), (at(start), quota(retry_after)), "{now}");
    }
}

proptest! {
    #[test]
    fn waiting_for_retry_after_succeeds_and_a_second_less_does_not(sent in any_now(), waited in 0i64..70_000, cooldown in 1u64..70) {
        let cooling = limited(|limits| limits.cooldown = Duration::from_secs(cooldown));
        let before = Invitation { next_send: sent.plus(cooling.limits.cooldown), ..pending(sent) };
        let now = at(sent.as_millis() + waited);
        match resend(&caller(), &before, now, &cooling) {
            Ok(_) => prop_assert!(now >= before.next_send),
            Err(Rejected::Cooldown { retry_after }) => {
                let wait = |seconds| resend(&caller(), &before, now.plus(Duration::from_secs(seconds)), &cooling);
                prop_assert!(matches!(wait(retry_after), Ok(Change::Sent(_))));
                let too_short = matches!(wait(retry_after - 1), Err(Rejected::Cooldown { .. }));
                prop_assert!(too_short, "{} s", retry_after);
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn retry_after_reaches_the_next_quota_window_exactly(now in any_now(), seconds in 1u64..100_000) {
        let policy = limited(|limits| limits.quota_window = Duration::from_secs(seconds));
        let window = |wait| quota_window(now.plus(Duration::from_secs(wait)), &policy);
        let (start, refusal) = window(0);
        let Rejected::Quota { retry_after, limit: 500, .. } = refusal else { panic!("{refusal}") };
        prop_assert!(start <= now && now < start.plus(policy.limits.quota_window));
        prop_assert_eq!(start.as_millis() % (seconds as i64 * 1000), 0);
        prop_assert_eq!(window(retry_after).0, start.plus(policy.limits.quota_window));
        prop_assert_eq!(window(retry_after - 1).0, start);
    }
}
