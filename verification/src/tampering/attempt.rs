//! A tampered credential, and where it is presented.

/// Something to be refused.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// What was done to it.
    pub what: &'static str,
    /// How it is presented.
    pub to: To,
    /// What is presented.
    pub text: String,
}

/// Where something is presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// A list, as its cursor: the caller's place among the accounts, and the filters of the query.
    List(usize, String),
    /// What the holder of a link does, as its token.
    Holder(&'static str),
}
