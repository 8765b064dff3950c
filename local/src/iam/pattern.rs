//! Patterns of policies, with `*` for any text and `?` for one character.

/// A pattern for actions and values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Box<str>);

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        Self(text.into())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        matches(&self.0, text, |a, b| a == b)
    }

    pub(super) fn matches_ignoring_case(&self, text: &str) -> bool {
        matches(&self.0, text, |a, b| a.eq_ignore_ascii_case(&b))
    }
}

/// A pattern for ARNs. In the first five of its six parts a wildcard does not match beyond the colon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ArnPattern {
    Any,
    Parts([Pattern; 6]),
}

impl ArnPattern {
    /// `None` if the text is neither `*` nor an ARN.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        let parts: Vec<Pattern> = text.splitn(6, ':').map(Pattern::new).collect();
        let parts = <[Pattern; 6]>::try_from(parts).ok()?;
        (&*parts[0].0 == "arn").then_some(Self::Parts(parts))
    }

    pub(super) fn matches(&self, arn: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Parts(parts) => {
                let mut texts = arn.splitn(6, ':');
                parts.iter().all(|part| texts.next().is_some_and(|text| part.matches(text)))
            }
        }
    }
}

/// Whether the whole text matches. After a mismatch, the last `*` takes one more character.
fn matches(pattern: &str, text: &str, same: impl Fn(char, char) -> bool) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut last_star = None;
    loop {
        let before = text.clone();
        match (pattern.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                text = before.clone();
                last_star = Some((pattern.clone(), before));
                if pattern.as_str().is_empty() {
                    return true;
                }
            }
            (Some(expected), Some(found)) if expected == '?' || same(expected, found) => {}
            _ => {
                let Some((after, mut rest)) = last_star.take() else { return false };
                if rest.next().is_none() {
                    return false;
                }
                (pattern, text) = (after.clone(), rest.clone());
                last_star = Some((after, rest));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_the_whole_text() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("*", "abc", true),
            ("a*", "a", true),
            ("a*", "b", false),
            ("A#*", "A#012345678912", true),
            ("A#*", "A#", true),
            ("A#?*", "A#", false),
            ("A#?*", "A#0", true),
            ("A#?*", "KEYS#0", false),
            ("*c", "abc", true),
            ("*c", "abcd", false),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abcccde", true),
            ("a*c*e", "abce0", false),
            ("*ab", "aab", true),
            ("*?", "", false),
            ("??", "é1", true),
            ("?", "", false),
            ("a?c", "a*c", true),
            ("a", "A", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern} {text}");
        }
        assert!(Pattern::new("dynamodb:get*").matches_ignoring_case("dynamodb:GetItem"));
        assert!(!Pattern::new("dynamodb:get*").matches_ignoring_case("dynamodb:PutItem"));
    }

    #[test]
    fn a_wildcard_of_an_arn_stays_in_its_part_except_in_the_last() {
        let table = "arn:aws:dynamodb:us-east-1:123456789012:table/invitations";
        for (pattern, arn, expected) in [
            ("*", table, true),
            (table, table, true),
            ("arn:*:dynamodb:*:*:table/*", table, true),
            ("arn:aws:*:table/invitations:*:*", table, false),
            ("arn:aws:*:*:*:*", table, true),
            ("arn:aws:dynamodb:us-east-1:123456789012:table/invitations/index/*", table, false),
            (
                "arn:aws:dynamodb:us-east-1:123456789012:table/invit*",
                "arn:aws:dynamodb:us-east-1:123456789012:table/invitations/index/due",
                true,
            ),
            ("arn:aws:logs:r:1:log-group:a:*", "arn:aws:logs:r:1:log-group:a:log-stream:b", true),
            ("arn:aws:logs:r:1:*", "arn:aws:logs:r:1:log-group:a:log-stream:b", true),
            (table, "*", false),
        ] {
            assert_eq!(ArnPattern::parse(pattern).unwrap().matches(arn), expected, "{pattern} {arn}");
        }
        for text in ["", "invitations", "arn:aws:dynamodb:*:table/invitations", "arn*", "**", "xarn:a:b:c:d:e"] {
            assert_eq!(ArnPattern::parse(text), None, "{text}");
        }
    }
}
