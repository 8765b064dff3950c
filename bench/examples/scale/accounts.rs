//! Who is in the account: what the steps pick from, and what their answers are checked against.

use shared::domain::{
    InvitationId, State, Timestamp,
    page::{Cursor, Filter},
};

use crate::{
    population::{Population, Sketch},
    rng::Rng,
};

/// The page that is looked for deep in a list. Its cursor stands 249,975 invitations deep.
const DEEP_PAGE: usize = 10_000;
/// Invitations on a page when the caller does not say.
pub(crate) const PAGE: usize = 25;

/// The invitations of the account in one table.
#[derive(Debug)]
pub(crate) struct Accounts {
    population: Population,
    size: u64,
    /// Ids, newest first: the order of the list.
    newest: Vec<InvitationId>,
    /// Expiries and ids of the open ones, soonest first: the order of `state=invited`.
    soonest: Vec<(u64, InvitationId)>,
    /// Numbers of the open ones in no order.
    open: Vec<u32>,
}

impl Accounts {
    /// Counts through the first `size` of a population.
    pub(crate) fn take(population: Population, size: u64) -> Self {
        let mut accounts = Self { population, size, newest: Vec::new(), soonest: Vec::new(), open: Vec::new() };
        for number in 0..size {
            let sketch = accounts.population.sketch(number);
            accounts.newest.push(sketch.id);
            if sketch.state == State::Invited {
                accounts.soonest.push((sketch.expiry, sketch.id));
                accounts.open.push(number as u32);
            }
        }
        accounts.newest.sort_unstable_by(|one, other| other.cmp(one));
        accounts.soonest.sort_unstable();
        accounts
    }

    /// How many invitations the account has.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Any invitation, another for each turn.
    pub(crate) fn any(&self, turn: u64) -> Sketch {
        self.population.sketch(Rng::of(turn).below(self.size))
    }

    /// An open invitation, never the same for two turns that are less apart than there are open ones.
    pub(crate) fn any_open(&self, turn: u64) -> Sketch {
        // The numbers are random already; a stride spreads the turns over all of them.
        let stride = (self.open.len() as u64 / 600).max(1);
        let place = (turn * stride) % self.open.len() as u64;
        self.population.sketch(u64::from(self.open[place as usize]))
    }

    /// How many of them are open.
    pub(crate) fn open(&self) -> u64 {
        self.open.len() as u64
    }

    /// The ids of the first page, newest first.
    pub(crate) fn first_page(&self) -> &[InvitationId] {
        &self.newest[..PAGE]
    }

    /// How many invitations stand before the deepest page that is looked at: page 10,000, or the last but one.
    pub(crate) fn depth(&self) -> usize {
        deepest(self.newest.len())
    }

    /// The cursor of that page, and the page.
    pub(crate) fn deep_page(&self) -> (String, &[InvitationId]) {
        let depth = self.depth();
        let cursor = Cursor { id: self.newest[depth - 1], time: Timestamp::ZERO, as_of: Timestamp::ZERO };
        (cursor.encode(self.population.who().account(), &Filter::default()), &self.newest[depth..depth + PAGE])
    }

    /// The same for `state=invited`.
    pub(crate) fn deep_invited_page(&self, now: Timestamp) -> (String, Vec<InvitationId>) {
        let depth = deepest(self.soonest.len());
        let (expiry, id) = self.soonest[depth - 1];
        let time = Timestamp::from_millis(expiry as i64).unwrap_or(Timestamp::ZERO);
        let filter = Filter { state: Some(State::Invited), ..Default::default() };
        let cursor = Cursor { id, time, as_of: now };
        let page = self.soonest[depth..depth + PAGE].iter().map(|(_, id)| *id).collect();
        (cursor.encode(self.population.who().account(), &filter), page)
    }
}

/// What stands before the deepest full page that another follows, at most page 10,000.
fn deepest(rows: usize) -> usize {
    ((rows - 1) / PAGE).min(DEEP_PAGE).saturating_sub(1) * PAGE
}

#[cfg(test)]
mod tests {
    use super::deepest;

    #[test]
    fn behind_the_deepest_page_there_is_another() {
        assert_eq!(deepest(1_000), 38 * 25);
        assert_eq!(deepest(1_001), 39 * 25);
        assert_eq!(deepest(1_000_000), 9_999 * 25);
    }
}
