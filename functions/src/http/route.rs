//! Routes: methods, a path, and how large a body may be.

use std::fmt;

/// The methods and the path that an endpoint serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The HTTP methods, the main one first. A HEAD gets the response of the GET without the body (RFC 9110, 9.3.2).
    pub methods: &'static [&'static str],
    /// The path, with parameters in braces.
    pub path: &'static str,
    /// The maximum size of a body in bytes, after decoding base64.
    pub max_body: usize,
}

impl Route {
    /// A route with the usual size of bodies.
    #[must_use]
    pub const fn new(methods: &'static [&'static str], path: &'static str) -> Self {
        Self { methods, path, max_body: 64 * 1024 }
    }

    /// The main method.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.methods.first().copied().unwrap_or_default()
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method(), self.path)
    }
}
