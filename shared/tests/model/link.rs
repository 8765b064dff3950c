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
    let link = link(&format!("k1:{LINK_SECRET}"), ACCOUNT, ID, 1, nonce());
    let hex: String = link.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    // Computed independently: with another hash every issued link would be invalid.
    assert_eq!(hex, "71bf0a87ed45fb292be52affe9231ac2c61454c654aeb6167d132c8f8e1cc250");
    assert_eq!((link.key_id.as_str(), link.version, link.nonce), ("k1", 1, nonce()));
}

#[test]
fn the_secret_depends_on_account_id_version_nonce_and_key() {
    let one_key = format!("k1:{LINK_SECRET}");
    let mut other_nonce = nonce();
    other_nonce[15] ^= 1;
    let mut hashes = vec![
        link(&one_key, ACCOUNT, ID, 1, nonce()).hash,
        link(&one_key, OTHER_ACCOUNT, ID, 1, nonce()).hash,
        link(&one_key, ACCOUNT, "3FDCA1955AE7EB167B25D7D90AC02B9E", 1, nonce()).hash,
        link(&one_key, ACCOUNT, ID, 2, nonce()).hash,
        link(&one_key, ACCOUNT, ID, 1 << 24, nonce()).hash,
        link(&one_key, ACCOUNT, ID, 1, other_nonce).hash,
        link(&format!("k1:{OTHER_SECRET}"), ACCOUNT, ID, 1, nonce()).hash,
    ];
    let made = hashes.len();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), made);
}

#[test]
fn the_secret_does_not_depend_on_the_keys_id() {
    let named = |id: &str| link(&format!("{id}:{LINK_SECRET}"), ACCOUNT, ID, 1, nonce());
    assert_eq!(named("a").hash, named("b").hash);
    assert_eq!(named("b").key_id, "b");
}

#[test]
fn the_first_key_signs_whatever_the_order_of_the_ids() {
    for (text, first) in [
        (format!("b:{LINK_SECRET},a:{OTHER_SECRET}"), format!("b:{LINK_SECRET}")),
        (format!("a:{OTHER_SECRET},b:{LINK_SECRET}"), format!("a:{OTHER_SECRET}")),
        (format!("c:{LINK_SECRET},b:{OTHER_SECRET},a:{OTHER_SECRET}"), format!("c:{LINK_SECRET}")),
    ] {
        assert_eq!(link(&text, ACCOUNT, ID, 1, nonce()), link(&first, ACCOUNT, ID, 1, nonce()));
    }
}

#[test]
fn keys_are_ids_of_1_to_8_characters_and_secrets_of_at_least_32() {
    for text in [
        format!("1:{LINK_SECRET}"),
        format!("abcdef09:{LINK_SECRET}"),
        format!("1:{}", "+/=_-".repeat(7)),
        format!("1:{}", "s".repeat(4096)),
        format!("1:{LINK_SECRET},2:{LINK_SECRET}"),
    ] {
        assert!(text.parse::<LinkKeys>().is_ok(), "{text}");
    }
}

#[test]
fn malformed_keys_are_rejected_without_repeating_them() {
    for text in [
        String::new(),
        ":".to_owned(),
        ",".to_owned(),
        LINK_SECRET.to_owned(),
        format!(":{LINK_SECRET}"),
        "1:".to_owned(),
        format!("1:{}", &LINK_SECRET[1..]),
        format!("123456789:{LINK_SECRET}"),
        format!("A:{LINK_SECRET}"),
        format!("a-b:{LINK_SECRET}"),
        format!("é:{LINK_SECRET}"),
        format!("1:{LINK_SECRET} "),
        format!(" 1:{LINK_SECRET}"),
        format!("1:{LINK_SECRET}\n"),
        format!("1:{LINK_SECRET}é"),
        format!("1:{LINK_SECRET}:x"),
        format!("1:{LINK_SECRET},"),
        format!(",1:{LINK_SECRET}"),
        format!("1:{LINK_SECRET},2"),
        format!("1:{LINK_SECRET},2:short"),
        format!("1:{LINK_SECRET},1:{OTHER_SECRET}"),
        format!("1:{{{{resolve:secretsmanager:{LINK_SECRET}}}}}"),
    ] {
        let error = text.parse::<LinkKeys>().expect_err(&text);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(&LINK_SECRET[1..]) && !shown.contains("short"), "{shown}");
        assert!(shown.starts_with("must be id:secret[,id:secret…]"), "{shown}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let keys = keys(&format!("k1:{LINK_SECRET},k2:{OTHER_SECRET}"));
    let shown = format!("{keys:?} {keys:#?} {:?}", policy());
    assert!(!shown.contains(LINK_SECRET) && !shown.contains(OTHER_SECRET), "{shown}");
    // Nor as bytes: '0' and '1' are 48 and 49.
    assert!(!shown.contains("48, 49"), "{shown}");
    assert!(shown.contains("k1"), "the signing key is named: {shown}");
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
        let keys = keys(&format!("1:{LINK_SECRET}"));
        let hash = |(account, id, version, nonce): &(_, _, _, _)| keys.link(account, *id, *version, *nonce).hash;
        prop_assert_eq!(hash(&one) == hash(&other), one == other);
    }

    #[test]
    fn arbitrary_text_causes_no_panic(text in prop_oneof![any::<String>(), "[a-z0-9:,]{0,80}", "[a-c]:[A-Za-z0-9]{30,34}(,[a-c]:[A-Za-z0-9]{30,34})?"]) {
        let _: Result<LinkKeys, _> = text.parse();
    }
}
