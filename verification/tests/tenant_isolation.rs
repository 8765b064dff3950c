//! T15: one module makes partition keys, and every other source only asks it for them.
//!
//! This reads the sources, as text: who put a key together letter by letter would get past it. That the requests which the
//! service really sends stay in their account's partitions is shown by `tests/api/tenant_isolation.rs`.

use std::{collections::BTreeSet, fs, path::Path};

/// The module that may.
const MAKER: &str = "shared/src/store/keys.rs";
/// What partition keys begin with.
const KINDS: [&str; 3] = ["A#", "KEYS#", "SETTINGS#"];

/// Where other modules name the partition key's attribute: the file, what the line holds, and why no key is made there.
const READS: [(&str, &str, &str); 25] = [
    ("shared/src/store/erase.rs", "keys::{self, Bounds, Key, PK, SK},", "imports the name"),
    ("shared/src/store/erase.rs", "expression_attribute_names(\"#pk\", PK)", "names the attribute"),
    ("shared/src/store/erase.rs", "projection_expression(\"#pk, sk, inv\")", "names the attribute"),
    ("shared/src/store/outbox.rs", "self, Key, PK, SK,", "imports the name"),
    ("shared/src/store/outbox.rs", "pub fn parse(pk: &str, sk: &str)", "reads a row"),
    ("shared/src/store/outbox.rs", "keys::parse_invitation_key(pk, sk)", "reads a row"),
    ("functions/src/delivery/deliver_invitations.rs", "pk: Text,", "reads a record of the stream"),
    ("functions/src/delivery/deliver_invitations.rs", "InvitationKey::parse(&keys.pk.text, &keys.sk.text)", "reads a record of the stream"),
    ("shared/src/store/lock.rs", "attribute_not_exists(#pk)", "asks whether there is a row"),
    ("shared/src/store/create.rs", "attribute_not_exists(#pk)", "asks whether there is a row"),
    ("shared/src/store/idempotency.rs", "attribute_not_exists(#pk)", "asks whether there is a row"),
    ("shared/src/store/api_keys.rs", "attribute_not_exists(pk)", "asks whether there is a row"),
    ("shared/src/store/api_keys.rs", "attribute_exists(pk)", "asks whether there is a row"),
    ("shared/src/store/outbox.rs", "attribute_exists(pk)", "asks whether there is a row"),
    ("shared/src/store/api_keys.rs", "key_condition_expression(\"pk = :pk\")", "names the attribute"),
    ("shared/src/store/api_keys.rs", "(\":pk\", text(keys::api_key_partition(account)))", "takes the maker's"),
    ("shared/src/store/read.rs", "\"#pk = :pk AND #at BETWEEN :from AND :to\"", "names the attribute"),
    ("shared/src/store/read.rs", "expression_attribute_names(\"#pk\", keys::PK)", "names the attribute"),
    ("shared/src/store/read.rs", "(\":pk\", text(keys::partition(who.account())))", "takes the maker's"),
    ("shared/src/store/erase.rs", "\"#pk = :pk AND #sk BETWEEN :from AND :to\"", "names the attribute"),
    ("shared/src/store/erase.rs", "(\":pk\", text(keys::partition(account)))", "takes the maker's"),
    ("shared/src/store/item.rs", "(keys::PK, text(keys::partition(&invitation.account)))", "takes the maker's"),
    ("shared/src/store/item.rs", "row.read(keys::PK, keys::parse_partition)", "reads a row"),
    ("shared/src/store/api_keys.rs", "row.read(keys::PK, keys::parse_api_key_partition)", "reads a row"),
    ("shared/src/store/outbox.rs", "InvitationKey::parse(row.get(PK)", "reads a row"),
];

/// What a source does that only the maker may: makes a partition key, or names its attribute where that is not listed.
fn offences(file: &str, source: &str, used: &mut BTreeSet<usize>) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in source.lines().enumerate() {
        let code = line.trim();
        if code.starts_with("//") {
            continue;
        }
        let names = code.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).any(|word| matches!(word, "pk" | "PK"));
        let listed = READS.iter().position(|(place, holds, _)| *place == file && code.contains(holds));
        used.extend(listed.filter(|_| names));
        if KINDS.iter().any(|kind| code.contains(&format!("\"{kind}"))) || names && listed.is_none() {
            found.push(format!("{file}:{}: {}", number + 1, code));
        }
    }
    found
}

/// The sources of a folder, tests and what is no Rust left out.
fn sources(root: &Path, folder: &str, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(root.join(folder)).expect("a folder of sources") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("a name");
        let path = format!("{folder}/{name}");
        if entry.path().is_dir() && name != "tests" {
            sources(root, &path, found);
        } else if name.ends_with(".rs") && name != "tests.rs" && path != MAKER {
            found.push((path.clone(), fs::read_to_string(entry.path()).expect("a source")));
        }
    }
}

#[test]
fn t15_only_one_module_makes_partition_keys() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut all, mut used) = (Vec::new(), BTreeSet::new());
    for folder in ["shared/src", "functions/src"] {
        sources(&root, folder, &mut all);
    }
    for named in READS.map(|(file, _, _)| file) {
        assert!(all.iter().any(|(file, _)| file == named), "{named} is not among the sources");
    }
    let found: Vec<String> = all.iter().flat_map(|(file, source)| offences(file, source, &mut used)).collect();
    assert_eq!(found, Vec::<String>::new());
    let unused: Vec<_> = (0..READS.len()).filter(|place| !used.contains(place)).map(|place| READS[place]).collect();
    assert_eq!(unused, [], "listed, and not there");
    let maker = fs::read_to_string(root.join(MAKER)).expect("the maker");
    for kind in KINDS {
        assert!(maker.contains(&format!("\"{kind}")), "{kind} is made elsewhere");
    }
}

#[test]
fn whoever_makes_one_elsewhere_is_found() {
    for bad in [
        r#"let key = format!("A#{account}");"#,
        r#"let rows = query("KEYS#").await?;"#,
        r#"    text("SETTINGS#" .to_owned() + account)"#,
        r#"HashMap::from([("pk".to_owned(), AttributeValue::S(other)), sk])"#,
        r#".expression_attribute_values(":pk", text(anything))"#,
        r#"row.insert(keys::PK.to_owned(), text(account));"#,
        r#"let url = "https://example.com"; row.insert(PK, url);"#,
        // Right in its own file, and only there.
        r#".expression_attribute_values(":pk", text(keys::partition(who.account())))"#,
    ] {
        assert_eq!(offences("shared/src/store/lock.rs", bad, &mut BTreeSet::new()).len(), 1, "{bad}");
    }
    for good in ["let apk = 1;", "/// The partition key, `pk`.", "\"attribute_not_exists(#pk)\""] {
        assert_eq!(offences("shared/src/store/lock.rs", good, &mut BTreeSet::new()), Vec::<String>::new(), "{good}");
    }
}
