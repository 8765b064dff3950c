//! A client: one operation of the store, step by step, as `create`, `modify` and `answer` carry it out.

use super::{
    defects::Defect,
    request::{Kind, Request},
    table::{BEFORE, Hold, Invitation, Kept, LIFETIME, Refused, Status, Table, Time, Transaction, Write},
};

/// What the caller is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Answer {
    /// It is done, or was before.
    Success,
    /// The model refuses.
    Refused(Refusal),
    /// The table is not available: perhaps it was done.
    Unavailable,
}

/// Why the model refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Refusal {
    NotFound,
    Closed,
    Expired,
    Cooldown,
    AlreadyInvited,
    Quota,
    KeyReused,
}

/// What a decision is made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Ground {
    /// The invitation as it was read, or as it was when it refused.
    row: Option<Invitation>,
    /// Whether it seems to hold the lock.
    holds_lock: bool,
}

/// Where an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Phase {
    /// It reads the invitation next.
    Read,
    /// It looks at the clock and decides.
    Decide(Ground),
    /// It sends this transaction.
    Send(Ground, Transaction),
    /// It looks for its own effect.
    Look,
    /// It looks for the answer under its key, before it gives this one.
    Recall(Answer),
    /// Only with [`Defect::KeptOutside`]: it keeps its answer.
    Keep,
    Done(Answer),
    Crashed,
}

/// One operation of one caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Client {
    /// Its number, and that of its operation.
    pub(super) number: u8,
    pub(super) request: Request,
    pub(super) phase: Phase,
    /// How many attempts are left.
    left: u8,
    /// The time by which an invitee's answer is judged.
    arrived: Option<Time>,
    /// Attempts that the client has given up on, and that may still be carried out.
    pub(super) astray: Vec<Transaction>,
}

impl Client {
    pub(super) fn new(number: u8, request: Request, attempts: u8) -> Self {
        let nothing_read = Ground { row: None, holds_lock: true };
        let phase = if request.kind == Kind::Create { Phase::Decide(nothing_read) } else { Phase::Read };
        Self { number, request, phase, left: attempts - 1, arrived: None, astray: Vec::new() }
    }

    fn place(&self) -> usize {
        if self.request.kind == Kind::Create { usize::from(self.number) + 1 } else { 0 }
    }

    /// The next step of what it does by itself.
    pub(super) fn step(&mut self, table: &mut Table, now: Time, defect: Option<Defect>) {
        let row = table.invitations[self.place()];
        match self.phase {
            Phase::Read => self.phase = Phase::Decide(Ground { row, holds_lock: true }),
            Phase::Decide(ground) => self.decide(ground, now, defect),
            Phase::Look => {
                let own = row.is_some_and(|row| row.operations.contains(self.number));
                self.finish(if own { Answer::Success } else { Answer::Unavailable });
            }
            Phase::Recall(answer) => {
                let kept = self.request.key.and_then(|key| table.kept[key]);
                self.phase = Phase::Done(kept.map_or(answer, |kept| self.replay(kept)));
            }
            Phase::Keep => {
                let key = self.request.key.expect("only who has a key keeps an answer");
                table.kept[key].get_or_insert(self.kept());
                self.phase = Phase::Done(Answer::Success);
            }
            Phase::Send(..) | Phase::Done(_) | Phase::Crashed => unreachable!("not a step of its own"),
        }
    }

    /// The table's answer to its transaction has come.
    pub(super) fn hear(&mut self, reply: Result<(), Refused>, table: &Table, defect: Option<Defect>) {
        let Phase::Send(ground, transaction) = self.phase else { unreachable!("it has sent one") };
        let closes = matches!(transaction.write, Write::Change { .. }) && transaction.lock == Hold::Release;
        match reply {
            Ok(()) if defect == Some(Defect::KeptOutside) && self.request.key.is_some() => self.phase = Phase::Keep,
            Ok(()) => self.finish(Answer::Success),
            Err(Refused::Invitation(row)) => {
                let own = row.is_some_and(|row| row.operations.contains(self.number)) && defect != Some(Defect::NoSelfRecognition);
                match (own, self.request.kind) {
                    // The holder of a link decides again, and finds it then.
                    (_, Kind::Accept | Kind::Decline) => self.again(Ground { row, holds_lock: true }),
                    (true, _) => self.finish(Answer::Success),
                    // Under another id it meets the lock that it has taken itself.
                    (false, Kind::Create) if table.lock.is_some() => self.refuse(Refusal::AlreadyInvited),
                    (false, Kind::Create) => self.finish(Answer::Unavailable),
                    (false, _) => self.again(Ground { row, holds_lock: true }),
                }
            }
            Err(Refused::Kept(kept)) => self.phase = Phase::Done(self.replay(kept)),
            Err(Refused::Lock) => match self.request.kind {
                Kind::Revoke if closes => self.again(Ground { holds_lock: false, ..ground }),
                Kind::Accept | Kind::Decline => self.refuse(Refusal::Expired),
                Kind::Create | Kind::Resend | Kind::Revoke => self.refuse(Refusal::AlreadyInvited),
            },
            Err(Refused::Quota) => self.refuse(Refusal::Quota),
        }
    }

    /// A conflict was reported. What was sent may be carried out all the same.
    pub(super) fn conflict(&mut self) {
        let Phase::Send(ground, transaction) = self.phase else { unreachable!("it has sent one") };
        self.stray(transaction);
        match self.left {
            0 => self.look(transaction),
            _ => self.again(ground),
        }
    }

    /// No reply came. What was sent may be carried out, or may have been.
    pub(super) fn silence(&mut self, defect: Option<Defect>) {
        let Phase::Send(_, transaction) = self.phase else { unreachable!("it has sent one") };
        self.stray(transaction);
        match self.request.kind {
            Kind::Resend | Kind::Revoke if defect == Some(Defect::ForgetsItselfInSilence) && self.left > 0 => {
                self.left -= 1;
                self.phase = Phase::Read;
            }
            _ => self.look(transaction),
        }
    }

    /// It dies when it has sent its transaction.
    pub(super) fn crash(&mut self) {
        let Phase::Send(_, transaction) = self.phase else { unreachable!("it has sent one") };
        self.stray(transaction);
        self.phase = Phase::Crashed;
    }

    fn stray(&mut self, transaction: Transaction) {
        self.astray.push(transaction);
        self.astray.sort_unstable();
    }

    /// An answer that was kept without a change leaves its only trace under its key.
    fn look(&mut self, transaction: Transaction) {
        let changes = !matches!(transaction.write, Write::Check { .. });
        self.phase = if changes { Phase::Look } else { Phase::Recall(Answer::Unavailable) };
    }

    fn again(&mut self, ground: Ground) {
        if self.left == 0 {
            return self.finish(Answer::Unavailable);
        }
        self.left -= 1;
        self.phase = Phase::Decide(ground);
    }

    fn finish(&mut self, answer: Answer) {
        self.phase = Phase::Done(answer);
    }

    /// A refusal may be the consequence of an earlier success under the same key.
    fn refuse(&mut self, refusal: Refusal) {
        let refused = Answer::Refused(refusal);
        self.phase = if self.request.key.is_some() { Phase::Recall(refused) } else { Phase::Done(refused) };
    }

    fn kept(&self) -> Kept {
        Kept { fingerprint: self.request.kind }
    }

    fn replay(&self, kept: Kept) -> Answer {
        if kept == self.kept() { Answer::Success } else { Answer::Refused(Refusal::KeyReused) }
    }

    fn decide(&mut self, ground: Ground, now: Time, defect: Option<Defect>) {
        let number = self.number;
        if self.request.kind == Kind::Create {
            let after = Invitation::new(number, now);
            return self.send(ground, Write::Create(after), now, defect);
        }
        let Some(row) = ground.row else { return self.refuse(Refusal::NotFound) };
        let operations = row.operations;
        let change = |link, after: Invitation| {
            let forgets = defect == Some(Defect::LastOperationOnly);
            let operations = if forgets { Invitation::new(number, now).operations } else { after.operations };
            Write::Change { revision: row.revision, link, after: Invitation { operations, ..after } }
        };
        match self.request.kind {
            Kind::Create => unreachable!("decided above"),
            Kind::Resend => match row.status {
                Status::Accepted | Status::Declined | Status::Revoked => self.refuse(Refusal::Closed),
                Status::Pending if now < row.next_send => self.refuse(Refusal::Cooldown),
                Status::Pending => self.send(ground, change(None, row.resent(number, now)), now, defect),
            },
            Kind::Revoke => match row.status {
                Status::Accepted | Status::Declined => self.refuse(Refusal::Closed),
                Status::Revoked if self.request.key.is_none() => self.finish(Answer::Success),
                Status::Revoked => self.send(ground, Write::Check { revision: row.revision }, now, defect),
                Status::Pending => self.send(ground, change(None, row.closed(Status::Revoked, number)), now, defect),
            },
            Kind::Accept | Kind::Decline => {
                let now = if defect == Some(Defect::ClockMovesOn) { now } else { *self.arrived.get_or_insert(now) };
                let wanted = if self.request.kind == Kind::Accept { Status::Accepted } else { Status::Declined };
                let recognised = operations.contains(number) && defect != Some(Defect::NoSelfRecognition);
                match row.status {
                    _ if row.link != BEFORE => self.refuse(Refusal::NotFound),
                    _ if recognised => self.finish(Answer::Success),
                    Status::Pending if row.expiry <= now => self.refuse(Refusal::Expired),
                    Status::Pending => self.send(ground, change(Some(row.link), row.closed(wanted, number)), now, defect),
                    status if status == wanted => self.finish(Answer::Success),
                    _ => self.refuse(Refusal::Closed),
                }
            }
        }
    }

    fn send(&mut self, ground: Ground, write: Write, decided: Time, defect: Option<Defect>) {
        let keeps = defect != Some(Defect::KeptOutside);
        let sends = matches!(self.request.kind, Kind::Create | Kind::Resend);
        let lock = match write {
            Write::Check { .. } => Hold::Leave,
            Write::Create(_) | Write::Change { .. } if sends => Hold::Take { expiry: decided + LIFETIME, now: decided },
            Write::Create(_) | Write::Change { .. } if ground.holds_lock => Hold::Release,
            Write::Create(_) | Write::Change { .. } => Hold::Leave,
        };
        let keep = self.request.key.filter(|_| keeps).map(|key| (key, self.kept()));
        self.phase = Phase::Send(ground, Transaction { place: self.place(), write, keep, lock, charge: sends, decided });
    }
}
