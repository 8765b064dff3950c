//! The tabs of the local service: Invitations (the panel), the Emails and Events that the functions sent, also as JSON for scripts,
//! and the API. The page of the issuer shares their templates, style and headers.
//!
//! Reading an email is enough to accept its invitation. So the pages only answer requests to 127.0.0.1 or localhost: a website
//! whose host name resolves to this machine is refused. Content of emails and events is never executed: templates escape it, and
//! the HTML of an email is shown in a sandbox.

mod contract;
mod proxy;
mod show;

use std::{net::TcpListener, path::Path as FilePath, sync::Arc};

use axum::{
    Router,
    extract::{Path, Query, Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
    },
    middleware::{Next, from_fn},
    response::{Html, IntoResponse, Json, Response},
    routing::{any, get},
};
use local::{
    events::Bus,
    server::listen,
    ses::{Inbox, SentEmail},
};
use minijinja::{Environment, value::Serde};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    gateway::is_loopback,
    output::{Problem, problem},
    sign_in::people,
};
use proxy::Proxy;

/// The policy of pages: they load their style and their scripts, fetch from this port, and load the HTML part of an email in a frame.
/// Their icon is an empty `data:` URL, so that browsers look for no file.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; frame-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);
/// The policy of an email's HTML part: it may have styles, and open its links in new tabs, which have no restrictions.
const EMAIL_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; \
     sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation",
);
/// The emails or events on a page. The JSON contains all.
const PAGE_SIZE: usize = 200;
/// The type of scripts.
const JAVASCRIPT: &str = "text/javascript";
/// The emails next to the panel.
const NEWEST: usize = 1;
/// The panel. It is read for each request, so that a change of it needs no restart.
const PANEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../panel/dist/invitations-panel.js");

#[derive(Clone)]
struct Pages {
    inbox: Arc<Inbox>,
    bus: Arc<Bus>,
    /// The URL of the API.
    api: String,
    proxy: Proxy,
    /// The URL of the development issuer.
    issuer: String,
    templates: Arc<Environment<'static>>,
}

/// Serves the pages on `listener`, in front of the API and with the issuer at these URLs. Returns their own.
pub(crate) fn open(listener: TcpListener, inbox: Arc<Inbox>, bus: Arc<Bus>, api: &str, issuer: &str) -> Result<String, Problem> {
    let failed = |e: &dyn std::fmt::Display| problem!("the port of the pages cannot be served: {e}");
    let (listener, address) = listen(listener).map_err(|e| failed(&e))?;
    let templates = Arc::new(templates().map_err(|e| failed(&e))?);
    let pages = Pages { inbox, bus, api: api.to_owned(), proxy: Proxy::to(api), issuer: issuer.to_owned(), templates };
    let app = Router::new()
        .route("/", get(invitations))
        .route("/invitations-panel.js", get(panel))
        .route("/emails", get(emails))
        .route("/emails/{id}", get(email))
        .route("/emails/{id}/html", get(email_html))
        .route("/emails.json", get(emails_json))
        .route("/events", get(events))
        .route("/events.json", get(events_json))
        .route("/api", get(contract::page))
        .route("/api/openapi.json", get(contract::contract))
        .route("/api/style.css", get(contract::own_style))
        .route("/api/swagger-ui.css", get(contract::style))
        .route("/api/swagger-ui-bundle.js", get(contract::script))
        .route("/scripts/{name}", get(script))
        .route("/style.css", get(style))
        .route("/proxy/{*path}", any(proxy::forward))
        .layer(from_fn(guard))
        .with_state(pages);
    tokio::spawn(async { axum::serve(listener, app).await });
    Ok(format!("http://{address}"))
}

/// The style of all pages.
pub(crate) async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css")], include_str!("pages/style.css")).into_response()
}

async fn script(Path(name): Path<String>) -> Response {
    let script = match name.as_str() {
        "follow.js" => include_str!("pages/scripts/follow.js"),
        "live.js" => include_str!("pages/scripts/live.js"),
        "session.js" => include_str!("pages/scripts/session.js"),
        "invitations.js" => include_str!("pages/scripts/invitations.js"),
        "api.js" => include_str!("pages/scripts/api.js"),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    ([(CONTENT_TYPE, JAVASCRIPT)], script).into_response()
}

async fn panel() -> Response {
    match std::fs::read(FilePath::new(PANEL)) {
        Ok(panel) => ([(CONTENT_TYPE, JAVASCRIPT)], panel).into_response(),
        Err(error) => (StatusCode::NOT_FOUND, format!("{PANEL}: {error}\n")).into_response(),
    }
}

/// The templates of all pages.
pub(crate) fn templates() -> Result<Environment<'static>, minijinja::Error> {
    let mut templates = Environment::new();
    // Templates whose names end in .html escape their values.
    templates.add_template("page.html", include_str!("pages/page.html"))?;
    templates.add_template("live.html", include_str!("pages/live.html"))?;
    templates.add_template("email-list.html", include_str!("pages/email-list.html"))?;
    templates.add_template("invitations.html", include_str!("pages/invitations.html"))?;
    templates.add_template("emails.html", include_str!("pages/emails.html"))?;
    templates.add_template("api.html", include_str!("pages/api.html"))?;
    templates.add_template("email.html", include_str!("pages/email.html"))?;
    templates.add_template("events.html", include_str!("pages/events.html"))?;
    templates.add_template("sign-in.html", include_str!("pages/sign-in.html"))?;
    templates.add_template("token.html", include_str!("pages/token.html"))?;
    templates.add_template("message.html", include_str!("pages/message.html"))?;
    Ok(templates)
}

/// Refuses other hosts, and sets the security headers.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    if !is_loopback(request.headers()) {
        return (StatusCode::FORBIDDEN, "This page only answers at 127.0.0.1 or localhost.\n").into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(POLICY);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));
    response
}

pub(crate) fn render(templates: &Environment<'_>, template: &str, context: &Value) -> Response {
    let context = Serde(context);
    match templates.get_template(template).and_then(|template| template.render(context)) {
        Ok(page) => Html(page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{template}: {error:#}\n")).into_response(),
    }
}

/// The page with a content security policy of its own.
pub(crate) fn with_policy(mut page: Response, policy: String) -> Response {
    // A policy that is no valid header must not leave the page without one.
    let policy = HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    page.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    page
}

impl Pages {
    fn render(&self, template: &str, context: &Value) -> Response {
        render(&self.templates, template, context)
    }

    fn email(&self, id: &str) -> Option<SentEmail> {
        self.inbox.emails().into_iter().find(|email| email.message_id == id)
    }

    /// The newest emails, at most `limit`, and the count of all.
    fn newest_emails(&self, limit: usize) -> (Vec<Value>, usize) {
        let emails = self.inbox.emails();
        (emails.iter().rev().take(limit).map(show::email).collect(), emails.len())
    }

    /// What the scripts need to sign a person in, as JSON.
    fn session(&self) -> String {
        json!({ "api": self.api, "issuer": self.issuer, "people": members() }).to_string()
    }
}

/// The people who have an account, and therefore can invite.
fn members() -> Vec<Value> {
    people().into_iter().filter(|person| person["account"] != "").collect()
}

async fn invitations(State(pages): State<Pages>) -> Response {
    let (emails, _) = pages.newest_emails(NEWEST);
    // Accounts can have a logo.
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' {}; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        pages.issuer
    );
    let context = json!({ "session": pages.session(), "people": members(), "emails": emails });
    with_policy(pages.render("invitations.html", &context), policy)
}

async fn emails(State(pages): State<Pages>) -> Response {
    let (emails, count) = pages.newest_emails(PAGE_SIZE);
    pages.render("emails.html", &json!({ "emails": emails, "count": count }))
}

async fn email(State(pages): State<Pages>, Path(id): Path<String>) -> Response {
    match pages.email(&id) {
        Some(email) => {
            let parts = email.text.as_deref().map(show::links);
            pages.render("email.html", &json!({ "email": show::email(&email), "text": parts }))
        }
        None => not_found(),
    }
}

async fn email_html(State(pages): State<Pages>, Path(id): Path<String>) -> Response {
    match pages.email(&id).and_then(|email| email.html) {
        Some(html) => ([(CONTENT_SECURITY_POLICY, EMAIL_POLICY)], Html(show::in_new_tabs(&html))).into_response(),
        None => not_found(),
    }
}

/// The ID of the newest email or event that the script already has.
#[derive(Deserialize)]
struct Seen {
    after: Option<String>,
}

async fn emails_json(State(pages): State<Pages>, Query(seen): Query<Seen>) -> Json<Vec<Value>> {
    let emails = pages.inbox.emails();
    let newer = emails.iter().rev().take_while(|email| seen.after.as_ref() != Some(&email.message_id));
    Json(newer.map(show::email).collect())
}

async fn events(State(pages): State<Pages>) -> Response {
    let events = pages.bus.events();
    let newest = events.iter().rev().take(PAGE_SIZE).map(|event| {
        let detail = serde_json::to_string_pretty(&event.detail).unwrap_or_default();
        json!({ "event": show::event(event), "detail": detail })
    });
    pages.render("events.html", &json!({ "events": newest.collect::<Vec<_>>(), "count": events.len() }))
}

async fn events_json(State(pages): State<Pages>, Query(seen): Query<Seen>) -> Json<Vec<Value>> {
    let events = pages.bus.events();
    let newer = events.iter().rev().take_while(|event| seen.after.as_ref() != Some(&event.id));
    Json(newer.map(show::event).collect())
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "There is no such email. Emails are kept until `make run` ends.\n").into_response()
}

#[cfg(test)]
mod tests;
