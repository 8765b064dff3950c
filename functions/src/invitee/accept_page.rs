//! `GET /accept`: the page that the link in an email opens.
//!
//! The page is a single document that loads nothing and is the same for everyone. The token is in the link's fragment, which a
//! browser does not send. This function never sees it, reads no row and changes nothing, so email scanners that follow the link do
//! no harm. The page's script gets the invitation from `POST /invitations/lookup`, and only a click accepts or declines.
//!
//! A HEAD request gets the same response without the page.
//!
//! During maintenance the page is served as usual: a browser would show a 503 as bare JSON, while the page explains the 503 of its
//! lookup and offers to try again.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use shared::{
    config::{ConfigError, read_texts},
    domain::settings::{Locale, Logo},
};

use crate::{
    app::variable,
    http::{
        edge::Endpoint,
        error::ApiError,
        event::Request,
        output::{Reply, to_json},
        page::{self, Clipboard, csp_hash, in_html, in_script},
        route::Route,
    },
    texts::{LanguageTexts, PageTexts},
};

/// The route of this endpoint.
pub const ROUTE: Route = Route::new(&["GET", "HEAD"], "/accept");

const STYLE: &str = include_str!("accept_page/page.css");
const SCRIPT: &str = concat!(include_str!("accept_page/words.js"), include_str!("accept_page/page.js"));

/// The page and its Content-Security-Policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The document.
    pub html: String,
    /// Its Content-Security-Policy.
    pub csp: String,
}

/// The texts of one language, as the script reads them.
#[derive(Serialize)]
struct ScriptTexts<'a> {
    direction: &'static str,
    roles: BTreeMap<&'a str, &'a str>,
    #[serde(flatten)]
    texts: &'a BTreeMap<String, String>,
}

impl<'a> ScriptTexts<'a> {
    fn of(locale: &Locale, texts: &'a LanguageTexts) -> Self {
        let roles = texts.roles.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
        Self { direction: locale.direction(), roles, texts: &texts.page }
    }
}

impl Page {
    /// The page in all available languages.
    #[must_use]
    pub fn new(PageTexts { languages, logo }: &PageTexts) -> Self {
        let all: Vec<_> = languages.locales().map(|locale| (locale, languages.texts(locale))).collect();
        let texts: BTreeMap<&str, ScriptTexts<'_>> =
            all.iter().map(|(locale, texts)| (locale.as_str(), ScriptTexts::of(locale, texts))).collect();

        let logo = logo.as_ref().map(Logo::as_str);
        let script = format!("const WORDS = {};\nconst LOGO = {};\n{SCRIPT}", in_script(&to_json(&texts)), in_script(&to_json(&logo)));
        let csp = format!(
            "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
            csp_hash(&script),
            csp_hash(STYLE)
        );
        // Without the script the reader's language is unknown, so the text appears in all languages.
        let scriptless = all.iter().filter_map(|(locale, texts)| {
            let text = in_html(texts.page.get("noscript")?);
            Some(format!("<p lang=\"{locale}\" dir=\"{}\">{text}</p>", locale.direction()))
        });
        let scriptless: String = scriptless.collect();
        let html = format!(include_str!("accept_page/page.html"), style = STYLE, scriptless = scriptless, script = script);
        Self { html, csp }
    }

    /// Reads the environment.
    ///
    /// # Errors
    /// All problems of the texts.
    pub fn from_env() -> Result<Self, ConfigError> {
        let texts = PageTexts::load(read_texts(&variable).as_deref()).map_err(ConfigError)?;
        Ok(Self::new(&texts))
    }
}

impl Endpoint for Page {
    /// Never: see the module's documentation.
    fn maintenance(&self) -> Option<Duration> {
        None
    }
}

/// Returns the page.
///
/// # Errors
/// None.
pub async fn handle(page: &Page, _: &Request) -> Result<Reply, ApiError> {
    Ok(page::reply(&page.html, &page.csp, Clipboard::Off))
}
