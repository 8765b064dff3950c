//! Entity tags and their lists.

use proptest::prelude::*;
use shared::domain::entity_tag::{EntityTag, EntityTags};

use super::support::parsed;

const MALFORMED: &str = "must be * or a list of entity tags, each in double quotes";

/// Whether a header includes the tag of `{}`, by the strong and by the weak comparison.
fn includes(header: &str) -> (bool, bool) {
    let (tags, tag) = (parsed::<EntityTags>(header), EntityTag::of("{}"));
    (tags.include_strongly(&tag), tags.include_weakly(&tag))
}

#[test]
fn a_tag_is_the_first_half_of_the_bodys_hash() {
    // Computed independently: clients keep tags across deployments.
    for (body, tag) in [("{}", "\"RBNvo1WzZ4oRRq0W9-hkng\""), ("", "\"47DEQpj8HBSa-_TImW-5JA\"")] {
        assert_eq!(EntityTag::of(body).to_string(), tag);
    }
}

#[test]
fn a_tag_is_found_alone_and_anywhere_in_a_list() {
    let tag = EntityTag::of("{}");
    for header in
        [format!("{tag}"), format!(" {tag}\t"), format!("\"a\",{tag}"), format!("{tag} , W/\"a\""), format!(",, {tag},\t,"), "*".to_owned()]
    {
        assert_eq!(includes(&header), (true, true), "{header}");
    }
    for header in ["\"*\"", "\"\"", "\"a\", \"b\"", "\"rbnvo1wzz4orrq0w9-hkng\"", "\"{}\""] {
        assert_eq!(includes(header), (false, false), "{header}");
    }
    // A comma belongs to the tag between quotes, and a backslash escapes nothing.
    assert_eq!(includes(&format!("\"a,\\\",{tag}")), (true, true));
    assert_eq!(includes(&format!("\"a,{}\"", tag.to_string().replace('"', ""))), (false, false));
}

#[test]
fn a_weak_tag_is_equal_only_in_the_weak_comparison() {
    let tag = EntityTag::of("{}");
    assert_eq!(includes(&format!("W/{tag}")), (false, true));
    assert_eq!(includes(&format!("\"a\", W/{tag}")), (false, true));
    assert_eq!(includes(&format!("W/{tag}, {tag}")), (true, true));
    assert_eq!(includes("W/\"a\""), (false, false));
}

#[test]
fn what_is_neither_a_star_nor_a_list_of_tags_is_malformed() {
    for header in [
        "",
        " \t",
        ",",
        " , ,",
        "a",
        "'a'",
        "\"",
        "\"a",
        "a\"",
        "\"a\"b",
        "\"a\" \"b\"",
        "\"a\"\"b\"",
        "\"a\"; \"b\"",
        "w/\"a\"",
        "W\"a\"",
        "W/ \"a\"",
        "W/a",
        "W/",
        "W/*",
        "**",
        "*, *",
        "*, \"a\"",
        "\"a\", *",
        "\"a b\"",
        "\"a\tb\"",
        "\"a\nb\"",
        "\"a\u{7f}\"",
        "\n\"a\"",
    ] {
        let error = header.parse::<EntityTags>().expect_err(header);
        assert_eq!(error.to_string(), MALFORMED, "{header:?}");
    }
}

proptest! {
    #[test]
    fn bodies_have_the_same_tag_only_if_they_are_equal(one in "[ab]{0,3}", other in "[ab]{0,3}") {
        prop_assert_eq!(EntityTag::of(&one) == EntityTag::of(&other), one == other);
    }

    #[test]
    fn every_list_of_tags_is_parsed_and_includes_exactly_its_own(
        tags in prop::collection::vec(("[!#-~\u{80}-\u{ff}]{0,5}", any::<bool>()), 1..5),
        body in "[a-z]{0,2}",
        at in 0_usize..8,
    ) {
        let own = EntityTag::of(&body);
        let mut parts: Vec<String> = tags.iter().map(|(text, weak)| format!("{}\"{text}\"", if *weak { "W/" } else { "" })).collect();
        let listed = at <= parts.len();
        if listed {
            parts.insert(at, own.to_string());
        }
        let read: EntityTags = parsed(&parts.join(" , "));
        prop_assert_eq!((read.include_strongly(&own), read.include_weakly(&own)), (listed, listed));
    }

    #[test]
    fn no_header_causes_a_panic(header in prop_oneof![any::<String>(), "[\"W/*, aé\t]{0,12}"]) {
        let _: Result<EntityTags, _> = header.parse();
    }
}
