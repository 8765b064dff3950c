//! Email templates: the built-in ones, or files that replace them.

use std::path::PathBuf;

use minijinja::{Environment, Error, UndefinedBehavior, Value, value::Serde};
use serde::Serialize;
use shared::domain::courier::EmailKind;

use super::files;

/// The variables of a template. All are plain text; the template engine escapes them in HTML.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct EmailVariables {
    /// The language's tag.
    pub(crate) lang: String,
    /// `ltr` or `rtl`.
    pub(crate) dir: &'static str,
    /// The email's subject.
    pub(crate) subject: String,
    /// Who invites to which account, with which role.
    pub(crate) intro: String,
    /// Until when the invitation can be accepted.
    pub(crate) expiry: String,
    /// The button's label.
    pub(crate) button: String,
    /// The sentence before the link, below the button.
    pub(crate) fallback: String,
    /// The sentence before the link, if there is no button.
    pub(crate) link_intro: String,
    /// The link. It is not escaped: it contains no special characters, and email clients recognise it only unescaped.
    pub(crate) link: Value,
    /// The request not to share the link.
    pub(crate) secret: String,
    /// The note for recipients who did not expect the email.
    pub(crate) ignore: String,
    /// The button's colour.
    pub(crate) colour: String,
    /// The colour of the button's label.
    pub(crate) on_colour: &'static str,
}

/// The templates of both emails. The words of both come from the variables, so both have the same built-in templates.
#[derive(Debug, Clone)]
pub(crate) struct EmailTemplates {
    invitation: Templates,
    reminder: Templates,
}

/// The templates of both parts.
#[derive(Debug, Clone)]
pub(crate) struct Templates {
    html: Template,
    text: Template,
}

/// One template.
#[derive(Debug, Clone)]
struct Template {
    /// The file name; its extension decides whether values are escaped.
    name: &'static str,
    source: String,
}

impl EmailTemplates {
    /// The templates in these files, or the built-in ones. A reminder without templates of its own has those of the invitation. Each file
    /// is rendered once as a trial, so that errors show up at start and not when an email is sent.
    pub(super) fn new(files: &[PathBuf], note: &mut impl FnMut(String)) -> Self {
        let mut template = |name: &'static str| {
            let path = files.iter().find(|file| file.ends_with(name))?;
            let template = Template { name, source: files::read(path, note)? };
            match template.render(&sample()) {
                Err(error) => note(format!("{}: {error}", path.display())),
                Ok(email) if !email.contains(SAMPLE_LINK) => note(format!("{}: does not contain the link", path.display())),
                Ok(_) => {}
            }
            Some(template)
        };
        let built_in = |name, source: &str| Template { name, source: source.to_owned() };
        let invitation = Templates {
            html: template("email.html").unwrap_or_else(|| built_in("email.html", include_str!("email.html"))),
            text: template("email.txt").unwrap_or_else(|| built_in("email.txt", include_str!("email.txt"))),
        };
        let reminder = Templates {
            html: template("reminder.html").unwrap_or_else(|| invitation.html.clone()),
            text: template("reminder.txt").unwrap_or_else(|| invitation.text.clone()),
        };
        Self { invitation, reminder }
    }

    /// The templates of an email.
    pub(crate) fn of(&self, kind: EmailKind) -> &Templates {
        match kind {
            EmailKind::Invitation => &self.invitation,
            EmailKind::Reminder => &self.reminder,
        }
    }
}

impl Templates {
    /// The HTML part.
    pub(crate) fn html(&self, variables: &EmailVariables) -> Result<String, Error> {
        self.html.render(variables)
    }

    /// The text part.
    pub(crate) fn text(&self, variables: &EmailVariables) -> Result<String, Error> {
        self.text.render(variables)
    }
}

impl Template {
    fn render(&self, variables: &EmailVariables) -> Result<String, Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.render_named_str(self.name, &self.source, Serde(variables))
    }
}

/// The link in the trial rendering.
const SAMPLE_LINK: &str = "https://example.com/#sample";

/// The variables of the trial rendering.
fn sample() -> EmailVariables {
    let text = || "x".to_owned();
    EmailVariables {
        lang: "en".to_owned(),
        dir: "ltr",
        subject: text(),
        intro: text(),
        expiry: text(),
        button: text(),
        fallback: text(),
        link_intro: text(),
        link: Value::from_safe_string(SAMPLE_LINK.to_owned()),
        secret: text(),
        ignore: text(),
        colour: "#000000".to_owned(),
        on_colour: "#ffffff",
    }
}
