//! Snapshots of errors: `tests/api/snapshots/{name}.snap`. After an intended change, `INSTA_UPDATE=always cargo test` rewrites
//! them; review the diff.

use std::fmt::{Display, Write};

use support::Response;

/// One snapshot file, built case by case.
pub(crate) struct Snapshot {
    name: &'static str,
    text: String,
    redactions: Vec<(String, String)>,
}

impl Snapshot {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, text: String::new(), redactions: Vec::new() }
    }

    /// Replaces a value that differs from run to run by a name.
    pub(crate) fn redact(&mut self, value: impl Display, name: &str) {
        self.redactions.push((value.to_string(), format!("[{name}]")));
    }

    /// The title of the following cases.
    pub(crate) fn section(&mut self, title: impl Display) {
        let space = if self.text.is_empty() { "" } else { "\n" };
        writeln!(self.text, "{space}# {title}").expect("writing to a string cannot fail");
    }

    /// A case on one line.
    pub(crate) fn line(&mut self, case: impl Display, shown: impl Display) {
        writeln!(self.text, "{case}: {shown}").expect("writing to a string cannot fail");
    }

    /// A response: its status, its headers beyond the three of every response, and its exact body.
    pub(crate) fn response(&mut self, case: impl Display, response: &Response) {
        let mut headers = response.headers.clone();
        let always = ["cache-control", "content-type", "x-request-id"].map(|name| headers.remove(name));
        assert_eq!(always.each_ref().map(Option::as_deref), [Some("no-store"), Some("application/json"), Some("request-1")]);
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        self.block(case, format_args!("{}\n{headers}{}", response.status, response.text));
    }

    /// A case on several lines.
    pub(crate) fn block(&mut self, case: impl Display, shown: impl Display) {
        let space = if self.text.is_empty() { "" } else { "\n" };
        writeln!(self.text, "{space}## {case}\n{shown}").expect("writing to a string cannot fail");
    }

    /// Fails the test if the file differs.
    #[track_caller]
    pub(crate) fn assert(self) {
        let text = self.redactions.iter().fold(self.text, |text, (value, name)| text.replace(value, name));
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(self.name, text));
    }
}
