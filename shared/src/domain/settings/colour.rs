//! Colours: `#rrggbb`.

use std::{fmt, str::FromStr};

use crate::domain::text::{Malformed, excerpt};

/// A colour, in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Colour {
    text: Box<str>,
    channels: [u8; 3],
}

impl Colour {
    /// `#rrggbb`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Black or white, whichever has the higher contrast on this colour. It is always at least 4.5 (WCAG).
    #[must_use]
    pub fn text_on(&self) -> &'static str {
        // The contrast of two luminances is (lighter + 0.05) / (darker + 0.05).
        let luminance = self.luminance() + 0.05;
        if luminance / 0.05 >= 1.05 / luminance { "#000000" } else { "#ffffff" }
    }

    /// WCAG's relative luminance: 0 for black, 1 for white.
    fn luminance(&self) -> f64 {
        let [red, green, blue] = self.channels.map(|channel| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Colour {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed(format!("'{}' is not a colour: write # and six hexadecimal digits, such as #0b5fff", excerpt(text)));
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let number = u32::from_str_radix(digits.ok_or_else(malformed)?, 16).map_err(|_| malformed())?;
        let [_, channels @ ..] = number.to_be_bytes();
        Ok(Self { text: text.to_ascii_lowercase().into(), channels })
    }
}
