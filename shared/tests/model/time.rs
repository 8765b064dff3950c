//! Points in time.

use std::time::Duration;

use proptest::prelude::*;
use shared::domain::Timestamp;

use super::support::{any_time, at, parsed};

#[test]
fn a_time_is_parsed_in_any_rfc_3339_form_and_shown_in_utc_with_whole_seconds() {
    for (text, millis, shown) in [
        ("2020-06-21T09:01:12Z", 1_592_730_072_000, "2020-06-21T09:01:12Z"),
        ("2020-06-21T09:01:12.999Z", 1_592_730_072_999, "2020-06-21T09:01:12Z"),
        ("2020-06-21T09:01:12.9999999999Z", 1_592_730_072_999, "2020-06-21T09:01:12Z"),
        ("2020-06-21T09:01:12.0004Z", 1_592_730_072_000, "2020-06-21T09:01:12Z"),
        ("2020-06-21T11:01:12+02:00", 1_592_730_072_000, "2020-06-21T09:01:12Z"),
        ("2020-06-21T03:31:12-05:30", 1_592_730_072_000, "2020-06-21T09:01:12Z"),
        ("2020-06-21T09:01:12-00:00", 1_592_730_072_000, "2020-06-21T09:01:12Z"),
        ("2020-06-22T00:01:12+15:00", 1_592_730_072_000, "2020-06-21T09:01:12Z"),
        ("2020-06-21t09:01:12z", 1_592_730_072_000, "2020-06-21T09:01:12Z"),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000, "2024-02-29T00:00:00Z"),
        ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"),
        ("1970-01-01T00:00:00.001Z", 1, "1970-01-01T00:00:00Z"),
        ("1969-12-31T23:00:00-01:00", 0, "1970-01-01T00:00:00Z"),
        ("2286-11-20T17:46:39.999Z", 9_999_999_999_999, "2286-11-20T17:46:39Z"),
    ] {
        let time: Timestamp = parsed(text);
        assert_eq!(time, at(millis), "{text}");
        assert_eq!(time.to_string(), shown, "{text}");
    }
}

#[test]
fn an_invalid_or_out_of_range_time_is_rejected() {
    for text in [
        "",
        "now",
        "0",
        "1592730072",
        "2020-06-21",
        "2020-06-21T09:01:12",
        "2020-06-21T09:01Z",
        "2020-06-21T09:01:12+0200",
        "2020-06-21T09:01:12+02",
        "2020-06-21T09:01:12 Z",
        " 2020-06-21T09:01:12Z",
        "2020-06-21T09:01:12Z ",
        "2020-06-21T09:01:12Z\n",
        "20200621T090112Z",
        "2020-13-01T00:00:00Z",
        "2020-06-31T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2020-06-21T24:00:00Z",
        "2020-06-21T09:60:00Z",
        "2020-06-21T09:01:61Z",
        "2020-06-21T09:01:12.Z",
        "2020-06-21T09:01:12+24:00",
        "Sun, 21 Jun 2020 09:01:12 GMT",
        "１020-06-21T09:01:12Z",
        "-2020-06-21T09:01:12Z",
        "+12020-06-21T09:01:12Z",
        "12020-06-21T09:01:12Z",
        // Out of range.
        "1969-12-31T23:59:59Z",
        "1969-12-31T23:59:59.9999Z",
        "0000-01-01T00:00:00Z",
        "1970-01-01T00:00:00+00:01",
        "2286-11-20T17:46:40Z",
        "9999-12-31T23:59:59Z",
    ] {
        let error = text.parse::<Timestamp>().expect_err(text).to_string();
        assert!(error.ends_with("is not an RFC 3339 time such as 2030-06-21T09:01:12Z") && !error.contains('\n'), "{error}");
    }
}

#[test]
fn milliseconds_of_more_than_13_digits_are_no_time() {
    for millis in [i64::MIN, -1, 10_000_000_000_000, i64::MAX] {
        assert_eq!(Timestamp::from_millis(millis), None);
    }
    assert_eq!(Timestamp::from_millis(0), Some(Timestamp::ZERO));
    assert_eq!(Timestamp::from_millis(9_999_999_999_999), Some(Timestamp::MAX));
}

#[test]
fn the_clock_is_later_than_this_test() {
    assert!(parsed::<Timestamp>("2025-01-01T00:00:00Z") < Timestamp::now());
    assert!(Timestamp::now() < Timestamp::MAX);
}

#[test]
fn adding_stops_at_the_latest_time() {
    assert_eq!(at(5).plus(Duration::from_millis(7)), at(12));
    assert_eq!(Timestamp::MAX.plus(Duration::from_millis(1)), Timestamp::MAX);
    assert_eq!(at(1).plus(Duration::MAX), Timestamp::MAX);
    assert_eq!(at(1).plus(Duration::from_nanos(999_999)), at(1));
}

#[test]
fn the_seconds_to_wait_are_rounded_up_and_never_0() {
    for (now, seconds) in [(0, 10), (1, 10), (999, 10), (1000, 9), (9000, 1), (9001, 1), (9999, 1), (10_000, 1), (99_999, 1)] {
        assert_eq!(at(10_000).seconds_from(at(now)), seconds, "{now}");
    }
}

proptest! {
    #[test]
    fn a_time_round_trips_without_its_fraction(time in any_time()) {
        let shown = time.to_string();
        prop_assert!(shown.len() == 20 && shown.ends_with('Z'), "{}", shown);
        prop_assert_eq!(parsed::<Timestamp>(&shown), time.floor_to_second());
        prop_assert_eq!(time.floor_to_second().to_string(), shown);
        prop_assert_eq!(time.floor_to_second().as_millis(), time.as_secs() * 1000);
    }

    #[test]
    fn times_and_their_texts_have_the_same_order(one in any_time(), other in any_time()) {
        let (first, last) = (one.min(other), one.max(other));
        prop_assert!(first.to_string() <= last.to_string());
    }

    #[test]
    fn an_offset_does_not_change_the_time(time in any_time(), offset in -1439i32..=1439) {
        let there = chrono::DateTime::from_timestamp_millis(time.as_millis())
            .expect("in range")
            .with_timezone(&chrono::FixedOffset::east_opt(offset * 60).expect("in range"));
        prop_assert_eq!(parsed::<Timestamp>(&there.to_rfc3339_opts(chrono::SecondsFormat::Millis, false)), time);
    }

    #[test]
    fn waiting_for_the_returned_seconds_reaches_the_time(time in any_time(), now in any_time()) {
        let wait = |seconds| now.plus(Duration::from_secs(seconds)) >= time;
        let seconds = time.seconds_from(now);
        prop_assert!(wait(seconds));
        prop_assert!(seconds == 1 || !wait(seconds - 1));
    }

    #[test]
    fn adding_the_difference_of_two_times_leads_from_one_to_the_other(one in any_time(), other in any_time()) {
        let (first, last) = (one.min(other), one.max(other));
        prop_assert_eq!(first.plus(last.since(first)), last);
        prop_assert!(first == last || first.since(last).is_zero());
    }

    #[test]
    fn arbitrary_text_causes_no_panic(text in prop_oneof![any::<String>(), "[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{0,12})?[Zz+-]?([0-9]{2}:[0-9]{2})?"]) {
        let _: Result<Timestamp, _> = text.parse();
    }
}

#[test]
fn a_calendar_shows_utc() {
    let civil = parsed::<Timestamp>("2030-06-01T23:01:59+01:00").civil();
    assert_eq!((civil.year, civil.month, civil.day, civil.hour, civil.minute), (2030, 6, 1, 22, 1));
}
