//! The inbox: pages, and JSON for scripts, with the emails and events that the functions sent. The page of the issuer shares their
//! templates, style and headers.
//!
//! Reading an email is enough to accept its invitation. So the inbox only answers requests to 127.0.0.1 or localhost: a website
//! whose host name resolves to this machine is refused. Content of emails and events is never executed: templates escape it, and
//! the HTML of an email is shown in a sandbox.

mod show;

use std::{net::TcpListener, sync::Arc};

use axum::{
    Router,
    extract::{Path, Query, Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
    },
    middleware::{Next, from_fn},
    response::{Html, IntoResponse, Json, Response},
    routing::get,
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
};

/// The policy of pages: they load their style, and the HTML part of an email in a frame.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// The policy of an email's HTML part: it may have styles, and open its links in new tabs, which have no restrictions.
const EMAIL_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; \
     sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation",
);
/// The emails or events on a page. The JSON contains all.
const PAGE_SIZE: usize = 200;

#[derive(Clone)]
struct Pages {
    inbox: Arc<Inbox>,
    bus: Arc<Bus>,
    templates: Arc<Environment<'static>>,
}

/// Serves the pages on `listener`. Returns their URL.
pub(crate) fn open(listener: TcpListener, inbox: Arc<Inbox>, bus: Arc<Bus>) -> Result<String, Problem> {
    let failed = |e: &dyn std::fmt::Display| problem!("the inbox's port cannot be served: {e}");
    let (listener, address) = listen(listener).map_err(|e| failed(&e))?;
    let pages = Pages { inbox, bus, templates: Arc::new(templates().map_err(|e| failed(&e))?) };
    let app = Router::new()
        .route("/", get(list))
        .route("/emails/{id}", get(email))
        .route("/emails/{id}/html", get(email_html))
        .route("/emails.json", get(emails_json))
        .route("/events", get(events))
        .route("/events.json", get(events_json))
        .route("/style.css", get(style))
        .layer(from_fn(guard))
        .with_state(pages);
    tokio::spawn(async { axum::serve(listener, app).await });
    Ok(format!("http://{address}"))
}

/// The style of all pages.
pub(crate) async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css")], include_str!("pages/style.css")).into_response()
}

/// The templates of all pages.
pub(crate) fn templates() -> Result<Environment<'static>, minijinja::Error> {
    let mut templates = Environment::new();
    // Templates whose names end in .html escape their values.
    templates.add_template("page.html", include_str!("pages/page.html"))?;
    templates.add_template("list.html", include_str!("pages/list.html"))?;
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

impl Pages {
    fn render(&self, template: &str, context: &Value) -> Response {
        render(&self.templates, template, context)
    }

    fn email(&self, id: &str) -> Option<SentEmail> {
        self.inbox.emails().into_iter().find(|email| email.message_id == id)
    }
}

async fn list(State(pages): State<Pages>) -> Response {
    let emails = pages.inbox.emails();
    let newest: Vec<_> = emails.iter().rev().take(PAGE_SIZE).map(show::email).collect();
    pages.render("list.html", &json!({ "emails": newest, "count": emails.len() }))
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
