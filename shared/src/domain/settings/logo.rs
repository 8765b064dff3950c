//! Logos: small pictures stored in the settings, so that the page loads nothing from elsewhere.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::domain::text::Malformed;

/// The maximum size of a picture. The settings are read for every invitation on the page.
const MAX_BYTES: usize = 16 * 1024;

/// A picture as a `data:` URL. SVG is not accepted, because it can contain scripts.
#[derive(Clone, PartialEq, Eq)]
pub struct Logo(Box<str>);

impl Logo {
    /// The `data:` URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logo({} bytes)", self.0.len())
    }
}

impl fmt::Display for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Logo {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed = |why: &str| Malformed(format!("is not a valid logo: {why}"));
        let parts = text.strip_prefix("data:image/").and_then(|rest| rest.split_once(";base64,"));
        let Some((kind, data)) = parts.filter(|(kind, _)| ["png", "jpeg", "gif", "webp"].contains(kind)) else {
            return Err(malformed("it must start with data:image/png;base64, or the same with jpeg, gif or webp"));
        };
        // Checked before decoding: four characters encode three bytes.
        if data.len() > MAX_BYTES.div_ceil(3) * 4 {
            return Err(malformed("the picture must not be larger than 16 KiB"));
        }
        let picture = STANDARD.decode(data).map_err(|error| malformed(&format!("its base64 is invalid: {error}")))?;
        if picture.len() > MAX_BYTES {
            return Err(malformed("the picture must not be larger than 16 KiB"));
        }
        if kind_of(&picture) != Some(kind) {
            return Err(malformed(&format!("its data is not a {kind} picture")));
        }
        Ok(Self(text.into()))
    }
}

/// The type of a picture, from its first bytes.
fn kind_of(picture: &[u8]) -> Option<&'static str> {
    match picture {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("png"),
        [0xff, 0xd8, 0xff, ..] => Some("jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("webp"),
        _ => None,
    }
}
