//! Filter patterns of CloudWatch Logs, by the part of the language that the template uses. Everything else panics.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>

use serde_json::Value;

/// Whether a filter finds a line of a log.
pub(crate) fn matches(pattern: &str, line: &str) -> bool {
    if let Some(text) = pattern.strip_prefix('%').and_then(|pattern| pattern.strip_suffix('%')) {
        assert!(text.chars().all(char::is_alphanumeric), "only plain text is known: {text}");
        return line.contains(text);
    }
    let json =
        pattern.strip_prefix("{ ").and_then(|pattern| pattern.strip_suffix(" }")).unwrap_or_else(|| panic!("not a pattern: {pattern}"));
    let Ok(line) = serde_json::from_str(line) else { return false };
    let tokens = tokens(json);
    let mut parser = Parser { tokens: &tokens, line: &line };
    let result = parser.any();
    assert!(parser.tokens.is_empty(), "{:?} is left of {pattern}", parser.tokens);
    result
}

/// Words, texts in quotes with their first quote, brackets and operators.
fn tokens(mut pattern: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    loop {
        pattern = pattern.trim_start();
        let Some(first) = pattern.chars().next() else { return tokens };
        let length = match first {
            '(' | ')' => 1,
            '"' => pattern[1..].find('"').expect("the text ends") + 1,
            '=' | '!' | '<' | '>' | '&' | '|' => pattern.find(|c| !"=!<>&|".contains(c)).expect("something follows"),
            _ => pattern.find([' ', ')']).unwrap_or(pattern.len()),
        };
        tokens.push(pattern[..length].to_owned());
        pattern = &pattern[length + usize::from(first == '"')..];
    }
}

struct Parser<'a> {
    tokens: &'a [String],
    line: &'a Value,
}

impl Parser<'_> {
    fn next(&mut self) -> &str {
        let (first, rest) = self.tokens.split_first().expect("the pattern is complete");
        self.tokens = rest;
        first
    }

    fn takes(&mut self, token: &str) -> bool {
        let found = self.tokens.first().is_some_and(|first| first == token);
        self.tokens = &self.tokens[usize::from(found)..];
        found
    }

    fn any(&mut self) -> bool {
        let mut result = self.all();
        while self.takes("||") {
            result |= self.all();
        }
        result
    }

    fn all(&mut self) -> bool {
        let mut result = self.one();
        while self.takes("&&") {
            result &= self.one();
        }
        result
    }

    fn one(&mut self) -> bool {
        if self.takes("(") {
            let result = self.any();
            assert!(self.takes(")"), "a bracket is missing");
            return result;
        }
        let path = self.next().strip_prefix("$.").expect("a selector").replace('.', "/");
        let found = self.line.pointer(&format!("/{path}"));
        let (operator, operand) = (self.next().to_owned(), self.next().to_owned());
        match (operator.as_str(), operand.strip_prefix('"')) {
            ("=", Some(text)) => found.and_then(Value::as_str) == Some(text),
            ("=", None) => found.and_then(Value::as_f64) == Some(number(&operand)),
            (">=", None) => found.and_then(Value::as_f64).is_some_and(|found| found >= number(&operand)),
            ("IS", None) => found == Some(&Value::Bool(operand == "TRUE")),
            _ => panic!("an unknown comparison: {operator} {operand}"),
        }
    }
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("not a number: {text}"))
}

#[test]
fn a_pattern_finds_what_its_comparisons_say() {
    let line = r#"{"type":"report","record":{"status":"error"},"code":201,"done":false}"#;
    for (pattern, expected) in [
        (r#"{ $.type = "report" }"#, true),
        (r#"{ $.type = "other" }"#, false),
        (r#"{ $.other = "report" }"#, false),
        (r#"{ $.record.status = "error" && $.type = "other" }"#, false),
        (r#"{ $.type = "other" && $.type = "other" || $.code = 201 }"#, true),
        (r#"{ $.type = "other" && ($.type = "other" || $.code = 201) }"#, false),
        (r#"{ ($.code >= 201) && ($.done IS FALSE) }"#, true),
        (r#"{ $.code >= 202 }"#, false),
        (r#"{ $.code = "201" }"#, false),
        (r#"{ $.done IS TRUE }"#, false),
        ("%report%", true),
        ("%Report%", false),
    ] {
        assert_eq!(matches(pattern, line), expected, "{pattern}");
    }
    assert!(!matches(r#"{ $.type = "report" }"#, "no JSON"));
}
