//! Parses the configuration of issuers, and collects all its mistakes.

use std::{fmt::Display, str::FromStr};

use super::{AccountKind, AccountRule, Audience, EmailRule, Issuer, Issuers, RoleRule};
use crate::domain::{
    account::{AccountId, ExternalId},
    json::{Json, Pointer},
    text::{Malformed, excerpt},
    user::IssuerName,
    web,
};

/// Where the standard claims are.
const AUDIENCE: &str = "/aud";
const EMAIL_VERIFIED: &str = "/email_verified";

impl FromStr for Issuers {
    type Err = Malformed;

    /// A JSON object: `{"acme": {"issuer": "https://login.example.com", "audience": {"values": ["invitations"]}, …}}`.
    fn from_str(json: &str) -> Result<Self, Malformed> {
        let Json::Object(issuers) = Json::parse(json.as_bytes())? else {
            return Err(Malformed("must be a JSON object of issuers by name".to_owned()));
        };
        let mut problems = Vec::new();
        let mut parsed = Vec::new();
        let mut urls = Vec::new();
        for (name, entry) in &issuers {
            let Some(mut fields) = Fields::of(excerpt(name), entry, &mut problems) else { continue };
            parsed.extend(fields.issuer(name));
            // Also if the issuer has other mistakes.
            let url = entry.get("issuer").and_then(Json::as_text);
            if url.is_some() && urls.contains(&url) {
                fields.problem(Some("issuer"), "another issuer has the same URL");
            }
            urls.push(url);
        }
        if problems.is_empty() { Ok(Self(parsed)) } else { Err(Malformed(problems.join("; "))) }
    }
}

/// The members of an object, taken by name. The rest are mistakes.
pub(super) struct Fields<'a, 'p> {
    /// Where the object is, for messages.
    path: String,
    members: &'a [(String, Json)],
    taken: Vec<&'static str>,
    problems: &'p mut Vec<String>,
}

impl<'a, 'p> Fields<'a, 'p> {
    /// The members of an object. Anything else is a mistake.
    fn of(path: String, value: &'a Json, problems: &'p mut Vec<String>) -> Option<Self> {
        let Json::Object(members) = value else {
            problems.push(format!("{path}: must be an object"));
            return None;
        };
        Some(Self { path, members, taken: Vec::new(), problems })
    }

    /// An issuer. Its mistakes are among the problems.
    fn issuer(&mut self, name: &str) -> Option<Issuer> {
        let name = self.check(None, name.parse::<IssuerName>());
        let url = self.text("issuer").and_then(|url| self.check(Some("issuer"), url_of(url)));
        if self.member("issuer").is_none() {
            self.problem(Some("issuer"), "is required");
        }
        let audience = self.audience();
        let account = self.account();
        let role = self.role();
        let display_name = self.parsed("name");
        let email = self.email();
        let console = self.console().map(Box::new);
        self.finish();
        Some(Issuer { name: name?, url: url?, audience: audience?, account, role, display_name, email, console })
    }

    fn audience(&mut self) -> Option<Audience> {
        if self.member("audience").is_none() {
            self.problem(Some("audience"), "is required: without it, tokens for other applications would be accepted");
            return None;
        }
        let mut fields = self.inside("audience")?;
        let claim = fields.parsed("claim").or_else(|| AUDIENCE.parse().ok());
        let values = fields.texts("values");
        fields.finish();
        Some(Audience { claim: claim?, values: values? })
    }

    fn account(&mut self) -> Option<AccountRule> {
        let mut fields = self.inside("account")?;
        let claim = fields.required("claim");
        let kind = match fields.member("kind").and_then(Json::as_text) {
            Some("id") => Some(AccountKind::Id),
            Some("externalID") => Some(AccountKind::External),
            _ => {
                fields.problem(Some("kind"), "must be 'id' (twelve digits) or 'externalID'");
                None
            }
        };
        let only = fields.member("only").and_then(|_| fields.texts("only"));
        for account in only.iter().flatten() {
            let problem = match kind {
                Some(AccountKind::Id) => account.parse::<AccountId>().err(),
                Some(AccountKind::External) => account.parse::<ExternalId>().err(),
                None => None,
            };
            if let Some(problem) = problem {
                fields.problem(Some("only"), problem);
            }
        }
        fields.finish();
        Some(AccountRule { claim: claim?, kind: kind?, only })
    }

    fn role(&mut self) -> Option<RoleRule> {
        let mut fields = self.inside("role")?;
        let claim = fields.required("claim");
        let mut roles = Vec::new();
        match fields.member("map") {
            Some(Json::Object(members)) if !members.is_empty() => {
                for (theirs, ours) in members {
                    let ours = ours.as_text().ok_or_else(|| Malformed(format!("'{}' must be mapped to a role id", excerpt(theirs))));
                    roles.extend(fields.check(Some("map"), ours.and_then(str::parse)).map(|ours| (theirs.clone(), ours)));
                }
            }
            _ => fields
                .problem(Some("map"), "must be an object with at least one of the issuer's roles, such as {\"admin\": \"full-access\"}"),
        }
        fields.finish();
        Some(RoleRule { claim: claim?, roles })
    }

    fn email(&mut self) -> Option<EmailRule> {
        let claim = self.parsed("email");
        let verified = self.parsed("emailVerified");
        let trusted = match self.member("emailTrusted") {
            None => false,
            Some(Json::Bool(trusted)) => *trusted,
            Some(_) => {
                self.problem(Some("emailTrusted"), "must be true or false");
                false
            }
        };
        if trusted && verified.is_some() {
            self.problem(Some("emailTrusted"), "must not be true if emailVerified is given");
        }
        let texts = self.member("emailDomains").and_then(|_| self.texts("emailDomains"));
        let domains = texts.map(|texts| texts.iter().filter_map(|text| self.check(Some("emailDomains"), text.parse())).collect());
        // Also if the account has other mistakes.
        let limited = self.member("account").and_then(|account| account.get("only")).is_some();
        if limited && self.member("email").is_some() && self.member("emailDomains").is_none() {
            self.problem(Some("emailDomains"), "is required with email and account.only: addresses count in all accounts");
        }
        for name in ["emailVerified", "emailTrusted", "emailDomains"] {
            if self.member("email").is_none() && self.member(name).is_some() {
                self.problem(Some(name), "has no effect without email");
            }
        }
        let verified = if trusted { None } else { verified.or_else(|| EMAIL_VERIFIED.parse().ok()) };
        claim.map(|claim| EmailRule { claim, verified, domains })
    }

    /// Takes a member.
    pub(super) fn member(&mut self, name: &'static str) -> Option<&'a Json> {
        self.taken.push(name);
        self.members.iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    /// Takes a member that is an object, if it is there.
    pub(super) fn inside(&mut self, name: &'static str) -> Option<Fields<'a, '_>> {
        let value = self.member(name)?;
        Fields::of(format!("{}.{name}", self.path), value, self.problems)
    }

    /// Takes a member that is a string, if it is there.
    pub(super) fn text(&mut self, name: &'static str) -> Option<&'a str> {
        let value = self.member(name)?;
        if value.as_text().is_none() {
            self.problem(Some(name), "must be a string");
        }
        value.as_text()
    }

    /// Takes a member that must be there, and be a string that is not empty.
    pub(super) fn required_text(&mut self, name: &'static str) -> Option<&'a str> {
        if self.member(name).is_none() {
            self.problem(Some(name), "is required");
        }
        let text = self.text(name)?;
        if text.trim().is_empty() {
            self.problem(Some(name), "must not be empty");
        }
        Some(text)
    }

    /// Takes a member that is an array of strings.
    fn texts(&mut self, name: &'static str) -> Option<Vec<String>> {
        let texts = match self.member(name) {
            Some(Json::Array(values)) => values.iter().map(|value| value.as_text().map(str::to_owned)).collect::<Option<Vec<_>>>(),
            _ => None,
        };
        let texts = texts.filter(|texts| !texts.is_empty());
        if texts.is_none() {
            self.problem(Some(name), "must be an array of at least one string");
        }
        texts
    }

    fn parsed(&mut self, name: &'static str) -> Option<Pointer> {
        self.text(name).and_then(|text| self.check(Some(name), text.parse()))
    }

    fn required(&mut self, name: &'static str) -> Option<Pointer> {
        if self.member(name).is_none() {
            self.problem(Some(name), "is required");
        }
        self.parsed(name)
    }

    pub(super) fn check<T>(&mut self, name: Option<&str>, result: Result<T, Malformed>) -> Option<T> {
        result.map_err(|error| self.problem(name, error)).ok()
    }

    pub(super) fn problem(&mut self, name: Option<&str>, problem: impl Display) {
        let path = name.map_or_else(|| self.path.clone(), |name| format!("{}.{name}", self.path));
        self.problems.push(format!("{path}: {problem}"));
    }

    /// Reports members that nothing has taken.
    pub(super) fn finish(&mut self) {
        for (name, _) in self.members.iter().filter(|(name, _)| !self.taken.contains(&name.as_str())) {
            let mut known = self.taken.clone();
            known.sort_unstable();
            known.dedup();
            self.problems.push(format!("{}: unknown field '{}'; accepted: {}", self.path, excerpt(name), known.join(", ")));
        }
    }
}

/// An issuer's identifier. It is kept as it is, because tokens must have the same bytes.
fn url_of(text: &str) -> Result<String, Malformed> {
    let url = web::address(text)?;
    if url.query().is_some() {
        return Err(Malformed(format!("'{}' is not an issuer: it must not have a query (?)", excerpt(text))));
    }
    Ok(text.to_owned())
}
