//! Policies, as far as `template.yaml` uses their language. Everything else is an error, because ignoring it could allow a request
//! that IAM denies.

use serde_json::{Map, Value};

use super::{
    condition::Condition,
    pattern::{ArnPattern, Pattern},
    request::Request,
};

/// What a function may do: the statements of all its policies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    statements: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    sid: String,
    effect: Effect,
    actions: Vec<Pattern>,
    resources: Resources,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Resources {
    In(Vec<ArnPattern>),
    NotIn(Vec<ArnPattern>),
}

/// IAM's decision about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'a> {
    /// This statement allows it, and none denies it.
    Allowed(&'a str),
    /// This statement denies it.
    Denied(&'a str),
    /// No statement allows it.
    NotAllowed,
}

impl Policy {
    /// Reads policy documents whose intrinsic functions are resolved. Their statements apply together.
    ///
    /// # Errors
    /// When a statement contains anything that this module does not support. The error names the statement.
    pub fn parse<'a>(documents: impl IntoIterator<Item = &'a Value>) -> Result<Self, String> {
        let mut statements = Vec::new();
        for document in documents {
            let document = document.as_object().ok_or("a policy must be an object")?;
            only(document, &["Version", "Statement"]).map_err(|reason| format!("a policy: {reason}"))?;
            if document.get("Version").is_some_and(|version| version != "2012-10-17") {
                return Err("a policy must have the Version 2012-10-17".into());
            }
            for (number, statement) in elements(document.get("Statement").unwrap_or(&Value::Null)).iter().enumerate() {
                let sid = statement.get("Sid").and_then(Value::as_str).map_or_else(|| format!("number {}", number + 1), str::to_owned);
                let statement = Statement::parse(sid.clone(), statement).map_err(|reason| format!("the statement {sid}: {reason}"))?;
                statements.push(statement);
            }
        }
        Ok(Self { statements })
    }

    /// Decides on a request: a `Deny` wins over every `Allow`, and what no statement allows is denied.
    #[must_use]
    pub fn decide(&self, request: &Request) -> Decision<'_> {
        let mut decision = Decision::NotAllowed;
        for statement in &self.statements {
            if statement.applies(request) {
                match statement.effect {
                    Effect::Deny => return Decision::Denied(&statement.sid),
                    Effect::Allow => decision = Decision::Allowed(&statement.sid),
                }
            }
        }
        decision
    }

    /// Whether it allows a request.
    #[must_use]
    pub fn allows(&self, request: &Request) -> bool {
        matches!(self.decide(request), Decision::Allowed(_))
    }
}

impl Statement {
    fn parse(sid: String, statement: &Value) -> Result<Self, String> {
        let statement = statement.as_object().ok_or("it must be an object")?;
        only(statement, &["Sid", "Effect", "Action", "Resource", "NotResource", "Condition"])?;
        let effect = match statement.get("Effect").and_then(Value::as_str) {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            _ => return Err("Effect must be Allow or Deny".into()),
        };
        let actions = texts(statement.get("Action").unwrap_or(&Value::Null)).map_err(|reason| format!("Action: {reason}"))?;
        if let Some(action) = actions.iter().find(|action| **action != "*" && action.split(':').count() != 2) {
            return Err(format!("Action: {action} has no service"));
        }
        let resources = match (statement.get("Resource"), statement.get("NotResource")) {
            (Some(resources), None) => Resources::In(arns(resources)?),
            (None, Some(resources)) => Resources::NotIn(arns(resources)?),
            _ => return Err("it must have either Resource or NotResource".into()),
        };
        Ok(Self {
            sid,
            effect,
            actions: actions.into_iter().map(Pattern::new).collect(),
            resources,
            conditions: statement.get("Condition").map(Condition::parse_all).transpose()?.unwrap_or_default(),
        })
    }

    fn applies(&self, request: &Request) -> bool {
        self.actions.iter().any(|action| action.matches_ignoring_case(&request.action))
            && match &self.resources {
                Resources::In(patterns) => patterns.iter().any(|pattern| pattern.matches(&request.resource)),
                Resources::NotIn(patterns) => !patterns.iter().any(|pattern| pattern.matches(&request.resource)),
            }
            && self.conditions.iter().all(|condition| condition.holds(request))
    }
}

fn arns(resources: &Value) -> Result<Vec<ArnPattern>, String> {
    let texts = texts(resources).map_err(|reason| format!("Resource: {reason}"))?;
    texts.into_iter().map(|text| ArnPattern::parse(text).ok_or_else(|| format!("Resource: {text} is not an ARN"))).collect()
}

/// Rejects fields that are not supported.
fn only(fields: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("{name} is not supported")),
        None => Ok(()),
    }
}

/// A single value, or those of a list.
pub(super) fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// A text, or a list of at least one.
pub(super) fn texts(value: &Value) -> Result<Vec<&str>, String> {
    let texts = elements(value).iter().map(|text| match text.as_str() {
        // A policy variable, which IAM replaces.
        Some(text) if text.contains("${") => Err(format!("the variable in {text} is not supported")),
        Some(text) => Ok(text),
        None => Err(format!("{text} is not a text")),
    });
    let texts: Vec<&str> = texts.collect::<Result<_, _>>()?;
    if texts.is_empty() { Err("the list is empty".into()) } else { Ok(texts) }
}

#[cfg(test)]
mod tests;
