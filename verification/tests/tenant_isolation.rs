//! T15: one module builds partition keys. Their type has no other constructor; this test finds a key that is spelled out by hand
//! and handed to the SDK without it.
//!
//! `tests/api/tenant_isolation.rs` shows that the requests which the service really sends stay in their account's partitions.

use std::{fs, path::Path};

/// The module that builds partition keys.
const KEYS: &str = "shared/src/store/keys.rs";
/// The texts that a hand-written partition key needs: its attribute, its placeholder, or the prefix of its value.
const SPELLINGS: [&str; 8] = ["\"pk\"", "\":pk\"", "PK.to_owned()", "\"A#", "\"KEYS#", "\"SETTINGS#", "\"EXTERNAL#", "\"ISSUER#"];

/// The lines of a source that spell out a partition key.
fn violations(file: &str, source: &str) -> Vec<String> {
    let lines = source.lines().map(str::trim).enumerate().filter(|(_, line)| !line.starts_with("//"));
    let found = lines.filter(|(_, line)| SPELLINGS.iter().any(|spelling| line.contains(spelling)));
    found.map(|(number, line)| format!("{file}:{}: {line}", number + 1)).collect()
}

/// The sources of a folder, except for unit tests.
fn sources(root: &Path, folder: &str, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(root.join(folder)).expect("a folder of sources") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("a name");
        let path = format!("{folder}/{name}");
        if entry.path().is_dir() && name != "tests" {
            sources(root, &path, found);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.push((path, fs::read_to_string(entry.path()).expect("a source")));
        }
    }
}

#[test]
fn t15_only_one_module_spells_out_partition_keys() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all = Vec::new();
    for folder in ["shared/src", "functions/src"] {
        sources(&root, folder, &mut all);
    }
    let (keys, others): (Vec<_>, Vec<_>) = all.iter().partition(|(file, _)| file == KEYS);
    assert!(keys.len() == 1 && !violations(KEYS, &keys[0].1).is_empty(), "{KEYS} is where they are spelled");
    let found: Vec<String> = others.iter().flat_map(|(file, source)| violations(file, source)).collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_key_spelled_out_elsewhere_is_found() {
    for bad in [
        r#"let key = format!("A#{account}");"#,
        r#"let rows = query("KEYS#").await?;"#,
        r#"primary(format!("EXTERNAL#{id}"), sk)"#,
        r#"primary(format!("ISSUER#{name}"), sk)"#,
        r#"    text("SETTINGS#" .to_owned() + account)"#,
        r#"HashMap::from([("pk".to_owned(), AttributeValue::S(other)), sk])"#,
        r#".expression_attribute_values(":pk", text(anything))"#,
        r#"row.insert(keys::PK.to_owned(), text(account));"#,
    ] {
        assert_eq!(violations("shared/src/store/lock.rs", bad).len(), 1, "{bad}");
    }
    for good in ["let apk = 1;", "/// The partition key, `pk`.", "\"attribute_not_exists(#pk)\""] {
        assert_eq!(violations("shared/src/store/lock.rs", good), Vec::<String>::new(), "{good}");
    }
}
