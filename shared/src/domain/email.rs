//! Email addresses: displayed as entered, compared in a normal form.
//!
//! The normal form is trimmed and in lower case, and its domain is in IDNA ASCII form (UTS 46, non-transitional, STD3). Rules of
//! single providers are not applied: `a.b@gmail.com` and `ab@gmail.com` are different addresses.
//!
//! Invisible characters around an address are removed. Inside an address they are rejected, because the visible, the stored and the
//! delivered address would differ. Only joiners that IDNA keeps in a domain, because its script needs them, are allowed.

use std::{borrow::Cow, fmt, str::FromStr};

use idna::{
    AsciiDenyList,
    uts46::{DnsLength, Hyphens, Uts46},
};

use super::text::{Malformed, code_point, excerpt, is_invisible};

/// The zero-width non-joiner and joiner.
const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];

/// A deliverable email address.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    as_entered: String,
    normalised: NormalisedEmail,
}

/// The form that identity, uniqueness and filters use.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NormalisedEmail(String);

/// The beginning of addresses in their normal form.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailPrefix(String);

impl Email {
    /// The address as the caller entered it.
    #[must_use]
    pub fn as_entered(&self) -> &str {
        &self.as_entered
    }

    /// The address for delivery: the local part as entered, because the receiving server may distinguish case, and the domain in ASCII,
    /// which SES requires.
    #[must_use]
    pub fn mailbox(&self) -> String {
        let local = self.as_entered.trim().rsplit_once('@').map_or("", |(local, _)| local);
        format!("{local}@{}", self.normalised.domain())
    }

    /// The normal form.
    #[must_use]
    pub fn normalised(&self) -> &NormalisedEmail {
        &self.normalised
    }
}

impl NormalisedEmail {
    /// The normal form as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part after the @, in lower-case IDNA ASCII.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl EmailPrefix {
    /// The prefix as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows the prefix in an address; `None` if the address does not begin with it.
    #[must_use]
    pub fn rest_of<'a>(&self, email: &'a NormalisedEmail) -> Option<&'a str> {
        email.0.strip_prefix(&self.0)
    }

    /// The address that `rest` completes; `None` if the whole is not an address in its normal form.
    #[must_use]
    pub fn with_rest(&self, rest: &str) -> Option<NormalisedEmail> {
        let whole = format!("{}{rest}", self.0);
        whole.parse::<Email>().ok().map(|email| email.normalised).filter(|email| email.0 == whole)
    }
}

/// Hides the address, which must not be logged.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.normalised, f)
    }
}

/// Hides the address, which must not be logged.
impl fmt::Debug for NormalisedEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(***)")
    }
}

/// Hides the prefix, which may be a whole address.
impl fmt::Debug for EmailPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailPrefix(***)")
    }
}

/// What is wrong with a part before the @.
const WRONG_LOCAL_PART: &str = ": the part before the @ must be 1 to 64 ASCII letters, digits, dots or !#$%&'*+-/=?^_`{|}~";

impl FromStr for Email {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = |why: &str| Malformed(format!("'{}' is not an e-mail address{why}", excerpt(text)));
        let as_entered = without_invisible_ends(text);
        if !(3..=254).contains(&as_entered.chars().count()) {
            return Err(wrong(": it must have 3 to 254 characters"));
        }
        if as_entered.chars().any(char::is_control) {
            return Err(wrong(": it contains a control character"));
        }
        let invisible = |part: &str, joiners: &[char]| {
            let found = if part.is_ascii() { None } else { part.chars().find(|c| is_invisible(*c) && !joiners.contains(c)) };
            found.map(|c| wrong(&format!(": it contains the invisible character {}", code_point(c))))
        };
        let (local, domain) = as_entered.trim().rsplit_once('@').ok_or_else(|| invisible(&as_entered, &[]).unwrap_or_else(|| wrong("")))?;
        if let Some(error) = invisible(local, &[]).or_else(|| invisible(domain, &JOINERS)) {
            return Err(error);
        }
        if !is_dot_atom(local) {
            return Err(wrong(WRONG_LOCAL_PART));
        }
        let no_domain = || wrong(": the part after the @ is not a domain name that can receive email");
        let domain = ascii_domain(domain).ok_or_else(|| invisible(domain, &[]).unwrap_or_else(no_domain))?;
        let normalised = format!("{}@{domain}", local.to_ascii_lowercase());
        if normalised.len() > 254 {
            return Err(wrong(": it must have 3 to 254 characters with its domain in ASCII form"));
        }
        Ok(Self { as_entered, normalised: NormalisedEmail(normalised) })
    }
}

impl FromStr for EmailPrefix {
    type Err = Malformed;

    /// At least 3 characters, each of them possible at its place in a normalised address, in either case. Blanks at the ends are not
    /// removed: in a query, they may be a + that was not encoded, and the list would be another one.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = |why: &str| Err(Malformed(format!("'{}' is not the beginning of an e-mail address{why}", excerpt(text))));
        if !(3..=254).contains(&text.chars().count()) {
            return wrong(": it must have 3 to 254 characters");
        }
        let (local, domain) = text.split_once('@').unwrap_or((text, ""));
        if !(1..=64).contains(&local.len()) || !local.bytes().all(|b| b == b'.' || is_atom_character(b)) {
            return wrong(WRONG_LOCAL_PART);
        }
        if !domain.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)) {
            return wrong(": the part after the @ must be ASCII letters, digits, dots or -; an international domain begins with xn--");
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

/// Removes invisible characters at both ends. Whitespace stays.
fn without_invisible_ends(text: &str) -> String {
    // A fast path: a list parses an address for each of its rows.
    if text.is_ascii() {
        return text.to_owned();
    }
    let outside = |c: char| c.is_whitespace() || (is_invisible(c) && !c.is_control());
    let (start, end) = (text.trim_start_matches(outside), text.trim_end_matches(outside));
    let inside = text.len() - start.len()..end.len();
    text.char_indices().filter(|(at, c)| inside.contains(at) || !is_invisible(*c) || c.is_control()).map(|(_, c)| c).collect()
}

/// Whether a local part is an ASCII dot-atom (RFC 5322). SES delivers to no other, and quoted local parts confuse parsers.
fn is_dot_atom(local: &str) -> bool {
    local.len() <= 64 && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom_character))
}

fn is_atom_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// The domain in lower-case IDNA ASCII form: at least two labels, the last one not numeric.
pub(super) fn ascii_domain(domain: &str) -> Option<String> {
    let ascii = idna_ascii(domain)?;
    let (_, top) = ascii.rsplit_once('.')?;
    let numeric = top.bytes().all(|b| b.is_ascii_digit());
    (!numeric).then(|| ascii.into_owned())
}

/// A domain, or one label of it, in lower-case IDNA ASCII. Not inlined: it would add 100 KB to a function at each call.
#[inline(never)]
pub(super) fn idna_ascii(domain: &str) -> Option<Cow<'_, str>> {
    Uts46::new().to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify).ok()
}
