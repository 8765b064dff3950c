//! Environment variables.

use std::{fmt, str::FromStr, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{ConfigError, DAY};
use crate::domain::{
    lifecycle::{MIN_LIFETIME, SendLimits},
    link::LinkKeys,
    reminder::RemindBefore,
};

/// Reads variables and collects problems.
pub(super) struct Env<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    pub(super) problems: Vec<String>,
}

impl<'a> Env<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, problems: Vec::new() }
    }

    /// The variable, unless it is absent or empty.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.trim().is_empty())
    }

    pub(super) fn required(&mut self, name: &str) -> String {
        self.get(name).unwrap_or_else(|| {
            self.problems.push(format!("{name} must be set"));
            String::new()
        })
    }

    pub(super) fn required_parsed<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Option<T> {
        let text = self.required(name);
        if text.is_empty() { None } else { self.parse(name, text) }
    }

    pub(super) fn text(&self, name: &str, default: &str) -> String {
        self.get(name).unwrap_or_else(|| default.to_owned())
    }

    /// A part of URNs.
    pub(super) fn urn_part(&mut self, name: &str, default: &str) -> String {
        let text = self.text(name, default);
        let valid = text.len() <= 32 && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if !valid {
            self.problems.push(format!("{name} must have 1 to 32 characters from a-z, 0-9 and -, not '{text}'"));
        }
        text
    }

    pub(super) fn number(&mut self, name: &str, default: u64, min: u64, max: u64) -> u64 {
        let Some(text) = self.get(name) else { return default };
        match text.trim().parse() {
            Ok(number) if (min..=max).contains(&number) => number,
            _ => {
                self.problems.push(format!("{name} must be an integer from {min} to {max}, not '{text}'"));
                default
            }
        }
    }

    pub(super) fn seconds(&mut self, name: &str, default: u64, min: u64, max: u64) -> Duration {
        Duration::from_secs(self.number(name, default, min, max))
    }

    pub(super) fn send_limits(&mut self) -> SendLimits {
        const MINUTE: u64 = 60;
        const MAX: u64 = 3650 * DAY;
        let max_lifetime = self.seconds("INVITATION_MAX_LIFETIME_SECONDS", 30 * DAY, MIN_LIFETIME.as_secs(), MAX);
        SendLimits {
            // Shorter than a request may ask for, so that a developer can see a reminder and an expiry soon.
            lifetime: self.seconds("INVITATION_LIFETIME_SECONDS", 7 * DAY, MINUTE, MAX).min(max_lifetime),
            max_lifetime,
            cooldown: self.seconds("RESEND_COOLDOWN_SECONDS", 60, 0, DAY),
            max_sends: u32::try_from(self.number("MAX_SENDS", 10, 1, 20)).unwrap_or(u32::MAX),
            quota: u32::try_from(self.number("SEND_QUOTA", 500, 1, u64::from(u32::MAX))).unwrap_or(u32::MAX),
            quota_window: self.seconds("SEND_QUOTA_WINDOW_SECONDS", 3600, 1, 30 * DAY),
        }
    }

    pub(super) fn retention(&mut self) -> Option<Duration> {
        Some(Duration::from_secs(self.number("RETENTION_DAYS", 400, 0, 36_500) * DAY)).filter(|kept| !kept.is_zero())
    }

    pub(super) fn remind_before(&mut self) -> RemindBefore {
        let text = self.text("REMIND_BEFORE_SECONDS", &RemindBefore::default().to_string());
        text.parse().unwrap_or_else(|error| {
            self.problems.push(format!("REMIND_BEFORE_SECONDS {error}"));
            RemindBefore::default()
        })
    }

    pub(super) fn link_keys(&mut self) -> Option<LinkKeys> {
        self.parse("LINK_KEYS", (self.lookup)("LINK_KEYS").unwrap_or_default())
    }

    pub(super) fn url(&mut self, name: &str) -> Option<String> {
        let text = self.get(name)?.trim().to_owned();
        let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        if host.is_none_or(|host| host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control())) {
            self.problems.push(format!("{name} must be a URL that starts with http:// or https://, not '{text}'"));
        }
        Some(text)
    }

    pub(super) fn flag(&mut self, name: &str) -> bool {
        let text = self.text(name, "false");
        text.to_ascii_lowercase().parse().unwrap_or_else(|_| {
            self.problems.push(format!("{name} must be true or false, not '{text}'"));
            false
        })
    }

    pub(super) fn parsed<T: FromStr<Err: fmt::Display> + Default>(&mut self, name: &str, default: &str) -> T {
        let text = self.text(name, default);
        self.parse(name, text).unwrap_or_default()
    }

    /// JSON, or its base64: in the 4 KB that Lambda allows for all variables, quotes would count twice.
    pub(super) fn json<T: FromStr<Err: fmt::Display> + Default>(&mut self, name: &str, default: &str) -> T {
        let text = self.text(name, default);
        let json = if text.trim_start().starts_with('{') {
            Some(text)
        } else {
            STANDARD.decode(text.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok())
        };
        if json.is_none() {
            self.problems.push(format!("{name} must be a JSON object, or the base64 of one"));
        }
        json.and_then(|json| self.parse(name, json)).unwrap_or_default()
    }

    pub(super) fn optional<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Option<T> {
        self.get(name).and_then(|text| self.parse(name, text))
    }

    pub(super) fn parse<T: FromStr<Err: fmt::Display>>(&mut self, name: &str, text: String) -> Option<T> {
        text.parse().map_err(|error| self.problems.push(format!("{name}: {error}"))).ok()
    }

    pub(super) fn finish<T>(self, value: T) -> Result<T, ConfigError> {
        if self.problems.is_empty() { Ok(value) } else { Err(ConfigError(self.problems)) }
    }
}
