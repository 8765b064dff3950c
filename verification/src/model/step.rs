//! The effect of one operation on the state of an account.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    operations::{Access, Action, Caller, Closing, InviteeAction, Operation, Request},
    responses::{Expected, Refusal},
    state::{BulkRecord, Handle, Invitation, Limits, Lock, Millis, RecordKey, RowResult, State, StoredResponse},
};

/// The limits of a requested expiry, from now on.
const MIN_LIFETIME: Millis = 3_600_000;
const MAX_LIFETIME: Millis = 30 * 86_400_000;

/// Where the record of a bulk is stored.
fn bulk_key(caller: &Caller, key: &Arc<str>) -> RecordKey {
    (Arc::clone(&caller.urn), "bulk", Arc::clone(key))
}

impl State {
    /// The state after `operation` at `now`, and the response that its caller must receive. `handle` names the invitation that it
    /// may create.
    #[must_use]
    pub fn step(&self, operation: &Operation, handle: Handle, now: Millis, limits: &Limits) -> (Self, Expected) {
        let mut after = self.clone();
        let expected = match operation {
            Operation::Request { caller, .. } if !caller.may_write => Refusal::Forbidden.into(),
            Operation::Request { caller, request, key } => after.request(caller, request, key.as_ref(), handle, now, limits),
            Operation::Row { caller, .. } if !caller.may_write => Refusal::Forbidden.into(),
            Operation::Row { caller, email, key } => after.row(caller, email, key.as_ref(), handle, now, limits),
            Operation::Describe { id } => match self.by_id(id) {
                Some(handle) => Expected::shown(200, self.view(handle, now)),
                None => Refusal::NotFound.into(),
            },
            Operation::Invitee { action, id, access } => after.act_as_invitee(*action, id, access, now),
            Operation::ListOwn { email } => Expected::Own(self.open(email, now).map(|handle| self.view(handle, now))),
        };
        (after, expected)
    }

    /// The possible states after `operation`, as in [`State::step`]. One without a response may have been interrupted: a bulk then has
    /// written its record, but perhaps not decided this row.
    #[must_use]
    pub fn steps(&self, operation: &Operation, handle: Handle, now: Millis, limits: &Limits, responded: bool) -> Vec<(Self, Expected)> {
        let done = self.step(operation, handle, now, limits);
        match operation {
            Operation::Row { caller, key: Some(key), .. } if !responded && caller.may_write => {
                let mut interrupted = self.clone();
                interrupted.bulk_record(&bulk_key(caller, key), now, limits);
                vec![(interrupted, done.1.clone()), done]
            }
            _ => vec![done],
        }
    }

    /// One row of a bulk. With a key, a stored result comes first.
    fn row(&mut self, caller: &Caller, email: &Arc<str>, key: Option<&Arc<str>>, handle: Handle, now: Millis, limits: &Limits) -> Expected {
        let stored = key.map(|key| (bulk_key(caller, key), Arc::clone(email)));
        if let Some((key, email)) = &stored
            && let Some((result, _)) = self.bulk_record(key, now, limits).rows.get(email)
        {
            return Expected::Row(result.clone(), stored);
        }
        let result = match self.create(caller, email, false, handle, now, limits) {
            Ok((_, handle)) => RowResult::Created(self.view(handle, now)),
            Err(refusal) => RowResult::Refused(refusal),
        };
        if let Some((key, email)) = &stored {
            self.bulk_record(key, now, limits).rows.insert(Arc::clone(email), (result.clone(), None));
        }
        Expected::Row(result, stored)
    }

    /// The record of a bulk, or a new one.
    fn bulk_record(&mut self, key: &RecordKey, now: Millis, limits: &Limits) -> &mut BulkRecord {
        let fresh = BulkRecord { until: now + limits.response_ttl, rows: BTreeMap::new() };
        let record = self.bulks.entry(key.clone()).or_insert_with(|| fresh.clone());
        if record.until <= now {
            *record = fresh;
        }
        record
    }

    /// A request that may carry an idempotency key: a stored response comes first.
    fn request(
        &mut self,
        caller: &Caller,
        request: &Request,
        key: Option<&Arc<str>>,
        handle: Handle,
        now: Millis,
        limits: &Limits,
    ) -> Expected {
        let record_key = key.map(|key| (Arc::clone(&caller.urn), request.route(), Arc::clone(key)));
        if let Some(record_key) = &record_key
            && let Some(stored) = self.stored.get(record_key).filter(|stored| stored.until > now)
        {
            return if stored.request == *request { self.replay(stored, record_key) } else { Refusal::KeyReused.into() };
        }
        let done = match request {
            Request::Create { email, link } => self.create(caller, email, *link, handle, now, limits),
            Request::Modify { id, action } => self.modify(id, *action, now, limits),
        };
        match done {
            Err(refusal) => refusal.into(),
            Ok((status, handle)) => {
                let view = self.view(handle, now);
                let link = request.returns_link();
                if let Some(record_key) = &record_key {
                    let stored = StoredResponse {
                        request: request.clone(),
                        view: view.clone(),
                        status,
                        link: link.then(|| self.invitations[&handle].sends),
                        text: None,
                        until: now + limits.response_ttl,
                    };
                    self.stored.insert(record_key.clone(), stored);
                }
                Expected::ForAccount { status, view, link, replayed: false, stored: record_key }
            }
        }
    }

    /// The replay of a stored response. Its link is in it as long as it is the invitation's.
    fn replay(&self, response: &StoredResponse, key: &RecordKey) -> Expected {
        let current = self.invitations.get(&response.view.handle).map(|it| it.sends);
        let link = response.link.is_some() && response.link == current;
        Expected::ForAccount { status: response.status, view: response.view.clone(), link, replayed: true, stored: Some(key.clone()) }
    }

    fn create(
        &mut self,
        caller: &Caller,
        email: &Arc<str>,
        link_only: bool,
        handle: Handle,
        now: Millis,
        limits: &Limits,
    ) -> Result<(u16, Handle), Refusal> {
        self.require_unlocked(email, None, now)?;
        self.consume_quota(now, limits)?;
        let expiry = now / 1000 * 1000 + limits.lifetime;
        let invitation = Invitation {
            id: None,
            email: Arc::clone(email),
            inviter: Arc::clone(&caller.urn),
            role: "full-access".into(),
            updates: 0,
            closed: None,
            created: now,
            modified: now,
            expiry,
            sent: now,
            sends: 1,
            accepted_by: None,
            link: None,
            link_only,
        };
        self.invitations.insert(handle, invitation);
        self.locks.insert(Arc::clone(email), Lock { holder: handle, until: expiry });
        Ok((201, handle))
    }

    fn modify(&mut self, id: &str, action: Action, now: Millis, limits: &Limits) -> Result<(u16, Handle), Refusal> {
        let handle = self.by_id(id).ok_or(Refusal::NotFound)?;
        let invitation = self.invitations[&handle].clone();
        let open = invitation.expiry > now;
        match (invitation.closed, action) {
            (Some(Closing::Revoked), Action::Revoke) => Ok((200, handle)),
            (Some(closing), _) => Err(Refusal::Closed(closing)),
            (None, Action::Invite) if open => Ok((200, handle)),
            (None, Action::Revoke) => {
                self.close(handle, Closing::Revoked, now);
                Ok((200, handle))
            }
            (None, Action::Update(role, expiry)) if open => self.update(handle, &invitation, role, expiry, now),
            (None, Action::Update(..)) => Err(Refusal::Expired),
            (None, Action::Resend | Action::NewLink | Action::Invite) => {
                self.send(handle, &invitation, action == Action::NewLink, now, limits)
            }
        }
    }

    fn send(
        &mut self,
        handle: Handle,
        invitation: &Invitation,
        link_only: bool,
        now: Millis,
        limits: &Limits,
    ) -> Result<(u16, Handle), Refusal> {
        if invitation.sends >= limits.max_sends {
            return Err(Refusal::MaxSends);
        }
        let ready = invitation.sent + limits.cooldown;
        if now < ready {
            // Waiting for Retry-After must be sufficient.
            let (start, used) = self.window(now, limits);
            let longer = limits.quota.is_some_and(|quota| used >= quota) && start + limits.window > ready;
            return Err(if longer { Refusal::Quota(start + limits.window - now) } else { Refusal::Cooldown(ready - now) });
        }
        self.require_unlocked(&invitation.email, Some(handle), now)?;
        self.consume_quota(now, limits)?;
        let at = now.max(invitation.modified);
        let expiry = at / 1000 * 1000 + limits.lifetime;
        let sends = invitation.sends + 1;
        let sent = Invitation { modified: at, expiry, sent: at, sends, link: None, link_only, ..invitation.clone() };
        self.invitations.insert(handle, sent);
        self.locks.insert(Arc::clone(&invitation.email), Lock { holder: handle, until: expiry });
        Ok((200, handle))
    }

    fn update(
        &mut self,
        handle: Handle,
        invitation: &Invitation,
        role: &str,
        expiry: Option<Millis>,
        now: Millis,
    ) -> Result<(u16, Handle), Refusal> {
        let expiry = expiry.unwrap_or(invitation.expiry);
        if *role == *invitation.role && expiry == invitation.expiry {
            return Ok((200, handle));
        }
        let earliest = now / 1000 * 1000 + MIN_LIFETIME;
        if expiry != invitation.expiry && !(earliest..=now / 1000 * 1000 + MAX_LIFETIME).contains(&expiry) {
            return Err(Refusal::Expiry);
        }
        if invitation.updates >= 10 {
            return Err(Refusal::MaxUpdates);
        }
        if expiry != invitation.expiry {
            self.require_unlocked(&invitation.email, Some(handle), now)?;
            self.locks.insert(Arc::clone(&invitation.email), Lock { holder: handle, until: expiry });
        }
        let updated = Invitation {
            role: role.into(),
            expiry,
            updates: invitation.updates + 1,
            modified: now.max(invitation.modified),
            ..invitation.clone()
        };
        self.invitations.insert(handle, updated);
        Ok((200, handle))
    }

    fn act_as_invitee(&mut self, action: InviteeAction, id: &str, access: &Access, now: Millis) -> Expected {
        let opened = self.by_id(id).filter(|handle| match access {
            Access::Link(link, _) => self.invitations[handle].link.as_ref() == Some(link),
            Access::Address(_) => true,
        });
        let Some(handle) = opened else { return Refusal::NotFound.into() };
        let invitation = &self.invitations[&handle];
        let Some(closing) = action.closing() else { return Expected::ForInvitee(self.view(handle, now)) };
        if access.invitee().is_some_and(|invitee| invitee.email != invitation.email) {
            return Refusal::WrongInvitee.into();
        }
        let accepted_by = access.invitee().filter(|_| closing == Closing::Accepted).map(|invitee| Arc::clone(&invitee.urn));
        let is_another_person = accepted_by.is_some() && accepted_by != invitation.accepted_by;
        match invitation.closed {
            Some(before) if before == closing && !is_another_person => {}
            Some(before) => return Refusal::Closed(before).into(),
            // An invitation without its lock has expired, regardless of clocks.
            None if invitation.expiry <= now => return Refusal::Expired.into(),
            None if matches!(action, InviteeAction::AcceptRole(shown) if *shown != *invitation.role) => return Refusal::RoleChanged.into(),
            None if !self.holds_lock(handle) => return Refusal::Expired.into(),
            None => {
                self.close(handle, closing, now);
                self.invitations.get_mut(&handle).expect("the invitation exists").accepted_by = accepted_by;
            }
        }
        Expected::ForInvitee(self.view(handle, now))
    }

    /// The open invitation of an address.
    fn open(&self, email: &str, now: Millis) -> Option<Handle> {
        let holder = self.locks.get(email).map(|lock| lock.holder)?;
        let invitation = self.invitations.get(&holder)?;
        (invitation.closed.is_none() && invitation.expiry > now).then_some(holder)
    }

    fn close(&mut self, handle: Handle, closing: Closing, now: Millis) {
        if self.holds_lock(handle) {
            self.locks.remove(&self.invitations[&handle].email);
        }
        let invitation = self.invitations.get_mut(&handle).expect("the invitation exists");
        invitation.closed = Some(closing);
        invitation.modified = now.max(invitation.modified);
    }

    fn holds_lock(&self, handle: Handle) -> bool {
        self.locks.get(&self.invitations[&handle].email).is_some_and(|lock| lock.holder == handle)
    }

    /// Refuses unless the address is unlocked or locked by `own`.
    fn require_unlocked(&self, email: &str, own: Option<Handle>, now: Millis) -> Result<(), Refusal> {
        match self.locks.get(email) {
            Some(lock) if lock.until > now && Some(lock.holder) != own => Err(Refusal::AlreadyInvited(lock.holder)),
            _ => Ok(()),
        }
    }

    fn window(&self, now: Millis, limits: &Limits) -> (Millis, u32) {
        let start = now / limits.window * limits.window;
        (start, self.used.get(&start).copied().unwrap_or(0))
    }

    fn consume_quota(&mut self, now: Millis, limits: &Limits) -> Result<(), Refusal> {
        let Some(quota) = limits.quota else { return Ok(()) };
        let (start, used) = self.window(now, limits);
        if used >= quota {
            return Err(Refusal::Quota(start + limits.window - now));
        }
        self.used.insert(start, used + 1);
        Ok(())
    }

    /// Removes everything that TTL may have purged by `now`.
    #[must_use]
    pub fn purged(&self, now: Millis, limits: &Limits) -> Self {
        let mut after = self.clone();
        after.invitations.retain(|_, it| {
            let over = if it.closed.is_some() { it.modified } else { it.expiry };
            (over + limits.retention) / 1000 >= now / 1000
        });
        after.locks.retain(|_, lock| lock.until > now);
        after.stored.retain(|_, stored| stored.until > now);
        after.bulks.retain(|_, record| record.until > now);
        after.used.retain(|start, _| start + limits.window > now);
        after
    }
}
