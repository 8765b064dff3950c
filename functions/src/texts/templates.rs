//! The templates of mails: built in, or files that replace them.

use std::path::PathBuf;

use minijinja::{Environment, Error, UndefinedBehavior, Value, value::Serde};
use serde::Serialize;

/// What a template may show. All of it is plain text; in HTML the template engine escapes it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct EmailVariables {
    /// The language's tag.
    pub(crate) lang: String,
    /// `ltr` or `rtl`.
    pub(crate) dir: &'static str,
    /// The same as the mail's.
    pub(crate) subject: String,
    /// Who invites to what, with which role.
    pub(crate) intro: String,
    /// Until when it can be accepted.
    pub(crate) expiry: String,
    /// What the button says.
    pub(crate) button: String,
    /// What stands above the link, below a button.
    pub(crate) fallback: String,
    /// What stands above the link, without a button.
    pub(crate) link_intro: String,
    /// The link. It has nothing that would have to be escaped, and is not: mail clients know it again only as it is.
    pub(crate) link: Value,
    /// Not to pass the link on.
    pub(crate) secret: String,
    /// What to do who knows of nothing.
    pub(crate) ignore: String,
    /// The button's colour.
    pub(crate) colour: String,
    /// That of the text on it.
    pub(crate) on_colour: &'static str,
}

/// The source of both parts' templates.
#[derive(Debug, Clone)]
pub(crate) struct Templates {
    html: Template,
    text: Template,
}

/// One template.
#[derive(Debug, Clone)]
struct Template {
    /// The kind of the file that it came from decides whether values are escaped.
    name: &'static str,
    source: String,
}

impl Templates {
    /// The templates of these files, or those that are built in. A file is tried out: a mail is no place to find out that it
    /// asks for something that there is not.
    pub(super) fn new(html: Option<(PathBuf, String)>, text: Option<(PathBuf, String)>, note: &mut impl FnMut(String)) -> Self {
        let mut template = |name, file: Option<(PathBuf, String)>, built_in: &str| {
            let Some((path, source)) = file else { return Template { name, source: built_in.to_owned() } };
            let template = Template { name, source };
            match template.render(&sample()) {
                Err(error) => note(format!("{}: {error}", path.display())),
                Ok(mail) if !mail.contains(SAMPLE_LINK) => note(format!("{}: does not contain the link", path.display())),
                Ok(_) => {}
            }
            template
        };
        Self {
            html: template("email.html", html, include_str!("email.html")),
            text: template("email.txt", text, include_str!("email.txt")),
        }
    }

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

/// The link that a template is tried with.
const SAMPLE_LINK: &str = "https://example.com/#sample";

/// Something to try a template with.
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
