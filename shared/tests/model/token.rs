//! The token of a link (T3, T4, T8, T20).

use proptest::prelude::*;
use shared::domain::link::{Link, LinkKeys, Token};

use super::support::{ACCOUNT, ID, LINK_SECRET, OTHER_ACCOUNT, any_account, any_id, parsed};

const OTHER_SECRET: &str = "ABCDEF0123456789abcdef0123456789";

fn keys() -> LinkKeys {
    parsed(LINK_SECRET)
}

fn sent(version: u32) -> (Link, Token) {
    let (account, id) = (parsed(ACCOUNT), parsed(ID));
    let link = keys().link(&account, id, version, [version as u8; 16]);
    let token = keys().token(&account, id, &link).expect("the key is there");
    (link, token)
}

#[test]
fn a_token_has_version_account_id_and_256_bits_of_secret() {
    let (_, token) = sent(1);
    let text = token.reveal();
    let parts: Vec<&str> = text.split('.').collect();
    assert_eq!(parts[..3], ["i1", ACCOUNT, ID]);
    assert_eq!((parts.len(), parts[3].len()), (4, 43));
    assert_eq!(parsed::<Token>(&text), token);
    assert_eq!((token.account().as_str(), token.id().to_string().as_str()), (ACCOUNT, ID));
}

#[test]
fn t3_a_token_opens_its_own_sending_and_no_other() {
    let sendings = [1, 2, 3].map(sent);
    for (place, (_, token)) in sendings.iter().enumerate() {
        for (other, (link, _)) in sendings.iter().enumerate() {
            assert_eq!(token.opens(link), place == other);
        }
    }
}

#[test]
fn a_token_rebuilt_from_the_row_is_the_same() {
    let (link, token) = sent(7);
    assert_eq!(keys().token(&parsed(ACCOUNT), parsed(ID), &link), Some(token));
}

#[test]
fn a_token_cannot_be_rebuilt_without_its_key() {
    let (link, _) = sent(1);
    let replaced: LinkKeys = parsed(OTHER_SECRET);
    assert_eq!(replaced.token(&parsed(ACCOUNT), parsed(ID), &link), None);
    assert_eq!(keys().token(&parsed(OTHER_ACCOUNT), parsed(ID), &link), None);
}

#[test]
fn after_a_rotation_the_tokens_of_both_keys_can_be_rebuilt() {
    let (link, token) = sent(1);
    let (account, id) = (parsed(ACCOUNT), parsed(ID));
    for rotated in [format!("{OTHER_SECRET},{LINK_SECRET}"), format!("{OTHER_SECRET},{OTHER_SECRET}x,{LINK_SECRET}")] {
        let rotated: LinkKeys = parsed(&rotated);
        assert_eq!(rotated.token(&account, id, &link), Some(token.clone()));
        let new = rotated.link(&account, id, 2, [0; 16]);
        assert!(rotated.token(&account, id, &new).is_some_and(|token| token.opens(&new)));
        assert_ne!(new.key_id, link.key_id);
    }
}

#[test]
fn t8_a_malformed_token_is_rejected() {
    let good = sent(1).1.reveal();
    let (version, rest) = good.split_once('.').expect("four parts");
    let secret = rest.rsplit_once('.').expect("four parts").1;
    let hostile = [
        String::new(),
        " ".to_owned(),
        "...".to_owned(),
        format!("{version}..."),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}\n"),
        format!("{good}."),
        format!("{good}="),
        format!("#{good}"),
        format!("i2.{rest}"),
        format!("I1.{rest}"),
        rest.to_owned(),
        format!("i1.{ACCOUNT}.{ID}"),
        format!("i1.{ACCOUNT}.{ID}."),
        format!("i1.{ACCOUNT}.{}.{secret}", ID.to_lowercase()),
        format!("i1.{ACCOUNT}x.{ID}.{secret}"),
        format!("i1.{ACCOUNT}.{ID}.{}", &secret[1..]),
        format!("i1.{ACCOUNT}.{ID}.{secret}A"),
        format!("i1.{ACCOUNT}.{ID}.{}", secret.replace(['-', '_'], "+")) + "/",
        good.replace('.', "%2E"),
        "\0".repeat(92),
        "i1".repeat(100_000),
    ];
    for text in hostile {
        let error = text.parse::<Token>().expect_err(&text);
        assert_eq!(error.to_string(), "this is not a link token", "it does not repeat what may be a secret");
    }
}

#[test]
fn t4_a_token_with_any_bit_changed_opens_nothing_of_its_account_and_id() {
    let (link, token) = sent(1);
    let good = token.reveal().into_bytes();
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Some(token) = String::from_utf8(bytes).ok().and_then(|text| text.parse::<Token>().ok()) else { continue };
        let same_place = token.account().as_str() == ACCOUNT && token.id().to_string() == ID;
        assert!(!(same_place && token.opens(&link)), "bit {bit}");
    }
}

#[test]
fn debug_shows_no_token() {
    let (_, token) = sent(1);
    assert_eq!(format!("{token:?}"), "Token(***)");
}

proptest! {
    #[test]
    fn every_sending_has_its_own_token_that_round_trips(account in any_account(), id in any_id(), version in 1u32..100, nonce: [u8; 16]) {
        let link = keys().link(&account, id, version, nonce);
        let token = keys().token(&account, id, &link).expect("the key is there");
        prop_assert!(token.opens(&link));
        prop_assert_eq!(token.reveal().parse::<Token>(), Ok(token));
    }

    #[test]
    fn arbitrary_text_makes_no_token_parser_panic(text in ".{0,200}") {
        let _: Result<Token, _> = text.parse();
    }
}
