//! Texts with places to fill in: `{account}`.

/// The text with its places filled in. A value is not looked at: what looks like a place in it stays as it is.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let place = after.split_once('}').and_then(|(name, after)| Some((values.iter().find(|(known, _)| *known == name)?.1, after)));
        let (what, after) = place.unwrap_or(("{", after));
        filled.push_str(what);
        rest = after;
    }
    filled + rest
}

/// The names of a text's places.
pub(super) fn places(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}
