//! Timestamps: milliseconds since 1970, displayed as RFC 3339 in UTC with whole seconds.

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, Datelike, Timelike, Utc};
use serde::{Serialize, Serializer};

use super::text::{Malformed, excerpt};

/// A point in time, in milliseconds since 1970-01-01T00:00:00Z; never negative, at most 13 digits (the year 2286), so
/// that a zero-padded number sorts as a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The latest timestamp that a sort key can hold.
    pub const MAX: Self = Self(9_999_999_999_999);
    /// The earliest timestamp.
    pub const ZERO: Self = Self(0);

    /// From milliseconds since 1970; `None` if out of range.
    #[must_use]
    pub fn from_millis(millis: i64) -> Option<Self> {
        (0..=Self::MAX.0).contains(&millis).then_some(Self(millis))
    }

    /// The current time of the system clock.
    #[must_use]
    pub fn now() -> Self {
        Self(Utc::now().timestamp_millis().clamp(0, Self::MAX.0))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub fn as_secs(self) -> i64 {
        self.0 / 1000
    }

    /// Without the fraction of a second, as callers see it.
    #[must_use]
    pub fn floor_to_second(self) -> Self {
        Self(self.as_secs() * 1000)
    }

    /// Later by `duration`, capped at [`Timestamp::MAX`].
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis).min(Self::MAX.0))
    }

    /// Earlier by `duration`, at least [`Timestamp::ZERO`].
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self((self.0 - millis).max(0))
    }

    /// The duration since `earlier`; zero if this is not later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// Whole seconds from `now` until this time: rounded up, at least 1.
    #[must_use]
    pub fn seconds_from(self, now: Self) -> u64 {
        (self.since(now).as_millis() as u64).div_ceil(1000).max(1)
    }
}

/// Date and time of day in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// From 1970 on.
    pub year: i32,
    /// From 1 on.
    pub month: u32,
    /// From 1 on.
    pub day: u32,
    /// From 0 to 23.
    pub hour: u32,
    /// From 0 to 59.
    pub minute: u32,
}

impl Timestamp {
    /// Date and time of day, for texts.
    #[must_use]
    pub fn civil(self) -> Civil {
        let time: DateTime<Utc> = DateTime::from_timestamp_millis(self.0).unwrap_or_default();
        Civil { year: time.year(), month: time.month(), day: time.day(), hour: time.hour(), minute: time.minute() }
    }
}

impl Timestamp {
    /// RFC 3339 in whole seconds. Written by hand: a list contains five timestamps per row, and chrono's formatter takes three times as
    /// long.
    fn text(self) -> [u8; 20] {
        let Civil { year, month, day, hour, minute } = self.civil();
        let mut text = *b"0000-00-00T00:00:00Z";
        let parts = [(year.unsigned_abs(), 0, 4), (month, 5, 2), (day, 8, 2), (hour, 11, 2), (minute, 14, 2)];
        let second = (u32::try_from(self.as_secs() % 60).unwrap_or_default(), 17, 2);
        for (mut number, start, length) in parts.into_iter().chain([second]) {
            for digit in text[start..start + length].iter_mut().rev() {
                *digit += (number % 10) as u8;
                number /= 10;
            }
        }
        text
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.text()).unwrap_or_default())
    }
}

/// The same text as [`Display`](fmt::Display), without an allocation.
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl FromStr for Timestamp {
    type Err = Malformed;

    /// Any RFC 3339 time; its offset is converted to UTC.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .and_then(|time| Self::from_millis(time.timestamp_millis()))
            .ok_or_else(|| Malformed(format!("'{}' is not an RFC 3339 time such as 2030-06-21T09:01:12Z", excerpt(text))))
    }
}
