//! The invitations of the account, from which steps pick and with which responses are compared.

use shared::domain::{
    InvitationId, State, Timestamp,
    page::{Cursor, Filter, List},
};

use crate::{
    population::{Population, Spec},
    rng::Rng,
};

/// The number of the deep page of a list. It starts after 249,975 invitations.
const DEEP_PAGE: usize = 10_000;
/// The default page size.
pub(crate) const PAGE: usize = 25;

/// The invitations of the account in one table.
#[derive(Debug)]
pub(crate) struct Account {
    population: Population,
    size: u64,
    /// IDs, newest first, as in the list.
    newest: Vec<InvitationId>,
    /// Expiries and IDs of open invitations, soonest first, as for `state=invited`.
    soonest: Vec<(u64, InvitationId)>,
    /// Numbers of open invitations.
    open: Vec<u32>,
}

impl Account {
    /// The account with the first `size` invitations of a population.
    pub(crate) fn new(population: Population, size: u64) -> Self {
        let mut account = Self { population, size, newest: Vec::new(), soonest: Vec::new(), open: Vec::new() };
        for number in 0..size {
            let spec = account.population.spec(number);
            account.newest.push(spec.id);
            if spec.state == State::Invited {
                account.soonest.push((spec.expiry, spec.id));
                account.open.push(number as u32);
            }
        }
        account.newest.sort_unstable_by(|one, other| other.cmp(one));
        account.soonest.sort_unstable();
        account
    }

    /// The number of invitations.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// A random invitation for each turn.
    pub(crate) fn any(&self, turn: u64) -> Spec {
        self.population.spec(Rng::of(turn).below(self.size))
    }

    /// An open invitation for each turn, without repetition until all were used.
    pub(crate) fn any_open(&self, turn: u64) -> Spec {
        // The order is already random; a stride spreads the turns over all invitations.
        let stride = (self.open.len() as u64 / 600).max(1);
        let index = (turn * stride) % self.open.len() as u64;
        self.population.spec(u64::from(self.open[index as usize]))
    }

    /// The number of open invitations.
    pub(crate) fn open(&self) -> u64 {
        self.open.len() as u64
    }

    /// The IDs of the first page.
    pub(crate) fn first_page(&self) -> &[InvitationId] {
        &self.newest[..PAGE]
    }

    /// The number of invitations before the deep page, which is page 10,000 or the last but one.
    pub(crate) fn depth(&self) -> usize {
        deepest(self.newest.len())
    }

    /// The cursor of that page, and the page.
    pub(crate) fn deep_page(&self) -> (String, &[InvitationId]) {
        let depth = self.depth();
        let cursor = Cursor { id: self.newest[depth - 1], time: Timestamp::ZERO, as_of: Timestamp::ZERO, rest: String::new() };
        let list = List::new(Filter::default(), None);
        (cursor.encode(self.population.who().account(), &list), &self.newest[depth..depth + PAGE])
    }

    /// The same for `state=invited`.
    pub(crate) fn deep_invited_page(&self, now: Timestamp) -> (String, Vec<InvitationId>) {
        let depth = deepest(self.soonest.len());
        let (expiry, id) = self.soonest[depth - 1];
        let time = Timestamp::from_millis(expiry as i64).unwrap_or(Timestamp::ZERO);
        let list = List::new(Filter { state: Some(State::Invited), ..Default::default() }, None);
        let cursor = Cursor { id, time, as_of: now, rest: String::new() };
        let page = self.soonest[depth..depth + PAGE].iter().map(|(_, id)| *id).collect();
        (cursor.encode(self.population.who().account(), &list), page)
    }
}

/// The number of rows before the last full page that has a next one, at most page 10,000.
fn deepest(rows: usize) -> usize {
    ((rows - 1) / PAGE).min(DEEP_PAGE).saturating_sub(1) * PAGE
}

#[cfg(test)]
mod tests {
    use super::deepest;

    #[test]
    fn the_deepest_page_has_a_next_one() {
        assert_eq!(deepest(1_000), 38 * 25);
        assert_eq!(deepest(1_001), 39 * 25);
        assert_eq!(deepest(1_000_000), 9_999 * 25);
    }
}
