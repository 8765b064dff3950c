//! Decides on the calls that functions make, as AWS would, by the policies of their roles.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use super::{
    calls::{Call, Location, Schema},
    policy::{Decision, Policy},
    request::Request,
    template::{Deployment, Template},
};
use crate::client::CREDENTIALS;

/// The roles of all functions. The access key of a function is its name.
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

struct Inner {
    location: Location,
    stack: String,
    schema: Schema,
    policies: BTreeMap<String, Policy>,
    observer: RwLock<Observer>,
}

type Observer = Box<dyn Fn(&str, &Result<Vec<Request>, Refusal>) + Send + Sync>;

/// A call that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The name of the exception.
    pub code: &'static str,
    /// AWS's sentence.
    pub message: String,
    /// A line for the log: function, action and kind of partition, without the rest of a key.
    pub summary: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary)
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("functions", &self.0.policies.len()).finish_non_exhaustive()
    }
}

impl Guard {
    /// A guard with the policies of a template.
    ///
    /// # Errors
    /// When the template has a policy that is not supported.
    pub fn new(template: &Template, deployment: &Deployment) -> Result<Self, String> {
        let roles = template.roles(deployment)?;
        Ok(Self(Arc::new(Inner {
            location: deployment.location.clone(),
            stack: deployment.stack.clone(),
            schema: template.schema()?,
            policies: roles.into_iter().map(|(name, role)| (name, role.policy)).collect(),
            observer: RwLock::new(Box::new(|_, _| {})),
        })))
    }

    /// From now on `observer` gets each decision about a function's call, with the function's name.
    pub fn observe(&self, observer: impl Fn(&str, &Result<Vec<Request>, Refusal>) + Send + Sync + 'static) {
        *self.0.observer.write().unwrap_or_else(PoisonError::into_inner) = Box::new(observer);
    }

    /// Decides on a call.
    ///
    /// # Errors
    /// When it is refused: its access key is not one of a function, or the function may not do all that the call does. The
    /// developer's own access key may do everything.
    pub fn check(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let key = call.access_key();
        if key == Some(CREDENTIALS.0) {
            return Ok(());
        }
        let name = key.unwrap_or_default();
        let decision = match self.0.policies.get(name) {
            None => Err(unknown(name)),
            Some(policy) => self.0.decide(name, policy, call),
        };
        (self.0.observer.read().unwrap_or_else(PoisonError::into_inner))(name, &decision);
        decision.map(drop)
    }
}

impl Inner {
    fn decide(&self, name: &str, policy: &Policy, call: &Call<'_>) -> Result<Vec<Request>, Refusal> {
        let requests = call.requests(&self.location, &self.schema).and_then(|requests| {
            // A call about nothing would be allowed whatever the policy says.
            if requests.is_empty() { Err("it is about no resource".to_owned()) } else { Ok(requests) }
        });
        let requests = requests.map_err(|reason| Refusal {
            code: "AccessDeniedException",
            message: format!("This call cannot be authorized locally: {reason}."),
            summary: format!("{name} makes a call that cannot be authorized locally: {reason}"),
        })?;
        for request in &requests {
            let why = match policy.decide(request) {
                Decision::Allowed(_) => continue,
                Decision::NotAllowed => format!("because no identity-based policy allows the {} action", request.action),
                Decision::Denied(_) => "with an explicit deny in an identity-based policy".to_owned(),
            };
            return Err(self.denied(name, request, &why));
        }
        Ok(requests)
    }

    fn denied(&self, name: &str, request: &Request, why: &str) -> Refusal {
        let Location { partition, account, .. } = &self.location;
        let user = format!("arn:{partition}:sts::{account}:assumed-role/{stack}-{name}/{name}", stack = self.stack);
        let Request { action, resource, .. } = request;
        // The last part of an ARN could be an address.
        let resource_kind = resource.rsplit(':').next().unwrap_or_default();
        let resource_kind =
            if action.starts_with("dynamodb:") { resource_kind } else { resource_kind.split('/').next().unwrap_or_default() };
        let kinds = request.partition_kinds().into_iter().collect::<Vec<_>>().join(", ");
        let partitions = if kinds.is_empty() { String::new() } else { format!(", partition {kinds}") };
        Refusal {
            code: "AccessDeniedException",
            message: format!("User: {user} is not authorized to perform: {action} on resource: {resource} {why}"),
            summary: format!("{name} is not authorized to perform {action} on {resource_kind}{partitions}"),
        }
    }
}

fn unknown(key: &str) -> Refusal {
    let (code, message) = if key.is_empty() {
        ("MissingAuthenticationTokenException", "Request is missing Authentication Token")
    } else {
        ("UnrecognizedClientException", "The security token included in the request is invalid.")
    };
    Refusal { code, message: message.to_owned(), summary: format!("the access key '{key}' is not that of a function") }
}

#[cfg(test)]
impl Guard {
    /// The policies of the template, for the table `invitations`, the sender `invitations@example.com`, and the configuration set
    /// and the bus `local`.
    pub(crate) fn for_tests() -> Self {
        let template = Template::parse(include_str!("../../../template.yaml")).expect("template.yaml is a template");
        let variable = |name: &str| match name {
            "TABLE_NAME" => Some("invitations"),
            "FROM_ADDRESS" => Some("invitations@example.com"),
            "CONFIGURATION_SET" | "EVENT_BUS" => Some("local"),
            _ => None,
        };
        Self::new(&template, &Deployment::of(&|name| variable(name).map(str::to_owned))).expect("its policies are supported")
    }
}

#[cfg(test)]
mod tests;
