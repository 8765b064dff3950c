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
        let mut parsed: Vec<Issuer> = Vec::new();
        for (name, entry) in &issuers {
            let mut fields = Fields { path: excerpt(name), object: Some(entry), taken: Vec::new(), problems: &mut problems };
            let Some(issuer) = fields.issuer(name) else { continue };
            if parsed.iter().any(|other| other.url == issuer.url) {
                problems.push(format!("{name}.issuer: another issuer has the same URL"));
            }
            parsed.push(issuer);
        }
        if problems.is_empty() { Ok(Self(parsed)) } else { Err(Malformed(problems.join("; "))) }
    }
}

/// The members of an object, taken by name. The rest are mistakes.
struct Fields<'a, 'p> {
    /// Where the object is, for messages.
    path: String,
    object: Option<&'a Json>,
    taken: Vec<&'static str>,
    problems: &'p mut Vec<String>,
}

impl<'a> Fields<'a, '_> {
    /// An issuer; `None` if it has a mistake.
    fn issuer(&mut self, name: &str) -> Option<Issuer> {
        let before = self.problems.len();
        let name = self.check(None, name.parse::<IssuerName>());
        let url = self.text("issuer").and_then(|url| self.check(Some("issuer"), url_of(url)));
        if url.is_none() && self.member("issuer").is_none() {
            self.problem(Some("issuer"), "is required");
        }
        let audience = self.audience();
        let account = self.account();
        let role = self.role();
        let display_name = self.parsed("name");
        let email = self.email();
        self.finish();
        let parsed = Issuer { name: name?, url: url?, audience: audience?, account, role, display_name, email };
        (self.problems.len() == before).then_some(parsed)
    }

    fn audience(&mut self) -> Option<Audience> {
        if self.member("audience").is_none() {
            self.problem(Some("audience"), "is required: without it, tokens for other applications would be accepted");
            return None;
        }
        let mut fields = self.inside("audience");
        let claim = fields.parsed("claim");
        let values = fields.texts("values").unwrap_or_default();
        if values.is_empty() {
            fields.problem(Some("values"), "must be an array of at least one string");
        }
        let claim = claim.or_else(|| AUDIENCE.parse().ok());
        fields.finish();
        Some(Audience { claim: claim?, values })
    }

    fn account(&mut self) -> Option<AccountRule> {
        self.member("account")?;
        let mut fields = self.inside("account");
        let claim = fields.required("claim");
        let kind = match fields.text("kind") {
            Some("id") => Some(AccountKind::Id),
            Some("externalID") => Some(AccountKind::External),
            _ => {
                fields.problem(Some("kind"), "must be 'id' (twelve digits) or 'externalID'");
                None
            }
        };
        let only = fields.member("only").is_some().then(|| fields.texts("only").unwrap_or_default());
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
        self.member("role")?;
        let mut fields = self.inside("role");
        let claim = fields.required("claim");
        let mut roles = Vec::new();
        match fields.member("map") {
            Some(Json::Object(members)) if !members.is_empty() => {
                for (theirs, ours) in members {
                    let ours = ours.as_text().ok_or_else(|| Malformed(format!("'{}' must be mapped to a role", excerpt(theirs))));
                    roles.extend(fields.check(Some("map"), ours.and_then(str::parse)).map(|ours| (theirs.clone(), ours)));
                }
            }
            _ => fields.problem(Some("map"), "must be an object of the issuer's roles and the roles that they stand for"),
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
            self.problem(Some("emailTrusted"), "must not be true together with emailVerified");
        }
        let verified = if trusted { None } else { verified.or_else(|| EMAIL_VERIFIED.parse().ok()) };
        claim.map(|claim| EmailRule { claim, verified })
    }

    /// Takes a member.
    fn member(&mut self, name: &'static str) -> Option<&'a Json> {
        self.taken.push(name);
        self.object?.get(name)
    }

    /// Takes a member that is an object.
    fn inside(&mut self, name: &'static str) -> Fields<'a, '_> {
        let object = self.member(name);
        Fields { path: format!("{}.{name}", self.path), object, taken: Vec::new(), problems: self.problems }
    }

    /// Takes a member that is a string, if it is there.
    fn text(&mut self, name: &'static str) -> Option<&'a str> {
        let value = self.member(name)?;
        if value.as_text().is_none() {
            self.problem(Some(name), "must be a string");
        }
        value.as_text()
    }

    /// Takes a member that is an array of strings, if it is there.
    fn texts(&mut self, name: &'static str) -> Option<Vec<String>> {
        let value = self.member(name)?;
        let texts = match value {
            Json::Array(values) => values.iter().map(|value| value.as_text().map(str::to_owned)).collect::<Option<Vec<_>>>(),
            _ => None,
        };
        if texts.is_none() {
            self.problem(Some(name), "must be an array of strings");
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

    fn check<T>(&mut self, name: Option<&str>, result: Result<T, Malformed>) -> Option<T> {
        result.map_err(|error| self.problem(name, error)).ok()
    }

    fn problem(&mut self, name: Option<&str>, problem: impl Display) {
        let path = name.map_or_else(|| self.path.clone(), |name| format!("{}.{name}", self.path));
        self.problems.push(format!("{path}: {problem}"));
    }

    /// Reports members that nothing has taken.
    fn finish(&mut self) {
        let Some(Json::Object(members)) = self.object else {
            self.problem(None, "must be an object");
            return;
        };
        for (name, _) in members.iter().filter(|(name, _)| !self.taken.contains(&name.as_str())) {
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
