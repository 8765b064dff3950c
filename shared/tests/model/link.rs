//! The secrets of links; the table stores only their hashes (T4, T16).

use proptest::prelude::*;
use shared::domain::link::{Link, LinkKeys, Nonce};

use super::support::{ACCOUNT, ID, LINK_SECRET, OTHER_ACCOUNT, any_account, any_id, parsed, policy};

const OTHER_SECRET: &str = "ABCDEF0123456789abcdef0123456789";

fn keys(text: &str) -> LinkKeys {
    parsed(text)
}

/// The link of the known answer, or one that differs from it in one value.
fn link(keys: &str, account: &str, id: &str, version: u32, nonce: Nonce) -> Link {
    parsed::<LinkKeys>(keys).link(&parsed(account), parsed(id), version, nonce)
}

fn nonce() -> Nonce {
    std::array::from_fn(|place| place as u8)
}

#[test]
fn the_hash_is_sha_256_of_hmac_sha_256_over_account_id_version_and_nonce() {
    let link = link(LINK_SECRET, ACCOUNT, ID, 1, nonce());
    let hex: String = link.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    // Computed independently: with another hash every issued link would be invalid.
    assert_eq!(hex, "71bf0a87ed45fb292be52affe9231ac2c61454c654aeb6167d132c8f8e1cc250");
    assert_eq!((link.version, link.nonce), (1, nonce()));
}

#[test]
fn the_secret_depends_on_account_id_version_nonce_and_key() {
    let one_key = LINK_SECRET;
    let mut other_nonce = nonce();
    other_nonce[15] ^= 1;
    let mut hashes = vec![
        link(one_key, ACCOUNT, ID, 1, nonce()).hash,
        link(one_key, OTHER_ACCOUNT, ID, 1, nonce()).hash,
        link(one_key, ACCOUNT, "3FDCA1955AE7EB167B25D7D90AC02B9E", 1, nonce()).hash,
        link(one_key, ACCOUNT, ID, 2, nonce()).hash,
        link(one_key, ACCOUNT, ID, 1 << 24, nonce()).hash,
        link(one_key, ACCOUNT, ID, 1, other_nonce).hash,
        link(OTHER_SECRET, ACCOUNT, ID, 1, nonce()).hash,
    ];
    let made = hashes.len();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), made);
}

#[test]
fn the_first_key_makes_new_links() {
    for (text, first) in
        [(format!("{LINK_SECRET},{OTHER_SECRET}"), LINK_SECRET), (format!("{OTHER_SECRET},{LINK_SECRET},{LINK_SECRET}"), OTHER_SECRET)]
    {
        assert_eq!(link(&text, ACCOUNT, ID, 1, nonce()), link(first, ACCOUNT, ID, 1, nonce()));
    }
}

#[test]
fn the_name_of_a_key_has_four_characters_and_is_not_part_of_it() {
    let names = [LINK_SECRET, OTHER_SECRET].map(|secret| link(secret, ACCOUNT, ID, 1, nonce()).key_id);
    assert_ne!(names[0], names[1]);
    for name in names {
        assert!(name.len() == 4 && !LINK_SECRET.contains(&name) && !OTHER_SECRET.contains(&name), "{name}");
    }
}

#[test]
fn secrets_have_at_least_32_characters() {
    for text in [
        LINK_SECRET.to_owned(),
        "+/=_-".repeat(7),
        "s".repeat(4096),
        format!("{LINK_SECRET},{OTHER_SECRET}"),
        // Switched to the same secret by mistake: it does no harm.
        format!("{LINK_SECRET},{LINK_SECRET}"),
    ] {
        assert!(text.parse::<LinkKeys>().is_ok(), "{text}");
    }
}

#[test]
fn malformed_keys_are_rejected_without_repeating_them() {
    for text in [
        String::new(),
        ",".to_owned(),
        LINK_SECRET[1..].to_owned(),
        format!("1:{LINK_SECRET}"),
        format!("{LINK_SECRET} "),
        format!(" {LINK_SECRET}"),
        format!("{LINK_SECRET}\n"),
        format!("{LINK_SECRET}é"),
        format!("{LINK_SECRET},"),
        format!(",{LINK_SECRET}"),
        format!("{LINK_SECRET},short"),
        format!("short,{LINK_SECRET}"),
        format!("{{{{resolve:secretsmanager:{LINK_SECRET}}}}}"),
    ] {
        let error = text.parse::<LinkKeys>().expect_err(&text);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(&LINK_SECRET[1..]) && !shown.contains("short"), "{shown}");
        assert!(shown.starts_with("must be secret[,secret…]"), "{shown}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let keys = keys(&format!("{LINK_SECRET},{OTHER_SECRET}"));
    let shown = format!("{keys:?} {keys:#?} {:?}", policy());
    assert!(!shown.contains(LINK_SECRET) && !shown.contains(OTHER_SECRET), "{shown}");
    // Nor as bytes: '0' and '1' are 48 and 49.
    assert!(!shown.contains("48, 49"), "{shown}");
    let name = link(LINK_SECRET, ACCOUNT, ID, 1, nonce()).key_id;
    assert!(shown.contains(&name), "the signing key is named: {shown}");
}

proptest! {
    #[test]
    fn no_two_sendings_share_a_secret(
        one in (any_account(), any_id(), any::<u32>(), any::<Nonce>()),
        other in (any_account(), any_id(), any::<u32>(), any::<Nonce>()),
        same in any::<(bool, bool, bool, bool)>(),
    ) {
        let other = (
            if same.0 { one.0.clone() } else { other.0 },
            if same.1 { one.1 } else { other.1 },
            if same.2 { one.2 } else { other.2 },
            if same.3 { one.3 } else { other.3 },
        );
        let keys = keys(LINK_SECRET);
        let hash = |(account, id, version, nonce): &(_, _, _, _)| keys.link(account, *id, *version, *nonce).hash;
        prop_assert_eq!(hash(&one) == hash(&other), one == other);
    }

    #[test]
    fn arbitrary_text_causes_no_panic(text in prop_oneof![any::<String>(), "[a-z0-9,]{0,80}", "[A-Za-z0-9]{30,34}(,[A-Za-z0-9]{30,34})?"]) {
        let _: Result<LinkKeys, _> = text.parse();
    }
}
