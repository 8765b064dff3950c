//! A request as API Gateway delivers it, and its response.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use functions::http::output::Reply;
use serde_json::{Map, Value, json};

/// The paths below `/invitations` without an id.
const FIXED: [&str; 6] =
    ["/invitations/lookup", "/invitations/accept", "/invitations/decline", "/invitations/mine", "/invitations/bulk", "/invitations/caller"];

/// A request, built step by step.
#[derive(Debug, Clone)]
pub struct Call {
    /// The HTTP method.
    pub method: String,
    /// The path, `/invitations` or `/invitations/{id}` with an id.
    pub path: String,
    query: String,
    headers: Map<String, Value>,
    body: Option<String>,
    base64: bool,
    stage_variables: Option<Value>,
}

impl Call {
    /// A request of any method.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let (method, path, query) = (method.to_owned(), path.to_owned(), query.to_owned());
        Self { method, path, query, headers: Map::new(), body: None, base64: false, stage_variables: None }
    }

    /// With variables of the gateway's stage, which the caller cannot set.
    #[must_use]
    pub fn stage_variables(mut self, variables: &Value) -> Self {
        self.stage_variables = Some(variables.clone());
        self
    }

    /// A GET; the path may carry a query.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A POST without a body.
    #[must_use]
    pub fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    /// Creates an invitation.
    #[must_use]
    pub fn create(email: &str, role: &str) -> Self {
        Self::post("/invitations").json(&json!({ "email": email, "roleID": role }))
    }

    /// Creates many invitations.
    #[must_use]
    pub fn bulk(rows: &[Value]) -> Self {
        Self::post("/invitations/bulk").json(&json!({ "invitations": rows }))
    }

    /// Sets the desired state of an invitation.
    #[must_use]
    pub fn set_state(id: &str, state: &str) -> Self {
        Self::post(&format!("/invitations/{id}")).json(&json!({ "state": state }))
    }

    /// A request with the token of a link: `lookup`, `accept` or `decline`.
    #[must_use]
    pub fn holder(verb: &str, token: &str) -> Self {
        Self::post(&format!("/invitations/{verb}")).json(&json!({ "token": token }))
    }

    /// With an API key.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("ApiKey {key}"))
    }

    /// With a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.into());
        self
    }

    /// With a query.
    #[must_use]
    pub fn query(mut self, query: &str) -> Self {
        query.clone_into(&mut self.query);
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").text(&body.to_string())
    }

    /// With a text body.
    #[must_use]
    pub fn text(mut self, body: &str) -> Self {
        self.body = Some(body.to_owned());
        self
    }

    /// With a binary body, base64-encoded as API Gateway does.
    #[must_use]
    pub fn bytes(mut self, body: &[u8]) -> Self {
        self.body = Some(STANDARD.encode(body));
        self.base64 = true;
        self
    }

    /// With a body that is marked as base64.
    #[must_use]
    pub fn base64_text(mut self, body: &str) -> Self {
        self.body = Some(body.to_owned());
        self.base64 = true;
        self
    }

    /// The id in the path, if it has one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.path.strip_prefix("/invitations/").filter(|_| !FIXED.contains(&self.path.as_str()))
    }

    /// The file of the console in the path, if it has one.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.path.strip_prefix("/console/")
    }

    /// The route that API Gateway would choose.
    #[must_use]
    pub fn route(&self) -> String {
        let path = match (self.id(), self.file()) {
            (Some(_), _) => "/invitations/{id}",
            (_, Some(_)) => "/console/{file}",
            (None, None) => self.path.as_str(),
        };
        format!("{} {path}", self.method)
    }

    /// The event, payload format 2.0.
    #[must_use]
    pub fn event(&self) -> Value {
        let mut event = json!({
            "version": "2.0",
            "routeKey": self.route(),
            "rawPath": self.path,
            "rawQueryString": self.query,
            "headers": self.headers,
            "requestContext": {
                "accountId": "999999999999",
                "apiId": "api",
                "domainName": "api.example.com",
                "http": { "method": self.method, "path": self.path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test" },
                "requestId": "request-1",
                "routeKey": self.route(),
                "stage": "$default",
            },
            "isBase64Encoded": self.base64,
        });
        if let Some(id) = self.id() {
            event["pathParameters"] = json!({ "id": id });
        }
        if let Some(file) = self.file() {
            event["pathParameters"] = json!({ "file": file });
        }
        if let Some(body) = &self.body {
            event["body"] = body.clone().into();
        }
        if let Some(variables) = &self.stage_variables {
            event["stageVariables"] = variables.clone();
        }
        event
    }
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status code.
    pub status: u16,
    /// Header names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub text: String,
}

impl Response {
    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("the body is JSON")
    }

    /// A string field of the body.
    #[must_use]
    pub fn str(&self, field: &str) -> String {
        self.json()[field].as_str().unwrap_or_else(|| panic!("no string '{field}' in {}", self.text)).to_owned()
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Returns this response if it has the status; otherwise fails the test.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// Returns this response if it is this error; otherwise fails the test.
    #[track_caller]
    pub fn expect_error(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self.json()["code"].as_str()), (status, Some(code)), "{}", self.text);
        self
    }
}

impl From<Reply> for Response {
    fn from(reply: Reply) -> Self {
        let headers = reply.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { status: reply.status, headers, text: reply.body }
    }
}
