//! `GET /accept`: the page behind the link in a mail.
//!
//! The page is one document that loads nothing and is the same for everyone. The token is in the link's fragment, which a
//! browser does not send: this function never sees it, reads no row and changes nothing, so that a mail scanner that follows
//! the link finds words and two buttons. All that is particular to an invitation the page's script asks `POST
//! /invitations/lookup` for, and only a person's click accepts or declines.
//!
//! A HEAD is answered like the GET, without the page.
//!
//! While the service is being maintained the page is served like always. A browser shows a 503 as bare JSON; the page has a
//! sentence for the one that its lookup gets, and a button for trying again.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use sha2::{Digest, Sha256};
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
        route::Route,
    },
    texts::{PageTexts, Words},
};

/// What this endpoint answers to.
pub const ROUTE: Route = Route { methods: &["GET", "HEAD"], path: "/accept" };

const STYLE: &str = include_str!("accept_page/page.css");
const SCRIPT: &str = concat!(include_str!("accept_page/words.js"), include_str!("accept_page/page.js"));

/// Headers that are the same whatever the page's words are.
const HEADERS: [(&str, &str); 8] = [
    ("content-type", "text/html; charset=utf-8"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("strict-transport-security", "max-age=63072000"),
    (
        "permissions-policy",
        "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), clipboard-write=(), display-capture=(), \
         encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), hid=(), idle-detection=(), magnetometer=(), microphone=(), \
         midi=(), payment=(), picture-in-picture=(), publickey-credentials-create=(), publickey-credentials-get=(), \
         screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()",
    ),
];

/// The page, and which style and script a browser may take for its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The document.
    pub html: String,
    /// Its Content-Security-Policy.
    pub csp: String,
}

/// The words of one language as the script takes them.
#[derive(Serialize)]
struct Spoken<'a> {
    direction: &'static str,
    roles: BTreeMap<&'a str, &'a str>,
    #[serde(flatten)]
    words: &'a BTreeMap<String, String>,
}

impl<'a> Spoken<'a> {
    fn of(locale: &Locale, words: &'a Words) -> Self {
        let roles = words.roles.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
        Self { direction: locale.direction(), roles, words: &words.page }
    }
}

impl Page {
    /// The page in all languages that there are.
    #[must_use]
    pub fn new(PageTexts { languages, logo }: &PageTexts) -> Self {
        let all: Vec<_> = languages.locales().map(|locale| (locale, languages.words(locale))).collect();
        let words: BTreeMap<&str, Spoken<'_>> = all.iter().map(|(locale, words)| (locale.as_str(), Spoken::of(locale, words))).collect();

        let logo = logo.as_ref().map(Logo::as_str);
        let script = format!("const WORDS = {};\nconst LOGO = {};\n{SCRIPT}", in_script(&to_json(&words)), in_script(&to_json(&logo)));
        let csp = format!(
            "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
            source(&script),
            source(STYLE)
        );
        // Without the script nobody knows which language it is to be, and all are there.
        let scriptless = all.iter().filter_map(|(locale, words)| {
            let text = in_html(words.page.get("noscript")?);
            Some(format!("<p lang=\"{locale}\" dir=\"{}\">{text}</p>", locale.direction()))
        });
        let scriptless: String = scriptless.collect();
        let html = format!(include_str!("accept_page/page.html"), style = STYLE, scriptless = scriptless, script = script);
        Self { html, csp }
    }

    /// From the process's environment.
    ///
    /// # Errors
    /// All that is wrong with the texts.
    pub fn from_env() -> Result<Self, ConfigError> {
        let texts = PageTexts::load(read_texts(&variable).as_deref()).map_err(ConfigError)?;
        Ok(Self::new(&texts))
    }
}

impl Endpoint for Page {
    /// Never: see the top of this file.
    fn maintenance(&self) -> Option<Duration> {
        None
    }
}

/// Answers with the page.
///
/// # Errors
/// None.
pub async fn handle(page: &Page, _: &Request) -> Result<Reply, ApiError> {
    let reply = Reply::ok(page.html.clone()).with("content-security-policy", page.csp.clone());
    Ok(HEADERS.iter().fold(reply, |reply, (name, value)| reply.with(name, (*value).to_owned())))
}

/// What a policy calls an inline style or script that has just these bytes.
fn source(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// JSON that cannot end the script it stands in, nor a line of it.
fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// Text that is no markup.
fn in_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
