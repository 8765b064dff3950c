//! The pages that show a person, and the JSON that shows a script, which mails and events the functions sent.
//!
//! Whoever reads a mail can accept its invitation. So only this machine is answered, under its own name: a page of the internet
//! that has a name of its own resolve to here is refused. What mails and events say is never run: templates escape it, and the
//! HTML of a mail is shown in a sandbox.

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
    ses::{Inbox, Mail},
};
use minijinja::{Environment, value::Serde};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    gateway::is_loopback,
    words::{Problem, problem},
};

/// What a page may load: its style, and the HTML part of a mail in a frame.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// What the HTML part of a mail may do: look like something, and open its links in tabs of their own, which are free of all this.
const MAIL_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; \
     sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation",
);
/// The mails or events that a page lists. The JSON has them all.
const LISTED: usize = 200;

#[derive(Clone)]
struct Pages {
    inbox: Arc<Inbox>,
    bus: Arc<Bus>,
    templates: Arc<Environment<'static>>,
}

/// Serves the pages on `listener`. Returns their URL.
pub(crate) fn open(listener: TcpListener, inbox: Arc<Inbox>, bus: Arc<Bus>) -> Result<String, Problem> {
    let failed = |e: &dyn std::fmt::Display| problem!("the inbox's port cannot be served: {e}");
    listener.set_nonblocking(true).map_err(|e| failed(&e))?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(|e| failed(&e))?;
    let url = format!("http://{}", listener.local_addr().map_err(|e| failed(&e))?);
    let pages = Pages { inbox, bus, templates: Arc::new(templates().map_err(|e| failed(&e))?) };
    let app = Router::new()
        .route("/", get(list))
        .route("/emails/{id}", get(mail))
        .route("/emails/{id}/html", get(mail_html))
        .route("/emails.json", get(mails_json))
        .route("/events", get(events))
        .route("/events.json", get(events_json))
        .route("/style.css", get(async || ([(CONTENT_TYPE, "text/css")], include_str!("pages/style.css"))))
        .layer(from_fn(guard))
        .with_state(pages);
    tokio::spawn(async { axum::serve(listener, app).await });
    Ok(url)
}

fn templates() -> Result<Environment<'static>, minijinja::Error> {
    let mut templates = Environment::new();
    // Their names end in .html: whatever is put into them is escaped.
    templates.add_template("page.html", include_str!("pages/page.html"))?;
    templates.add_template("list.html", include_str!("pages/list.html"))?;
    templates.add_template("mail.html", include_str!("pages/mail.html"))?;
    templates.add_template("events.html", include_str!("pages/events.html"))?;
    Ok(templates)
}

/// Answers this machine alone, and tells its browser what pages may do.
async fn guard(request: Request, next: Next) -> Response {
    if !is_loopback(request.headers()) {
        return (StatusCode::FORBIDDEN, "This inbox is called 127.0.0.1 or localhost.\n").into_response();
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

impl Pages {
    fn render(&self, template: &str, context: &Value) -> Response {
        let context = Serde(context);
        match self.templates.get_template(template).and_then(|template| template.render(context)) {
            Ok(page) => Html(page).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{template}: {error:#}\n")).into_response(),
        }
    }

    fn mail(&self, id: &str) -> Option<Mail> {
        self.inbox.mails().into_iter().find(|mail| mail.message_id == id)
    }
}

async fn list(State(pages): State<Pages>) -> Response {
    let mails = pages.inbox.mails();
    let newest: Vec<_> = mails.iter().rev().take(LISTED).map(show::mail).collect();
    pages.render("list.html", &json!({ "mails": newest, "count": mails.len() }))
}

async fn mail(State(pages): State<Pages>, Path(id): Path<String>) -> Response {
    match pages.mail(&id) {
        Some(mail) => {
            let parts = mail.text.as_deref().map(show::links);
            pages.render("mail.html", &json!({ "mail": show::mail(&mail), "text": parts }))
        }
        None => not_found(),
    }
}

async fn mail_html(State(pages): State<Pages>, Path(id): Path<String>) -> Response {
    match pages.mail(&id).and_then(|mail| mail.html) {
        Some(html) => ([(CONTENT_SECURITY_POLICY, MAIL_POLICY)], Html(show::in_new_tabs(&html))).into_response(),
        None => not_found(),
    }
}

/// What a script has seen already: the id of the newest mail or event that it got.
#[derive(Deserialize)]
struct Seen {
    after: Option<String>,
}

async fn mails_json(State(pages): State<Pages>, Query(seen): Query<Seen>) -> Json<Vec<Value>> {
    let mails = pages.inbox.mails();
    let newer = mails.iter().rev().take_while(|mail| seen.after.as_ref() != Some(&mail.message_id));
    Json(newer.map(show::mail).collect())
}

async fn events(State(pages): State<Pages>) -> Response {
    let events = pages.bus.events();
    let newest = events.iter().rev().take(LISTED).map(|event| {
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
    (StatusCode::NOT_FOUND, "There is no such mail. Mails are kept until `make run` ends.\n").into_response()
}

#[cfg(test)]
mod tests;
