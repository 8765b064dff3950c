//! `GET /console`: the console, a page with the panel, for people who sign in at a configured issuer; and `GET /console/{file}`.
//!
//! The page is the same for everyone, reads no row and calls no issuer: its script signs the person in, keeps the tokens in memory, and
//! hands them to the panel, which calls the API. A HEAD request gets the same response without the body.
//!
//! During maintenance page and files are served as usual: the panel explains the 503 of the API.

use std::time::Duration;

use serde::{Serialize, Serializer};
use shared::{
    config::{ConfigError, read_issuers, read_texts},
    domain::{
        Rejected,
        entity_tag::{EntityTag, EntityTags},
        issuer::{self, Issuer, Issuers},
    },
};

use crate::{
    app::{combine, variable},
    http::{
        edge::Endpoint,
        error::ApiError,
        event::Request,
        output::{Reply, to_json},
        page::{self, Clipboard, csp_hash, in_html, in_script},
        route::Route,
    },
    texts::PanelTexts,
};

/// The route of the page. The files are below it.
pub const ROUTE: Route = Route::new(&["GET", "HEAD"], "/console");

/// The panel: the custom element in one file.
pub const PANEL: &str = include_str!("../../../panel/dist/invitations-panel.js");
/// The version of the panel, in its address.
const VERSION: &str = include_str!(concat!(env!("OUT_DIR"), "/panel-version.txt"));
/// The attribute `integrity` of the panel's element.
const INTEGRITY: &str = include_str!(concat!(env!("OUT_DIR"), "/panel-integrity.txt"));

const STYLE: &str = concat!(include_str!("../invitee/accept_page/page.css"), include_str!("console_page/page.css"));
const SCRIPT: &str =
    concat!(include_str!("../invitee/accept_page/words.js"), include_str!("console_page/session.js"), include_str!("console_page/page.js"));

/// A file whose name has its version never changes.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// Any other is only used again if it has not changed.
const IF_UNCHANGED: &str = "no-cache";

/// The page, its Content-Security-Policy, and its files.
#[derive(Debug)]
pub struct Console {
    /// The document.
    pub html: String,
    /// Its Content-Security-Policy.
    pub csp: String,
    /// The panel's texts in all languages, as JSON.
    pub texts: String,
}

/// An issuer, as the script reads it.
#[derive(Serialize)]
struct ScriptIssuer<'a> {
    name: &'a str,
    issuer: &'a str,
    #[serde(rename = "clientID")]
    client_id: &'a str,
    #[serde(rename = "authorizationEndpoint")]
    authorization_endpoint: &'a str,
    #[serde(rename = "tokenEndpoint")]
    token_endpoint: &'a str,
    #[serde(rename = "endSessionEndpoint", skip_serializing_if = "Option::is_none")]
    end_session_endpoint: Option<&'a str>,
    scope: &'a str,
    #[serde(serialize_with = "as_object")]
    parameters: &'a [(String, String)],
    token: &'static str,
}

fn as_object<S: Serializer>(members: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(members.iter().map(|(name, value)| (name, value)))
}

impl<'a> ScriptIssuer<'a> {
    fn of(issuer: &'a Issuer) -> Option<Self> {
        let issuer::Console { client_id, authorization_endpoint, token_endpoint, end_session_endpoint, scope, parameters, token } =
            issuer.console()?;
        Some(Self {
            name: issuer.name().as_str(),
            issuer: issuer.url(),
            client_id,
            authorization_endpoint: authorization_endpoint.as_str(),
            token_endpoint: token_endpoint.as_str(),
            end_session_endpoint: end_session_endpoint.as_ref().map(issuer::Endpoint::as_str),
            scope,
            parameters,
            token: token.as_str(),
        })
    }
}

impl Console {
    /// The page in all available languages, for the issuers at which people can sign in.
    #[must_use]
    pub fn new(issuers: &Issuers, texts: &PanelTexts) -> Self {
        let consoles: Vec<_> = issuers.iter().filter_map(ScriptIssuer::of).collect();
        let script = format!(
            "const WORDS = {};\nconst ISSUERS = {};\n{SCRIPT}",
            in_script(&to_json(&texts.of_console())),
            in_script(&to_json(&consoles))
        );
        // The two scripts, whatever the origin serves besides them: the hash of a file is that of its attribute `integrity`. The page
        // calls the API and exchanges codes, and the panel writes to no sink that takes markup.
        let mut origins: Vec<_> = issuers.iter().filter_map(Issuer::console).map(|console| console.token_endpoint.origin()).collect();
        origins.sort_unstable();
        origins.dedup();
        let connect: String = origins.iter().map(|origin| format!(" {origin}")).collect();
        let csp = format!(
            "default-src 'none'; script-src '{}' '{INTEGRITY}'; style-src '{}'; connect-src 'self'{connect}; img-src data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
            csp_hash(&script),
            csp_hash(STYLE)
        );
        // Without the script the reader's language is unknown, so the text appears in all languages.
        let scriptless: String = texts
            .console("noscript")
            .map(|(locale, text)| format!("<p lang=\"{locale}\" dir=\"{}\">{}</p>", locale.direction(), in_html(text)))
            .collect();
        let html = format!(
            include_str!("console_page/page.html"),
            style = STYLE,
            scriptless = scriptless,
            script = script,
            version = VERSION,
            integrity = INTEGRITY
        );
        Self { html, csp, texts: to_json(&texts.of_panel()) }
    }

    /// Reads the environment.
    ///
    /// # Errors
    /// All problems of the issuers and the texts.
    pub fn from_env() -> Result<Self, ConfigError> {
        let texts = PanelTexts::load(read_texts(&variable).as_deref()).map_err(ConfigError);
        let (issuers, texts) = combine(read_issuers(&variable), texts)?;
        Ok(Self::new(&issuers, &texts))
    }
}

impl Endpoint for Console {
    /// Never: see the module's documentation.
    fn maintenance(&self) -> Option<Duration> {
        None
    }
}

/// Returns the page or a file.
///
/// # Errors
/// A 404 for other files.
pub async fn handle(console: &Console, request: &Request) -> Result<Reply, ApiError> {
    match request.path.get("file").map(String::as_str) {
        None => Ok(page::reply(&console.html, &console.csp, Clipboard::Write)),
        Some("invitations-panel.js") => {
            let current = request.query == format!("v={VERSION}");
            Ok(file(request, PANEL, "text/javascript; charset=utf-8", if current { FOREVER } else { IF_UNCHANGED }))
        }
        Some("texts.json") => Ok(file(request, &console.texts, "application/json", IF_UNCHANGED)),
        Some(_) => Err(Rejected::NotFound.into()),
    }
}

/// A file, or a 304 if the browser already has it. Pages of other origins may load it.
fn file(request: &Request, content: &str, content_type: &str, cache: &str) -> Reply {
    let tag = EntityTag::of(content);
    // A condition that cannot be read does not keep a browser from loading the page.
    let known = request.headers.if_none_match.as_deref().and_then(|header| header.parse::<EntityTags>().ok());
    let reply = if known.is_some_and(|known| known.include_weakly(&tag)) {
        Reply::not_modified()
    } else {
        Reply::ok(content.to_owned()).with("content-type", content_type.to_owned())
    };
    let reply = reply.tagged(&tag).with("cache-control", cache.to_owned());
    let headers = [("x-content-type-options", "nosniff"), ("cross-origin-resource-policy", "cross-origin")];
    headers.iter().fold(reply, |reply, (name, value)| reply.with(name, (*value).to_owned()))
}
