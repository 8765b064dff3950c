//! Requests to IAM of `SendEmail`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Location, texts};
use crate::iam::request::{Key, Request};

/// SES checks the identities and the configuration set. The sender's identity is the address or its domain, whichever is verified, and
/// in the sandbox SES checks the recipients' as well. A policy must suit every AWS account, so all of them must be allowed.
pub(super) fn requests(location: &Location, input: &Value) -> Vec<Request> {
    let from = input["FromEmailAddress"].as_str().map(address);
    let destination = &input["Destination"];
    let recipients = ["ToAddresses", "CcAddresses", "BccAddresses"].into_iter().flat_map(|kind| texts(&destination[kind])).map(address);
    let addresses: BTreeSet<&str> = from.into_iter().chain(recipients).collect();
    let domains = addresses.iter().filter_map(|address| Some(address.rsplit_once('@')?.1));
    let identities: BTreeSet<&str> = addresses.iter().copied().chain(domains).collect();
    let identities = identities.into_iter().map(|identity| format!("identity/{identity}"));
    let configuration_set = input["ConfigurationSetName"].as_str().map(|name| format!("configuration-set/{name}"));
    let resources = identities.chain(configuration_set);
    resources.map(|resource| Request::new("ses:SendEmail", location.arn("ses", &resource)).with(Key::FromAddress, from)).collect()
}

/// The address in `Name <address>`.
fn address(text: &str) -> &str {
    let address = text.rsplit_once('<').and_then(|(_, rest)| rest.strip_suffix('>'));
    address.unwrap_or(text)
}
