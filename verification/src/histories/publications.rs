//! When the keys of the issuers and the external ids of the accounts were in the table, and which responses to tokens that permits.
//!
//! A function caches what it has read. So a response may follow from every state of the table in a period before it, and from no other.

use shared::domain::bearer::TokenProblem;

use super::{
    callers::Token,
    record::{Entry, Recorder},
};
use crate::{checker::Interval, model::responses::Actual, model::state::Millis};

/// How long a key that is no longer published is accepted.
const KEYS_CACHED: Millis = 300_000;
/// How long a newly published key is not accepted.
const ABSENCE_CACHED: Millis = 30_000;
/// How long a new external id is unknown.
const NO_ACCOUNT_CACHED: Millis = 5_000;

/// The keys of an issuer and the external ids, in the ticks of the record.
#[derive(Debug, Default)]
pub struct Publications {
    keys: [Vec<Publication>; 2],
    /// When the accounts got their external ids.
    named: [Option<(u64, u64)>; 2],
}

/// The keys of an issuer from a point between two ticks on.
#[derive(Debug)]
struct Publication {
    started: u64,
    done: u64,
    keys: Vec<usize>,
}

/// The response to a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The token is accepted.
    Accepted,
    /// It is not.
    Refused(TokenProblem),
    /// No account has the external id in it.
    UnknownAccount,
    /// Another response to a bad credential, which none of these tokens may get.
    Unexpected,
}

impl Outcome {
    /// The outcome that a response shows.
    #[must_use]
    pub fn of(response: &Actual) -> Self {
        use TokenProblem::{Audience, Expired, Signature, UnknownKey};
        let message = response.field("message");
        match response.status {
            401 => {
                let why = message.strip_prefix("Unauthorized: ").unwrap_or_default();
                let problem = [Audience, Expired, Signature, UnknownKey].into_iter().find(|problem| problem.as_str() == why);
                problem.map_or(Self::Unexpected, Self::Refused)
            }
            403 if message.contains("No account has the external id") => Self::UnknownAccount,
            _ => Self::Accepted,
        }
    }

    /// Its name in the report; `None` if the token is accepted.
    #[must_use]
    pub fn refusal(self) -> Option<&'static str> {
        match self {
            Self::Accepted => None,
            Self::Refused(problem) => Some(problem.as_str()),
            Self::UnknownAccount => Some("no account has the external id"),
            Self::Unexpected => Some("for another reason"),
        }
    }
}

impl Publications {
    /// Records that an issuer's keys were written between two ticks.
    pub fn publish(&mut self, issuer: usize, (started, done): (u64, u64), keys: Vec<usize>) {
        self.keys[issuer].push(Publication { started, done, keys });
    }

    /// Whether the account has an external id.
    #[must_use]
    pub fn is_named(&self, account: usize) -> bool {
        self.named[account].is_some()
    }

    /// Records that an account got its external id between two ticks.
    pub fn name(&mut self, account: usize, ticks: (u64, u64)) {
        self.named[account] = Some(ticks);
    }

    /// Whether this outcome is correct for a token in this interval.
    #[must_use]
    pub fn permit(&self, recorder: &Recorder, token: &Token, interval: &Interval<Entry>, outcome: Outcome) -> bool {
        let times = &interval.operation.times;
        let [earliest, latest] = [times.first(), times.last()].map(|time| *time.expect("the clock always shows a time"));
        let since = |cached: Millis| recorder.first_tick_past(earliest - cached);
        let seen = |cached: Millis, is_published: bool| {
            self.key_sets(token.issuer, since(cached), interval.returned).any(|keys| keys.contains(&token.key) == is_published)
        };
        let verified = token.genuine && token.for_us && earliest < token.end && seen(KEYS_CACHED, true);
        let named = self.named[token.account];
        match outcome {
            Outcome::Accepted => verified && (token.issuer == 0 || named.is_some_and(|(started, _)| started <= interval.returned)),
            Outcome::UnknownAccount => verified && token.issuer == 1 && named.is_none_or(|(_, done)| done >= since(NO_ACCOUNT_CACHED)),
            Outcome::Refused(TokenProblem::UnknownKey) => seen(ABSENCE_CACHED, false),
            Outcome::Refused(TokenProblem::Signature) => !token.genuine && seen(KEYS_CACHED, true),
            Outcome::Refused(TokenProblem::Audience) => token.genuine && !token.for_us && seen(KEYS_CACHED, true),
            Outcome::Refused(TokenProblem::Expired) => token.genuine && token.for_us && latest >= token.end,
            Outcome::Refused(_) | Outcome::Unexpected => false,
        }
    }

    /// The keys of an issuer that a read between two ticks may have found.
    fn key_sets(&self, issuer: usize, from: u64, to: u64) -> impl Iterator<Item = &Vec<usize>> {
        let all = &self.keys[issuer];
        let replaced = move |index: usize| all.get(index + 1).is_some_and(|next: &Publication| next.done < from);
        let visible = all.iter().enumerate().filter(move |(index, it)| it.started <= to && !replaced(*index));
        visible.map(|(_, publication)| &publication.keys)
    }
}

#[cfg(test)]
mod tests {
    use shared::domain::bearer::TokenProblem::{self, Audience, Expired, Signature, UnknownKey};

    use super::{Outcome, Publications};
    use crate::{
        checker::Interval,
        histories::{
            callers::Token,
            record::{Entry, Event, Recorder},
        },
        model::state::Millis,
    };

    const END: Millis = 1_000_000_000;
    /// Of the issuer that names accounts by id.
    const TOKEN: Token = Token { account: 1, issuer: 0, key: 0, genuine: true, for_us: true, end: END };

    /// A record that starts with two keys.
    struct Fixture {
        recorder: Recorder,
        publications: Publications,
        now: Millis,
    }

    impl Fixture {
        fn start() -> Self {
            let mut fixture = Self { recorder: Recorder::starting_at(0), publications: Publications::default(), now: 0 };
            fixture.publish(&[0, 1]);
            fixture
        }

        fn publish(&mut self, keys: &[usize]) {
            let ticks = (self.recorder.invoke(), self.recorder.invoke());
            for issuer in 0..2 {
                self.publications.publish(issuer, ticks, keys.to_vec());
            }
        }

        fn jump(&mut self, to: Millis) {
            self.now = to;
            self.recorder.jump(to);
        }

        /// Whether a request now may have this outcome.
        fn permits(&mut self, token: Token, outcome: Outcome) -> bool {
            let entry = Entry::new(1, "user@example.com".into(), Event::Purge);
            let (invoked, returned) = (self.recorder.invoke(), self.recorder.invoke());
            let interval = Interval { operation: Entry { times: vec![self.now], ..entry }, invoked, returned, completed: true };
            self.publications.permit(&self.recorder, &token, &interval, outcome)
        }

        /// The outcomes that a request now may have.
        fn outcomes(&mut self, token: Token) -> Vec<Outcome> {
            let refusals = [UnknownKey, Signature, Audience, Expired, TokenProblem::Malformed].map(Outcome::Refused);
            let all = [Outcome::Accepted, Outcome::UnknownAccount, Outcome::Unexpected].into_iter().chain(refusals);
            all.filter(|outcome| self.permits(token, *outcome)).collect()
        }
    }

    #[test]
    fn a_removed_key_may_be_accepted_for_less_than_five_minutes() {
        let mut fixture = Fixture::start();
        assert_eq!(fixture.outcomes(TOKEN), [Outcome::Accepted]);
        fixture.publish(&[1]);
        for at in [0, 299_999] {
            fixture.jump(at);
            assert_eq!(fixture.outcomes(TOKEN), [Outcome::Accepted, Outcome::Refused(UnknownKey)], "{at}");
        }
        fixture.jump(300_000);
        assert_eq!(fixture.outcomes(TOKEN), [Outcome::Refused(UnknownKey)]);
    }

    #[test]
    fn a_new_key_may_be_unknown_for_less_than_thirty_seconds() {
        let mut fixture = Fixture::start();
        let token = Token { key: 2, ..TOKEN };
        assert_eq!(fixture.outcomes(token), [Outcome::Refused(UnknownKey)]);
        fixture.jump(1);
        fixture.publish(&[0, 2]);
        for at in [1, 30_000] {
            fixture.jump(at);
            assert_eq!(fixture.outcomes(token), [Outcome::Accepted, Outcome::Refused(UnknownKey)], "{at}");
        }
        fixture.jump(30_001);
        assert_eq!(fixture.outcomes(token), [Outcome::Accepted]);
    }

    #[test]
    fn a_token_is_accepted_until_its_end_and_only_if_it_is_genuine_and_for_this_service() {
        let mut fixture = Fixture::start();
        assert_eq!(fixture.outcomes(Token { genuine: false, ..TOKEN }), [Outcome::Refused(Signature)]);
        assert_eq!(fixture.outcomes(Token { for_us: false, ..TOKEN }), [Outcome::Refused(Audience)]);
        fixture.jump(END - 1);
        assert_eq!(fixture.outcomes(TOKEN), [Outcome::Accepted]);
        fixture.jump(END);
        assert_eq!(fixture.outcomes(TOKEN), [Outcome::Refused(Expired)]);
    }

    #[test]
    fn a_new_external_id_may_be_unknown_for_less_than_five_seconds() {
        let mut fixture = Fixture::start();
        let token = Token { issuer: 1, ..TOKEN };
        assert_eq!(fixture.outcomes(token), [Outcome::UnknownAccount]);
        let ticks = (fixture.recorder.invoke(), fixture.recorder.invoke());
        fixture.publications.name(1, ticks);
        for at in [0, 4_999] {
            fixture.jump(at);
            assert_eq!(fixture.outcomes(token), [Outcome::Accepted, Outcome::UnknownAccount], "{at}");
        }
        fixture.jump(5_000);
        assert_eq!(fixture.outcomes(token), [Outcome::Accepted]);
    }
}
