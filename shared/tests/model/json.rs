//! JSON without duplicate names, and pointers into it (T8, T17).

use proptest::prelude::*;
use serde_json::Value;
use shared::domain::json::{Json, Pointer};

use super::support::parsed;

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).expect("it is JSON without duplicate names")
}

fn refused(text: &str) -> String {
    Json::parse(text.as_bytes()).expect_err(text).to_string()
}

/// The same value, read by another parser.
fn converted(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Number(number) => Json::Number(number.as_f64().expect("a number")),
        Value::String(text) => Json::Text(text.clone()),
        Value::Array(values) => Json::Array(values.iter().map(converted).collect()),
        Value::Object(members) => Json::Object(members.iter().map(|(name, value)| (name.clone(), converted(value))).collect()),
    }
}

#[test]
fn a_name_that_appears_twice_is_an_error_at_any_depth() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":2,"a":3}"#,
        r#"{"x":{"a":1,"a":1}}"#,
        r#"{"x":[{"y":{"a":null,"a":null}}]}"#,
        r#"[[{"a":1,"a":{}}]]"#,
        // The same name, spelled in another way.
        r#"{"a":1,"\u0061":2}"#,
    ] {
        let error = refused(text);
        assert!(error.starts_with("the field 'a' appears twice at line 1 column "), "{error}");
    }
    assert!(refused(r#"{"":1,"":2}"#).starts_with("the field '' appears twice"));
}

#[test]
fn names_of_different_objects_and_names_that_differ_in_case_are_not_duplicates() {
    for text in [r#"{"a":{"a":{"a":1}}}"#, r#"[{"a":1},{"a":2}]"#, r#"{"A":1,"a":2}"#, r#"{"a":1,"a ":2}"#, "{\"e\u{301}\":1,\"\u{e9}\":2}"]
    {
        assert_eq!(json(text), converted(&serde_json::from_str(text).expect("JSON")), "{text}");
    }
}

#[test]
fn members_keep_their_order() {
    let Json::Object(members) = json(r#"{"b":1,"a":2,"c":3}"#) else { panic!("not an object") };
    assert_eq!(members.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["b", "a", "c"]);
}

#[test]
fn anything_but_one_value_is_an_error() {
    for text in ["", " ", "{", "[1,]", "{'a':1}", "{a:1}", "1 2", "{} {}", "nul", "NaN", "1e999", "\"\u{1}\"", "\"\\ud800\"", "\u{feff}{}"]
    {
        assert!(Json::parse(text.as_bytes()).is_err(), "{text:?}");
    }
    assert!(Json::parse(b"\"\xff\"").is_err());
    // Too deep to read without a deep stack.
    assert!(refused(&"[".repeat(100_000)).starts_with("recursion limit exceeded"));
}

#[test]
fn a_message_shows_no_value() {
    for text in [r#"{"token":"secret"}}"#, r#"{"token":"secret","a":1,"a":2}"#, r#"{"token":"secret"#] {
        assert!(!refused(text).contains("secret"), "{}", refused(text));
    }
}

#[test]
fn a_value_has_members_or_is_a_text_but_not_both() {
    let value = json(r#"{"a":"text","b":["text"]}"#);
    assert_eq!(value.get("a").and_then(Json::as_text), Some("text"));
    assert_eq!((value.get("c"), value.as_text()), (None, None));
    assert_eq!(value.get("b").and_then(Json::as_text), None);
    assert_eq!(value.get("a").and_then(|text| text.get("a")), None);
}

#[test]
fn a_pointer_leads_through_objects_and_arrays() {
    let claims = json(
        r#"{"email":"a@b.example","realm_access":{"roles":["admin","viewer"]},"https://example.com/role":"owner","a~b":{"c/d":1},
            "~1":"tilde","x y":true,"none":null,"list":[[1,[2]],{"0":"zero"}],"numbers":{"0":"first","01":"second"}}"#,
    );
    for (pointer, found) in [
        ("/email", Some(r#""a@b.example""#)),
        ("/realm_access/roles", Some(r#"["admin","viewer"]"#)),
        ("/realm_access/roles/0", Some(r#""admin""#)),
        ("/realm_access/roles/1", Some(r#""viewer""#)),
        ("/realm_access/roles/2", None),
        ("/realm_access/roles/-", None),
        ("/realm_access/roles/-1", None),
        ("/realm_access/roles/00", None),
        ("/realm_access/roles/01", None),
        ("/realm_access/roles/+1", None),
        ("/realm_access/roles/ 1", None),
        ("/realm_access/roles/18446744073709551616", None),
        ("/realm_access/roles/admin", None),
        ("/https:~1~1example.com~1role", Some(r#""owner""#)),
        ("/https:/~1example.com/role", None),
        ("/a~0b/c~1d", Some("1")),
        // ~01 is the name ~1, not a slash.
        ("/~01", Some(r#""tilde""#)),
        ("/x y", Some("true")),
        ("/x%20y", None),
        ("/none", None),
        ("/none/more", None),
        ("/email/0", None),
        ("/Email", None),
        ("/list/0/1/0", Some("2")),
        ("/list/1/0", Some(r#""zero""#)),
        // In objects, digits are names.
        ("/numbers/0", Some(r#""first""#)),
        ("/numbers/01", Some(r#""second""#)),
    ] {
        assert_eq!(parsed::<Pointer>(pointer).find(&claims), found.map(json).as_ref(), "{pointer}");
    }
}

#[test]
fn a_malformed_pointer_says_how_one_looks() {
    for text in ["", "email", "#/email", "/", "//", "/a/", "//a", "/a//b", "/~", "/a~", "/~2", "/~~0", "/~a"] {
        let error = text.parse::<Pointer>().expect_err(text).to_string();
        assert_eq!(error, format!("'{text}' is not a JSON pointer, such as /email"));
    }
}

/// Any value whose objects have no name twice.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9f64..1e9).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c~/0-9]{0,2}", inner, 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Every value inside, with the names that lead to it.
fn places(value: &Value) -> Vec<(Vec<String>, &Value)> {
    let children: Vec<(String, &Value)> = match value {
        Value::Array(values) => values.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        _ => Vec::new(),
    };
    let below = children
        .into_iter()
        .flat_map(|(name, child)| places(child).into_iter().map(move |(path, value)| ([vec![name.clone()], path].concat(), value)));
    std::iter::once((Vec::new(), value)).chain(below).collect()
}

proptest! {
    #[test]
    fn json_without_duplicates_is_read_like_any_parser_reads_it(value in any_json()) {
        prop_assert_eq!(json(&value.to_string()), converted(&value));
    }

    #[test]
    fn a_duplicate_is_found_in_every_object(value in any_json()) {
        for (path, object) in places(&value) {
            let Some((name, member)) = object.as_object().and_then(|members| members.iter().next()) else { continue };
            let text = object.to_string();
            let text = format!("{},{}:{member}}}", &text[..text.len() - 1], Value::from(name.as_str()));
            let within = path.iter().fold(text, |inner, _| format!(r#"[{{"outer":{inner}}}]"#));
            prop_assert!(Json::parse(within.as_bytes()).is_err(), "{}", within);
        }
    }

    #[test]
    fn a_pointer_finds_every_value(value in any_json()) {
        let read = json(&value.to_string());
        for (path, expected) in places(&value) {
            if path.is_empty() || path.iter().any(String::is_empty) {
                continue;
            }
            let escaped: String = path.iter().map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1"))).collect();
            let expected = Some(converted(expected)).filter(|value| *value != Json::Null);
            prop_assert_eq!(parsed::<Pointer>(&escaped).find(&read), expected.as_ref(), "{}", escaped);
        }
    }

    #[test]
    fn arbitrary_text_causes_no_panic(text in any::<String>(), bytes in any::<Vec<u8>>(), like in "[\\[\\]{}\",:0-9a~/]{0,40}") {
        let _ = (Json::parse(text.as_bytes()), Json::parse(&bytes), Json::parse(like.as_bytes()));
        let _: (Result<Pointer, _>, Result<Pointer, _>) = (text.parse(), like.parse());
    }
}
