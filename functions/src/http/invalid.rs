//! Invalid requests: what is wrong with which field.
//!
//! Parsing one field returns a `Result`, and [`all`] combines the results of a request, so that one response names all invalid fields.

use shared::domain::text::excerpt;

/// How many unknown names an error shows.
const MAX_UNKNOWN: usize = 5;

/// An invalid request: its invalid fields, or what is wrong with it as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// Stable, lower-case, hyphenated. The code of the first invalid field.
    pub code: &'static str,
    /// What is wrong and how to fix it, for all fields.
    pub message: String,
    /// The invalid fields, parameters and headers, each with its reason. A name occurs once.
    pub fields: Vec<(String, String)>,
}

impl Invalid {
    /// An error of the request as a whole.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: Vec::new() }
    }

    /// An error of one field; the message starts with its name.
    #[must_use]
    pub fn field(code: &'static str, field: &str, reason: impl ToString) -> Self {
        let reason = reason.to_string();
        Self { code, message: format!("{field}: {reason}"), fields: vec![(field.to_owned(), reason)] }
    }

    /// Unknown fields or parameters, five at most, and the accepted ones; `None` if there are no unknown names.
    #[must_use]
    pub fn unknown<'a>(code: &'static str, kind: &str, names: impl IntoIterator<Item = &'a str>, accepted: &[&str]) -> Option<Self> {
        let mut names = names.into_iter().map(excerpt);
        let mut shown: Vec<String> = Vec::new();
        while shown.len() < MAX_UNKNOWN
            && let Some(name) = names.next()
        {
            if !shown.contains(&name) {
                shown.push(name);
            }
        }
        let (first, others) = shown.split_first()?;
        let also = match others {
            [] => String::new(),
            _ => format!("; also unknown: {}{}", others.join(", "), if names.next().is_some() { ", …" } else { "" }),
        };
        let accepted = if accepted.is_empty() { "none".to_owned() } else { accepted.join(", ") };
        let message = format!("{first}: unknown {kind}{also}; accepted: {accepted}");
        let reason = format!("unknown {kind}; accepted: {accepted}");
        Some(Self { code, message, fields: shown.into_iter().map(|name| (name, reason.clone())).collect() })
    }

    /// This error, and that of another field if it is invalid, too.
    #[must_use]
    pub fn and<T>(self, other: Result<T, Self>) -> Self {
        match other {
            Ok(_) => self,
            Err(other) => self.join(other),
        }
    }

    fn join(mut self, other: Self) -> Self {
        self.message = format!("{}; {}", self.message, other.message);
        for (name, reason) in other.fields {
            if self.fields.iter().all(|(known, _)| *known != name) {
                self.fields.push((name, reason));
            }
        }
        self
    }
}

/// The values of several results, or the errors of all of them in this order.
///
/// # Errors
/// If one of them is an error.
pub fn all<R: Results>(results: R) -> Result<R::Values, Invalid> {
    results.all()
}

/// A tuple of results.
pub trait Results {
    /// The tuple of their values.
    type Values;

    /// See [`all`].
    ///
    /// # Errors
    /// If one of them is an error.
    fn all(self) -> Result<Self::Values, Invalid>;
}

macro_rules! results {
    ($($value:ident)+) => {
        #[expect(non_snake_case, reason = "one name for a type and its value")]
        impl<$($value),+> Results for ($(Result<$value, Invalid>,)+) {
            type Values = ($($value,)+);

            fn all(self) -> Result<Self::Values, Invalid> {
                match self {
                    ($(Ok($value),)+) => Ok(($($value,)+)),
                    ($($value,)+) => Err([$($value.err()),+].into_iter().flatten().reduce(Invalid::join).expect("one is an error")),
                }
            }
        }
    };
}

results!(A B);
results!(A B C);
results!(A B C D);
results!(A B C D E);
results!(A B C D E F);
results!(A B C D E F G);
results!(A B C D E F G H);
results!(A B C D E F G H I);
results!(A B C D E F G H I J);
