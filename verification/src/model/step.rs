//! What one operation does to the state of an account.

use std::sync::Arc;

use super::{
    answers::{Expected, Refusal},
    operations::{Action, Answer, Closing, Operation, Request},
    state::{Invitation, Kept, Limits, Lock, Millis, Name, State},
};

impl State {
    /// What `operation` makes of the state at `now`, and what its caller is to be told. `name` is what an invitation is called that
    /// it makes.
    #[must_use]
    pub fn step(&self, operation: &Operation, name: Name, now: Millis, limits: &Limits) -> (Self, Expected) {
        let mut after = self.clone();
        let expected = match operation {
            Operation::Request { request, key } => after.request(request, key.as_ref(), name, now, limits),
            Operation::Describe { id } => match self.by_id(id) {
                Some(name) => Expected::shown(200, self.view(name, now)),
                None => Refusal::NotFound.into(),
            },
            Operation::Hold { answer, id, link } => after.hold(*answer, id, link, now),
        };
        (after, expected)
    }

    /// A request that may carry an idempotency key: what was kept comes before all else.
    fn request(&mut self, request: &Request, key: Option<&Arc<str>>, name: Name, now: Millis, limits: &Limits) -> Expected {
        let place = key.map(|key| (request.route(), Arc::clone(key)));
        if let Some(place) = &place
            && let Some(kept) = self.kept.get(place).filter(|kept| kept.until > now)
        {
            return if kept.request == *request { Expected::replay(kept, place.clone()) } else { Refusal::KeyReused.into() };
        }
        let done = match request {
            Request::Create { email } => self.create(email, name, now, limits),
            Request::Modify { id, action } => self.modify(id, *action, now, limits),
        };
        match done {
            Err(refusal) => refusal.into(),
            Ok((status, name)) => {
                let view = self.view(name, now);
                if let Some(place) = &place {
                    let kept = Kept { request: request.clone(), view: view.clone(), status, text: None, until: now + limits.kept };
                    self.kept.insert(place.clone(), kept);
                }
                Expected::Shown { status, view, replayed: false, kept: place }
            }
        }
    }

    fn create(&mut self, email: &Arc<str>, name: Name, now: Millis, limits: &Limits) -> Result<(u16, Name), Refusal> {
        self.free(email, None, now)?;
        self.consume_quota(now, limits)?;
        let expiry = now / 1000 * 1000 + limits.lifetime;
        let invitation = Invitation {
            id: None,
            email: Arc::clone(email),
            closed: None,
            created: now,
            modified: now,
            expiry,
            sent: now,
            sends: 1,
            link: None,
        };
        self.invitations.insert(name, invitation);
        self.locks.insert(Arc::clone(email), Lock { holder: name, until: expiry });
        Ok((201, name))
    }

    fn modify(&mut self, id: &str, action: Action, now: Millis, limits: &Limits) -> Result<(u16, Name), Refusal> {
        let name = self.by_id(id).ok_or(Refusal::NotFound)?;
        let invitation = self.invitations[&name].clone();
        let open = invitation.expiry > now;
        match (invitation.closed, action) {
            (Some(Closing::Revoked), Action::Revoke) => Ok((200, name)),
            (Some(closing), _) => Err(Refusal::Closed(closing)),
            (None, Action::Invite) if open => Ok((200, name)),
            (None, Action::Revoke) => {
                self.close(name, Closing::Revoked, now);
                Ok((200, name))
            }
            (None, Action::Resend | Action::Invite) => self.send(name, &invitation, now, limits),
        }
    }

    fn send(&mut self, name: Name, invitation: &Invitation, now: Millis, limits: &Limits) -> Result<(u16, Name), Refusal> {
        if invitation.sends >= limits.max_sends {
            return Err(Refusal::MaxSends);
        }
        let ready = invitation.sent + limits.cooldown;
        if now < ready {
            // Whoever waits as long as he is told is to succeed.
            let (start, used) = self.window(now, limits);
            let longer = limits.quota.is_some_and(|quota| used >= quota) && start + limits.window > ready;
            return Err(if longer { Refusal::Quota(start + limits.window - now) } else { Refusal::Cooldown(ready - now) });
        }
        self.free(&invitation.email, Some(name), now)?;
        self.consume_quota(now, limits)?;
        let at = now.max(invitation.modified);
        let expiry = at / 1000 * 1000 + limits.lifetime;
        let sent = Invitation { modified: at, expiry, sent: at, sends: invitation.sends + 1, link: None, ..invitation.clone() };
        self.invitations.insert(name, sent);
        self.locks.insert(Arc::clone(&invitation.email), Lock { holder: name, until: expiry });
        Ok((200, name))
    }

    fn hold(&mut self, answer: Answer, id: &str, link: &str, now: Millis) -> Expected {
        let opened = self.by_id(id).filter(|name| self.invitations[name].link.as_deref() == Some(link));
        let Some(name) = opened else { return Refusal::NotFound.into() };
        let invitation = &self.invitations[&name];
        let Some(closing) = answer.closing() else { return Expected::Held(self.view(name, now)) };
        match invitation.closed {
            Some(before) if before == closing => {}
            Some(before) => return Refusal::Closed(before).into(),
            // Whoever has lost the lock has expired, whatever the clocks say.
            None if invitation.expiry <= now || !self.holds_lock(name) => return Refusal::Expired.into(),
            None => self.close(name, closing, now),
        }
        Expected::Held(self.view(name, now))
    }

    fn close(&mut self, name: Name, closing: Closing, now: Millis) {
        if self.holds_lock(name) {
            self.locks.remove(&self.invitations[&name].email);
        }
        let invitation = self.invitations.get_mut(&name).expect("it was found");
        invitation.closed = Some(closing);
        invitation.modified = now.max(invitation.modified);
    }

    fn holds_lock(&self, name: Name) -> bool {
        self.locks.get(&self.invitations[&name].email).is_some_and(|lock| lock.holder == name)
    }

    /// Nobody but `own` holds the address.
    fn free(&self, email: &str, own: Option<Name>, now: Millis) -> Result<(), Refusal> {
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

    /// Forgets what was over so long ago that it may have been purged.
    #[must_use]
    pub fn purged(&self, now: Millis, limits: &Limits) -> Self {
        let mut after = self.clone();
        after.invitations.retain(|_, it| {
            let over = if it.closed.is_some() { it.modified } else { it.expiry };
            (over + limits.retention) / 1000 >= now / 1000
        });
        after.locks.retain(|_, lock| lock.until > now);
        after.kept.retain(|_, kept| kept.until > now);
        after.used.retain(|start, _| start + limits.window > now);
        after
    }
}
