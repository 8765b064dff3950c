//! The size of an invitation's row, with the attributes that docs/adr/0023 reserves room for. Up to 1 KB, a write costs one unit.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use shared::{
    domain::{
        Invitation, Resource, Timestamp,
        delivery::{Delivery, DeliveryStatus, Reason},
        invitation::{Closing, OperationId},
        lifecycle::MAX_UPDATES,
        metadata::{Metadata, check_size},
        outbox::EventType,
        reminder::RemindBefore,
        settings::Redirect,
    },
    store::{
        Row,
        item::{PROJECTED, to_row},
    },
};

use super::support::{at, parsed, pending, policy};

/// A write unit in bytes.
const UNIT: usize = 1024;
/// What metadata and redirect can have together, in bytes.
const METADATA: usize = 256;
/// How many entries metadata can have.
const ENTRIES: usize = 16;
/// What a person's ID can have: a token's subject, or the host application's `principal`. In bytes.
const PERSON: usize = 128;

/// The size of a value by the rules of the DynamoDB Developer Guide, "DynamoDB item sizes and formats". It says nothing about sets, which
/// count like lists here: rather too much than too little.
fn size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number.trim_end_matches('0').len().div_ceil(2) + 1,
        AttributeValue::Bool(_) => 1,
        AttributeValue::Ss(texts) => 3 + texts.iter().map(|text| 1 + text.len()).sum::<usize>(),
        AttributeValue::M(entries) => 3 + entries.iter().map(|(name, value)| 1 + name.len() + size(value)).sum::<usize>(),
        other => panic!("the service writes no {other:?}"),
    }
}

fn row_size(row: &Row) -> usize {
    row.iter().map(|(name, value)| name.len() + size(value)).sum()
}

#[test]
fn sizes_are_those_of_the_developer_guide() {
    let sizes = [
        (AttributeValue::S("Zürich".to_owned()), 7),
        (AttributeValue::N("1893456000123".to_owned()), 8),
        (AttributeValue::N("604800".to_owned()), 3),
        (AttributeValue::N("0".to_owned()), 1),
        (AttributeValue::Bool(true), 1),
        (AttributeValue::M([("team".to_owned(), AttributeValue::S("blue".to_owned()))].into()), 3 + 1 + 8),
        (AttributeValue::Ss(vec!["one".to_owned(), "two".to_owned()]), 3 + 2 + 6),
    ];
    for (value, expected) in sizes {
        assert_eq!(size(&value), expected, "{value:?}");
    }
}

const NOW: i64 = 1_893_456_000_123;

fn now() -> Timestamp {
    at(NOW)
}

fn operation(number: usize) -> OperationId {
    OperationId(format!("{number:012}"))
}

/// The URN of a person: the form of a token's caller.
fn person(namespace: &str, region: &str, issuer: &str, subject: &str) -> String {
    format!("urn:{namespace}:identity:{region}:012345678912:user/{issuer}:{subject}")
}

/// A person as a typical deployment names her.
fn typical_person() -> String {
    person("cloudone", "ca-1", "acme", SUBJECT)
}

/// A UUID, the most common kind of subject.
const SUBJECT: &str = "5e2f4a4e-6b2c-4f4e-9a55-0c3ad1d0a7b3";

/// An invitation that was emailed and delivered; the event of that is not published yet.
fn delivered() -> Invitation {
    let created = pending(now());
    let mut typical = Invitation {
        resource: Resource { email: parsed("jane.roe@corp.example.com"), invited_by: typical_person(), ..created.resource.clone() },
        operations: [operation(1)].into(),
        sender: Some("Alexandra Doe".to_owned()),
        locale: Some(parsed("de-CH")),
        ..created
    };
    typical.outbox.put(EventType::Created, now());
    let claimed = typical.published().with_reminder(RemindBefore::default()).claimed(operation(2), now());
    claimed.delivered(1, Delivery { status: DeliveryStatus::Delivered, at: now(), reason: None })
}

/// The same, after its reminder: the event of that is not published yet.
fn reminded() -> Invitation {
    let claimed = delivered().published().claimed(operation(3), now());
    assert!(row_size(&to_row(&claimed, None)) < row_size(&to_row(&claimed.reminded(1, now()), None)));
    claimed.reminded(1, now())
}

/// The same as [`delivered`], accepted: the event of that is not published yet.
fn accepted(by: &str) -> Invitation {
    let mut accepted = delivered().published().closed(Closing::Accepted, now(), operation(3));
    accepted.resource.accepted_by = Some(by.to_owned());
    accepted
}

/// An invitation that was created with an API key, and accepted on the word of the host application, which says who accepted.
fn accepted_through_host() -> Invitation {
    let mut accepted = accepted(SUBJECT);
    accepted.resource.invited_by = "urn:cloudone:identity:ca-1:012345678912:apikey/0123456789ab".to_owned();
    accepted
}

/// What a host application stores with an invitation, and what is reserved beyond today's attributes.
struct Reserved {
    /// How many entries metadata has.
    entries: usize,
    /// The bytes of the metadata as JSON and of the redirect together.
    metadata: usize,
    /// The bytes of the names and values in `more`.
    more: usize,
}

/// Everything that can be requested, at its limit.
const LIMITS: Reserved = Reserved { entries: ENTRIES, metadata: METADATA, more: 0 };
/// What a host application stores that needs a few IDs, and what lists may show in years to come.
const TYPICAL: Reserved = Reserved { entries: 4, metadata: 128, more: 64 };

/// Metadata with so many entries, and so many bytes as JSON.
fn json_of(entries: usize, bytes: usize) -> Metadata {
    let empty: BTreeMap<String, String> = (0..entries).map(|number| (format!("k{number:x}"), String::new())).collect();
    let rest = bytes - serde_json::to_string(&empty).expect("it is JSON").len();
    let value = |number: usize| "v".repeat(rest / entries + usize::from(number < rest % entries));
    let filled: BTreeMap<String, String> = empty.into_keys().enumerate().map(|(number, name)| (name, value(number))).collect();
    let metadata: Metadata = parsed(&serde_json::to_string(&filled).expect("it is JSON"));
    assert_eq!(metadata.to_string().len(), bytes);
    metadata
}

/// The invitation with metadata and a redirect of so many bytes together.
fn carrying(invitation: &Invitation, entries: usize, bytes: usize) -> Invitation {
    let redirect: Redirect = parsed(&format!("{:r<length$}", "https://a.b/", length = bytes / 4));
    let metadata = json_of(entries, bytes - redirect.as_str().len());
    assert!(check_size(Some(&metadata), Some(&redirect)).is_ok());
    let mut carrying = invitation.clone();
    carrying.resource.metadata = Some(metadata);
    carrying.resource.redirect = Some(redirect);
    carrying
}

/// The invitation's row with everything that is reserved for emailed ones. It is in both indexes of due invitations, as after an early
/// report or a change before the expiry.
fn reserved(invitation: &Invitation, Reserved { entries, metadata, more }: &Reserved) -> Row {
    let map = |entries: usize, bytes: usize| {
        let entry = |number: usize| {
            let value = bytes / entries + usize::from(number < bytes % entries) - 2;
            (format!("k{number:x}"), AttributeValue::S("v".repeat(value)))
        };
        AttributeValue::M((0..entries).map(entry).collect())
    };
    let mut row = to_row(&carrying(invitation, *entries, *metadata), policy().retention);
    assert!(row.contains_key("late_at"), "an event waits");
    row.insert("due_at".to_owned(), AttributeValue::N(NOW.to_string()));
    // A planned reminder takes less.
    row.remove("remind");
    row.insert("reminded".to_owned(), AttributeValue::N(NOW.to_string()));
    if *more > 0 {
        row.insert("more".to_owned(), map(2, *more));
    }
    row
}

/// The same for an invitation whose link was handed out without an email.
fn link_only(invitation: &Invitation, stored: &Reserved) -> Row {
    let mut row = reserved(invitation, stored);
    for attribute in ["delivery", "reminded"] {
        assert!(row.remove(attribute).is_some(), "{attribute}");
    }
    row.insert("link_only".to_owned(), AttributeValue::Bool(true));
    row
}

#[test]
fn a_typical_row_costs_one_unit_with_everything_that_is_reserved() {
    for (row, what) in [
        (reserved(&delivered(), &LIMITS), "emailed, limits"),
        (link_only(&delivered(), &LIMITS), "link only, limits"),
        (reserved(&delivered(), &TYPICAL), "emailed, typical"),
        (reserved(&reminded(), &LIMITS), "reminded, limits"),
        (reserved(&reminded(), &TYPICAL), "reminded, typical"),
        (link_only(&delivered(), &TYPICAL), "link only, typical"),
        (reserved(&accepted_through_host(), &TYPICAL), "accepted through a host, typical"),
        (reserved(&accepted(&typical_person()), &Reserved { entries: 4, metadata: 64, more: 64 }), "accepted by a person, half of it"),
    ] {
        let size = row_size(&row);
        println!("{what}: {size} bytes");
        assert!(size < UNIT, "{what}: {size} bytes");
    }
}

fn largest_person() -> String {
    person(&"n".repeat(32), &"r".repeat(32), &"i".repeat(16), &"s".repeat(PERSON))
}

/// The largest invitation: with the longest values, as many sendings as can be configured, as many updates as there can be, and three
/// unpublished events.
fn largest() -> Invitation {
    let domain = [60, 62, 62].map(|length| "d".repeat(length)).join(".");
    let mut largest = Invitation {
        resource: Resource {
            email: parsed(&format!("{}@{domain}.de", "l".repeat(64))),
            role: parsed(&"r".repeat(64)),
            invited_by: largest_person(),
            delivery: None,
            ..delivered().resource
        },
        sends: 20,
        operations: (0..20 + MAX_UPDATES).map(operation).collect(),
        sender: Some("\u{1f600}".repeat(80)),
        locale: Some(parsed("zh-Hant-TW")),
        feedback_since: 20,
        ..delivered().published()
    };
    largest.link.version = 20;
    largest.link.key_id = "k".repeat(8);
    for status in [DeliveryStatus::Bounced, DeliveryStatus::Complained] {
        largest = largest.delivered(20, Delivery { status, at: now(), reason: Reason::of(&"r".repeat(100)) });
    }
    largest = largest.closed(Closing::Accepted, now(), operation(20 + MAX_UPDATES));
    largest.resource.accepted_by = Some(largest_person());
    largest
}

#[test]
fn a_large_row_costs_two_to_four_units() {
    let largest = largest();
    assert_eq!((largest.resource.email.normalised().as_str().len(), largest.outbox.events.len()), (254, 3));
    for (row, units, what) in [
        (reserved(&accepted(&typical_person()), &TYPICAL), 2, "accepted by a person, typical"),
        (reserved(&accepted(&typical_person()), &LIMITS), 2, "accepted by a person, limits"),
        (to_row(&largest, policy().retention), 3, "largest, nothing reserved"),
        (to_row(&carrying(&largest, ENTRIES, METADATA), policy().retention), 3, "largest, limits of today"),
        (reserved(&largest, &Reserved { more: 64, ..LIMITS }), 4, "largest, limits"),
    ] {
        let size = row_size(&row);
        println!("{what}: {size} bytes");
        assert_eq!(size.div_ceil(UNIT), units, "{what}: {size} bytes");
    }
}

/// docs/scale.md and the alarm `PartitionGrowthAlarm` compute with this size.
#[test]
fn the_largest_invitation_of_today_takes_at_most_8_1_kb_with_its_index_entries() {
    const OVERHEAD: usize = 100;
    let row = to_row(&carrying(&largest(), ENTRIES, METADATA), policy().retention);
    let is_in = |index: &str, name: &str| ["pk", "sk", index].contains(&name) || PROJECTED.contains(&name);
    let entry = |index: &str| row_size(&row.iter().filter(|(name, _)| is_in(index, name)).map(|(n, v)| (n.clone(), v.clone())).collect());
    let entries = ["by_state", "by_email", "by_role"].map(entry);
    let total = row_size(&row) + entries.iter().sum::<usize>() + 4 * OVERHEAD;
    println!("largest row with its entries {entries:?}: {total} bytes");
    assert!((8_000..=8_100).contains(&total), "{entries:?}: {total} bytes");
}
