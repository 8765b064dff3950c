//! A tampered credential, and where it is presented.

/// A tampered cursor or token, which must be refused.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The change.
    pub change: &'static str,
    /// Where it is presented.
    pub to: Destination,
    /// Its text.
    pub text: String,
}

/// Where a cursor or token is presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// As the cursor of a list: the index of the calling account, and the query.
    List(usize, String),
    /// As the cursor of a person's own invitations: the index of the person.
    Own(usize),
    /// As the token in a request of an invitee: the last part of the route.
    Holder(&'static str),
}
