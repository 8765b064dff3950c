//! The changes to a cursor or a token.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use support::random::Random;

/// The length of a cursor's digest, which is its last part.
const DIGEST: usize = 16;

/// The parts of a cursor after its version: id, time, time of the first page, rest of the address, digest.
fn cursor_parts(bytes: &[u8]) -> [&[u8]; 5] {
    let digest = bytes.len() - DIGEST;
    [&bytes[1..17], &bytes[17..25], &bytes[25..33], &bytes[33..digest], &bytes[digest..]]
}

/// A change and its result.
pub(super) type Changed = (&'static str, String);

pub(super) fn of_cursor(token: &str, others: &[String], random: &mut Random) -> Vec<Changed> {
    let mut changed = of_text(token);
    let bytes = decoded(token);
    changed.extend(flipped(&bytes).map(|bytes| ("a bit of its contents flipped", URL_SAFE_NO_PAD.encode(bytes))));
    for version in (0..=u8::MAX).filter(|version| *version != bytes[0]).step_by(5) {
        let mut bytes = bytes.clone();
        bytes[0] = version;
        changed.push(("another version", URL_SAFE_NO_PAD.encode(bytes)));
    }
    for _ in 0..8 {
        let other = decoded(random.pick::<String>(others));
        let (own, theirs) = (cursor_parts(&bytes), cursor_parts(&other));
        for index in 0..own.len() {
            let (mut one, mut rest) = (own, own);
            one[index] = theirs[index];
            rest[index..].copy_from_slice(&theirs[index..]);
            changed.extend([one, rest].map(|parts| {
                let bytes = [&bytes[..1], &parts.concat()].concat();
                ("a part of another cursor", URL_SAFE_NO_PAD.encode(bytes))
            }));
        }
    }
    changed.retain(|(_, text)| text != token);
    changed
}

/// The changes of a cursor whose parts are not known here.
pub(super) fn of_own_cursor(token: &str) -> Vec<Changed> {
    let (mut changed, bytes) = (of_text(token), decoded(token));
    changed.extend(flipped(&bytes).map(|bytes| ("a bit of its contents flipped", URL_SAFE_NO_PAD.encode(bytes))));
    changed.retain(|(_, text)| text != token);
    changed
}

pub(super) fn of_token(token: &str, others: &[String], random: &mut Random) -> Vec<Changed> {
    let mut changed = of_text(token);
    let parts: Vec<&str> = token.split('.').collect();
    let [version, account, id, secret] = parts[..] else { return changed };
    let join = |account: &str, id: &str, secret: &str| [version, account, id, secret].join(".");
    changed.extend(flipped(&decoded(secret)).map(|it| ("a bit of its secret flipped", join(account, id, &URL_SAFE_NO_PAD.encode(it)))));
    let bits = id.parse::<shared::domain::InvitationId>().map(|id| flipped(id.as_bytes()).collect::<Vec<_>>()).unwrap_or_default();
    let written = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    changed.extend(bits.iter().map(|bytes| ("a bit of its id flipped", join(account, &written(bytes), secret))));
    for version in ["", "i", "i0", "i2", "I1", "i01", "i1 ", "ik"] {
        changed.push(("another version", [version, account, id, secret].join(".")));
    }
    let mut mixed = |other: &str| {
        let parts: Vec<&str> = other.split('.').collect();
        let [_, its_account, its_id, its_secret] = parts[..] else { return };
        for (account, id, secret) in [
            (its_account, id, secret),
            (account, its_id, secret),
            (account, id, its_secret),
            (its_account, its_id, secret),
            (account, its_id, its_secret),
            (its_account, id, its_secret),
        ] {
            changed.push(("a part of another token", join(account, id, secret)));
        }
    };
    (0..8).for_each(|_| mixed(random.pick::<String>(others)));
    changed.push(("another spelling", join(account, &id.to_ascii_lowercase(), secret)));
    changed.retain(|(_, text)| text != token);
    changed
}

/// The changes that any text allows.
fn of_text(text: &str) -> Vec<Changed> {
    let mut changed: Vec<Changed> = Vec::new();
    for (index, byte) in text.bytes().enumerate() {
        for bit in 0..8 {
            let flipped = char::from(byte ^ (1 << bit));
            changed.push(("a bit flipped", format!("{}{flipped}{}", &text[..index], &text[index + 1..])));
        }
    }
    changed.extend((0..text.len()).map(|end| ("its end truncated", text[..end].to_owned())));
    changed.extend((1..text.len()).map(|start| ("its beginning removed", text[start..].to_owned())));
    let percent: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let spellings = [
        format!("{text}="),
        format!("{text}=="),
        format!("{text}%3D"),
        format!("{text}A"),
        format!("{text}.A"),
        format!(" {text}"),
        format!("{text} "),
        format!("{text}\n"),
        format!("{text}\0"),
        format!("\u{feff}{text}"),
        format!("\"{text}\""),
        format!("{text}{text}"),
        format!("{text},{text}"),
        text.to_ascii_lowercase(),
        text.to_ascii_uppercase(),
        text.replace('-', "+").replace('_', "/"),
        text.replace('.', "．"),
        text.chars().rev().collect(),
        percent,
    ];
    changed.extend(spellings.map(|text| ("another spelling", text)));
    changed
}

fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("issued cursors and secrets are base64url")
}

/// The bytes with one bit flipped, for every bit.
fn flipped(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}
