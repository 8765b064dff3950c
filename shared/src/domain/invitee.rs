//! Invitees, and what gives them access to an invitation: its link, or its address.

use super::{
    account::AccountId,
    email::{Email, NormalisedEmail},
    id::InvitationId,
    link::Token,
    principal::Principal,
    urn::Urns,
    user::User,
};

/// A person whose address an issuer or a host application has verified. An address that nobody has verified never makes one.
#[derive(Debug, Clone)]
pub struct VerifiedInvitee<'a> {
    email: &'a Email,
    verifier: Verifier<'a>,
}

#[derive(Debug, Clone)]
enum Verifier<'a> {
    /// The issuer of the person's token.
    Issuer(&'a User, &'a Urns),
    /// A host application, which knows the person by this id.
    Host(&'a Principal, &'a str),
}

impl<'a> VerifiedInvitee<'a> {
    /// A person who has signed in with a token; `None` if its issuer has not verified their address.
    #[must_use]
    pub fn signed_in(user: &'a User, urns: &'a Urns) -> Option<Self> {
        Some(Self { email: user.email()?, verifier: Verifier::Issuer(user, urns) })
    }

    /// A person whom the host application has signed in. `id` is its own id of them.
    #[must_use]
    pub fn of_host(host: &'a Principal, id: &'a str, email: &'a Email) -> Self {
        Self { email, verifier: Verifier::Host(host, id) }
    }

    /// The verified address.
    #[must_use]
    pub fn email(&self) -> &NormalisedEmail {
        self.email.normalised()
    }

    /// What identifies the person on an invitation of `account`: their URN, or the id of the host application.
    #[must_use]
    pub fn id_in(&self, account: &AccountId) -> String {
        match self.verifier {
            Verifier::Issuer(user, urns) => user.urn(urns, account),
            Verifier::Host(_, id) => id.to_owned(),
        }
    }

    /// The host application, if it has verified the person.
    #[must_use]
    pub fn host(&self) -> Option<&Principal> {
        match self.verifier {
            Verifier::Issuer(..) => None,
            Verifier::Host(host, _) => Some(host),
        }
    }
}

/// What gives access to an invitation.
#[derive(Debug, Clone)]
pub enum Access<'a> {
    /// The token of its link, and the person who has it, if they are verified.
    Link(&'a Token, Option<VerifiedInvitee<'a>>),
    /// Its address, without the link. Only somebody whose address is verified can have this access.
    Address(&'a AccountId, InvitationId, VerifiedInvitee<'a>),
}

impl Access<'_> {
    /// The account of the invitation.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        match self {
            Self::Link(token, _) => token.account(),
            Self::Address(account, ..) => account,
        }
    }

    /// The id of the invitation.
    #[must_use]
    pub fn id(&self) -> InvitationId {
        match self {
            Self::Link(token, _) => token.id(),
            Self::Address(_, id, _) => *id,
        }
    }

    /// The person, if they are verified.
    #[must_use]
    pub fn invitee(&self) -> Option<&VerifiedInvitee<'_>> {
        match self {
            Self::Link(_, invitee) => invitee.as_ref(),
            Self::Address(_, _, invitee) => Some(invitee),
        }
    }
}
