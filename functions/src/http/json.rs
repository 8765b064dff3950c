//! Untrusted JSON objects: fields are taken by name, and a remaining field is an error.

use std::{fmt::Display, str::FromStr};

use shared::domain::{json::Json, text::Malformed};

use crate::http::invalid::Invalid;

/// The fields of an object, without duplicate names.
pub struct Fields(Vec<(String, Json)>);

impl Fields {
    /// Parses a body. Rejects duplicate names, because two parsers could read different values.
    ///
    /// # Errors
    /// `invalid-json` if it is not a single JSON object.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let text = std::str::from_utf8(body).map_err(|_| Invalid::new("invalid-json", "the body is not valid UTF-8"))?;
        // Checked here, because the parser's message would repeat a string of any length.
        if !text.trim_start().starts_with('{') {
            return Err(Invalid::new("invalid-json", "the body must be one JSON object: it does not start with '{'"));
        }
        match Json::parse(text.as_bytes()) {
            Ok(Json::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(Invalid::new("invalid-json", "the body must be one JSON object")),
            Err(Malformed(error)) => Err(Invalid::new("invalid-json", format!("the body must be one JSON object: {error}"))),
        }
    }

    /// The fields of an object; `None` for another value.
    #[must_use]
    pub fn of(value: Json) -> Option<Self> {
        match value {
            Json::Object(fields) => Some(Self(fields)),
            _ => None,
        }
    }

    /// Whether it has a field.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| field == name)
    }

    /// Takes an optional field.
    ///
    /// # Errors
    /// `invalid-field` if it is not a string, `code` if it cannot be parsed.
    pub fn optional<T: FromStr<Err: Display>>(&mut self, name: &str, code: &'static str) -> Result<Option<T>, Invalid> {
        self.optional_text(name)?.map(|text| text.parse().map_err(|error| Invalid::field(code, name, error))).transpose()
    }

    /// Takes a required field.
    ///
    /// # Errors
    /// `missing-field`, or those of [`Self::optional`].
    pub fn required<T: FromStr<Err: Display>>(&mut self, name: &str, code: &'static str) -> Result<T, Invalid> {
        self.optional(name, code)?.ok_or_else(|| missing(name))
    }

    /// Takes an optional field of another type.
    ///
    /// # Errors
    /// `code` if it cannot be parsed.
    pub fn optional_value<T>(&mut self, name: &str, code: &'static str) -> Result<Option<T>, Invalid>
    where
        for<'a> T: TryFrom<&'a Json, Error = Malformed>,
    {
        let Some(value) = self.take(name) else { return Ok(None) };
        T::try_from(&value).map(Some).map_err(|error| Invalid::field(code, name, error))
    }

    /// Takes an optional Boolean field.
    ///
    /// # Errors
    /// `invalid-field` if it is not a Boolean.
    pub fn optional_flag(&mut self, name: &str) -> Result<Option<bool>, Invalid> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(Invalid::field("invalid-field", name, "must be true or false")),
        }
    }

    /// Takes an array.
    ///
    /// # Errors
    /// `missing-field`, or `invalid-field` if it is not an array.
    pub fn array(&mut self, name: &str) -> Result<Vec<Json>, Invalid> {
        match self.take(name) {
            Some(Json::Array(values)) => Ok(values),
            Some(_) => Err(Invalid::field("invalid-field", name, "must be an array")),
            None => Err(missing(name)),
        }
    }

    /// Takes an optional field of any text.
    ///
    /// # Errors
    /// `invalid-field` if it is not a string.
    pub fn optional_text(&mut self, name: &str) -> Result<Option<String>, Invalid> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(_) => Err(Invalid::field("invalid-field", name, "must be a string")),
        }
    }

    /// Takes an optional field that is a number.
    ///
    /// # Errors
    /// `invalid-field` if it is not a number, `code` if it cannot be parsed.
    pub fn optional_number<T: FromStr<Err: Display>>(&mut self, name: &str, code: &'static str) -> Result<Option<T>, Invalid> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Number(number)) => number.to_string().parse().map(Some).map_err(|error| Invalid::field(code, name, error)),
            Some(_) => Err(Invalid::field("invalid-field", name, "must be a number")),
        }
    }

    /// Takes an optional field that is a number, or empty, as text.
    ///
    /// # Errors
    /// `invalid-field` if it is neither.
    pub fn optional_number_or_empty(&mut self, name: &str) -> Result<Option<String>, Invalid> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Number(number)) => Ok(Some(number.to_string())),
            Some(Json::Text(text)) if text.is_empty() => Ok(Some(text)),
            Some(_) => Err(Invalid::field("invalid-field", name, "must be a number, or the empty string to remove it")),
        }
    }

    fn take(&mut self, name: &str) -> Option<Json> {
        self.0.iter().position(|(field, _)| field == name).map(|index| self.0.remove(index).1)
    }

    /// Takes a required field of any text.
    ///
    /// # Errors
    /// `missing-field`, or `invalid-field` if it is not a string.
    pub fn required_text(&mut self, name: &str) -> Result<String, Invalid> {
        self.optional_text(name)?.ok_or_else(|| missing(name))
    }

    /// Checks that no field remains.
    ///
    /// # Errors
    /// `unknown-field`, naming the remaining and the accepted fields.
    pub fn finish(self, accepted: &[&str]) -> Result<(), Invalid> {
        let names = self.0.iter().map(|(name, _)| name.as_str());
        Invalid::unknown("unknown-field", "field", names, accepted).map_or(Ok(()), Err)
    }
}

fn missing(name: &str) -> Invalid {
    Invalid::field("missing-field", name, "is required")
}
