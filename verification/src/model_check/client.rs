//! A client: one operation of the store, in the steps of the store's `create`, `modify` and `decide`.

use super::{
    defects::Defect,
    request::{Kind, Request},
    table::{FailedCondition, INITIAL_OPERATION, Invitation, LIFETIME, LockWrite, Record, Status, Table, Time, Transaction, Write},
};

/// The caller's response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Response {
    /// The operation has taken effect, now or earlier.
    Success,
    /// A rule refuses it.
    Refused(Refusal),
    /// The outcome is unknown.
    Unavailable,
}

/// The rule that refuses an operation.
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

/// The data for a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct DecisionInput {
    /// The invitation as read, or as returned by a failed condition.
    row: Option<Invitation>,
    /// Whether it is believed to hold the lock.
    holds_lock: bool,
}

/// The next step of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Phase {
    /// Read the invitation.
    Read,
    /// Read the clock and decide.
    Decide(DecisionInput),
    /// Send this transaction.
    Send(DecisionInput, Transaction),
    /// Read the invitation back to find its own effect.
    ReadBack,
    /// Read the response stored under its key, which takes precedence over this one.
    ReadRecord(Response),
    /// Only with [`Defect::RecordOutsideTransaction`]: store the response.
    WriteRecord,
    Done(Response),
    Crashed,
}

/// One operation of one caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Client {
    /// Its number, which is also its operation's id.
    pub(super) number: u8,
    pub(super) request: Request,
    pub(super) phase: Phase,
    /// The remaining attempts.
    attempts_left: u8,
    /// The time at which an invitee's request arrived, which decides it.
    arrived: Option<Time>,
    /// Transactions without a final reply, which may still execute.
    pub(super) in_flight: Vec<Transaction>,
}

impl Client {
    pub(super) fn new(number: u8, request: Request, attempts: u8) -> Self {
        let nothing_read = DecisionInput { row: None, holds_lock: true };
        let phase = if request.kind == Kind::Create { Phase::Decide(nothing_read) } else { Phase::Read };
        Self { number, request, phase, attempts_left: attempts - 1, arrived: None, in_flight: Vec::new() }
    }

    fn slot(&self) -> usize {
        if self.request.kind == Kind::Create { usize::from(self.number) + 1 } else { 0 }
    }

    /// Takes a step that needs no reply.
    pub(super) fn step(&mut self, table: &mut Table, now: Time, defect: Option<Defect>) {
        let row = table.invitations[self.slot()];
        match self.phase {
            Phase::Read => self.phase = Phase::Decide(DecisionInput { row, holds_lock: true }),
            Phase::Decide(input) => self.decide(input, now, defect),
            Phase::ReadBack => {
                let own = row.is_some_and(|row| row.operations.contains(self.number));
                self.finish(if own { Response::Success } else { Response::Unavailable });
            }
            Phase::ReadRecord(response) => {
                let record = self.request.key.and_then(|key| table.records[key]);
                self.phase = Phase::Done(record.map_or(response, |record| self.replay(record)));
            }
            Phase::WriteRecord => {
                let key = self.request.key.expect("only a request with a key stores its response");
                table.records[key].get_or_insert(self.record());
                self.phase = Phase::Done(Response::Success);
            }
            Phase::Send(..) | Phase::Done(_) | Phase::Crashed => unreachable!("this phase has no step of its own"),
        }
    }

    /// Receives the table's reply to its transaction.
    pub(super) fn receive(&mut self, reply: Result<(), FailedCondition>, table: &Table, defect: Option<Defect>) {
        let Phase::Send(input, transaction) = self.phase else { unreachable!("a transaction was sent") };
        let closes = matches!(transaction.write, Write::Change { .. }) && transaction.lock == LockWrite::Release;
        match reply {
            Ok(()) if defect == Some(Defect::RecordOutsideTransaction) && self.request.key.is_some() => self.phase = Phase::WriteRecord,
            Ok(()) => self.finish(Response::Success),
            Err(FailedCondition::Invitation(row)) => {
                let own = row.is_some_and(|row| row.operations.contains(self.number)) && defect != Some(Defect::NoOwnCommitDetection);
                match (own, self.request.kind) {
                    // An invitee's request decides again, and then finds its own effect.
                    (_, Kind::Accept | Kind::Decline) => self.retry(DecisionInput { row, holds_lock: true }),
                    (true, _) => self.finish(Response::Success),
                    // With a new id it would find the lock of its own earlier attempt.
                    (false, Kind::Create) if table.lock.is_some() => self.refuse(Refusal::AlreadyInvited),
                    (false, Kind::Create) => self.finish(Response::Unavailable),
                    (false, _) => self.retry(DecisionInput { row, holds_lock: true }),
                }
            }
            Err(FailedCondition::Record(record)) => self.phase = Phase::Done(self.replay(record)),
            Err(FailedCondition::Lock) => match self.request.kind {
                Kind::Revoke if closes => self.retry(DecisionInput { holds_lock: false, ..input }),
                Kind::Accept | Kind::Decline => self.refuse(Refusal::Expired),
                Kind::Create | Kind::Resend | Kind::Revoke => self.refuse(Refusal::AlreadyInvited),
            },
            Err(FailedCondition::Quota) => self.refuse(Refusal::Quota),
        }
    }

    /// Receives a conflict. The transaction may still execute.
    pub(super) fn conflict(&mut self) {
        let Phase::Send(input, transaction) = self.phase else { unreachable!("a transaction was sent") };
        self.leave_in_flight(transaction);
        match self.attempts_left {
            0 => self.read_back(transaction),
            _ => self.retry(input),
        }
    }

    /// Receives no reply. The transaction may have executed, or may still execute.
    pub(super) fn timeout(&mut self, defect: Option<Defect>) {
        let Phase::Send(_, transaction) = self.phase else { unreachable!("a transaction was sent") };
        self.leave_in_flight(transaction);
        match self.request.kind {
            Kind::Resend | Kind::Revoke if defect == Some(Defect::RestartsAfterTimeout) && self.attempts_left > 0 => {
                self.attempts_left -= 1;
                self.phase = Phase::Read;
            }
            _ => self.read_back(transaction),
        }
    }

    /// Crashes after it has sent its transaction.
    pub(super) fn crash(&mut self) {
        let Phase::Send(_, transaction) = self.phase else { unreachable!("a transaction was sent") };
        self.leave_in_flight(transaction);
        self.phase = Phase::Crashed;
    }

    fn leave_in_flight(&mut self, transaction: Transaction) {
        self.in_flight.push(transaction);
        self.in_flight.sort_unstable();
    }

    /// Looks for the transaction's effect. A response stored without a change is only visible under its key.
    fn read_back(&mut self, transaction: Transaction) {
        let changes = !matches!(transaction.write, Write::Check { .. });
        self.phase = if changes { Phase::ReadBack } else { Phase::ReadRecord(Response::Unavailable) };
    }

    fn retry(&mut self, input: DecisionInput) {
        if self.attempts_left == 0 {
            return self.finish(Response::Unavailable);
        }
        self.attempts_left -= 1;
        self.phase = Phase::Decide(input);
    }

    fn finish(&mut self, response: Response) {
        self.phase = Phase::Done(response);
    }

    /// Refuses, unless an earlier success under the same key caused the refusal.
    fn refuse(&mut self, refusal: Refusal) {
        let refused = Response::Refused(refusal);
        self.phase = if self.request.key.is_some() { Phase::ReadRecord(refused) } else { Phase::Done(refused) };
    }

    fn record(&self) -> Record {
        Record { fingerprint: self.request.kind }
    }

    fn replay(&self, record: Record) -> Response {
        if record == self.record() { Response::Success } else { Response::Refused(Refusal::KeyReused) }
    }

    fn decide(&mut self, input: DecisionInput, now: Time, defect: Option<Defect>) {
        let number = self.number;
        if self.request.kind == Kind::Create {
            let after = Invitation::new(number, now);
            return self.send(input, Write::Create(after), now, defect);
        }
        let Some(row) = input.row else { return self.refuse(Refusal::NotFound) };
        let operations = row.operations;
        let change = |link, after: Invitation| {
            let last_only = defect == Some(Defect::LastOperationOnly);
            let operations = if last_only { Invitation::new(number, now).operations } else { after.operations };
            Write::Change { revision: row.revision, link, after: Invitation { operations, ..after } }
        };
        match self.request.kind {
            Kind::Create => unreachable!("handled above"),
            Kind::Resend => match row.status {
                Status::Accepted | Status::Declined | Status::Revoked => self.refuse(Refusal::Closed),
                Status::Pending if now < row.next_send => self.refuse(Refusal::Cooldown),
                Status::Pending => self.send(input, change(None, row.resent(number, now)), now, defect),
            },
            Kind::Revoke => match row.status {
                Status::Accepted | Status::Declined => self.refuse(Refusal::Closed),
                Status::Revoked if self.request.key.is_none() => self.finish(Response::Success),
                Status::Revoked => self.send(input, Write::Check { revision: row.revision }, now, defect),
                Status::Pending => self.send(input, change(None, row.closed(Status::Revoked, number)), now, defect),
            },
            Kind::Accept | Kind::Decline => {
                let now = if defect == Some(Defect::ClockReadAgain) { now } else { *self.arrived.get_or_insert(now) };
                let wanted = if self.request.kind == Kind::Accept { Status::Accepted } else { Status::Declined };
                let own = operations.contains(number) && defect != Some(Defect::NoOwnCommitDetection);
                match row.status {
                    _ if row.link != INITIAL_OPERATION => self.refuse(Refusal::NotFound),
                    _ if own => self.finish(Response::Success),
                    Status::Pending if row.expiry <= now => self.refuse(Refusal::Expired),
                    Status::Pending => self.send(input, change(Some(row.link), row.closed(wanted, number)), now, defect),
                    status if status == wanted => self.finish(Response::Success),
                    _ => self.refuse(Refusal::Closed),
                }
            }
        }
    }

    fn send(&mut self, input: DecisionInput, write: Write, decided_at: Time, defect: Option<Defect>) {
        let in_transaction = defect != Some(Defect::RecordOutsideTransaction);
        let sends = matches!(self.request.kind, Kind::Create | Kind::Resend);
        let lock = match write {
            Write::Check { .. } => LockWrite::Leave,
            Write::Create(_) | Write::Change { .. } if sends => LockWrite::Take { expiry: decided_at + LIFETIME, now: decided_at },
            Write::Create(_) | Write::Change { .. } if input.holds_lock => LockWrite::Release,
            Write::Create(_) | Write::Change { .. } => LockWrite::Leave,
        };
        let record = self.request.key.filter(|_| in_transaction).map(|key| (key, self.record()));
        self.phase = Phase::Send(input, Transaction { slot: self.slot(), write, record, lock, counts_send: sends, decided_at });
    }
}
