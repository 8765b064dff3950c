//! Events as API Gateway creates them for requests by curl.

use serde_json::{Map, Value, json};

/// The routes with a fixed path. All others contain an invitation's ID.
const FIXED: [&str; 9] = [
    "/invitations",
    "/invitations/bulk",
    "/invitations/lookup",
    "/invitations/accept",
    "/invitations/decline",
    "/invitations/mine",
    "/invitations/caller",
    "/accept",
    "/console",
];

/// The page of links, as the stage of the API names it.
pub const LINK_BASE: &str = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/accept";

/// The event of a request; `path` may include a query.
#[must_use]
pub fn event(method: &str, path: &str, authorization: Option<&str>, body: Option<&Value>) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let id = path.strip_prefix("/invitations/").filter(|_| !FIXED.contains(&path));
    let route = format!("{method} {}", if id.is_some() { "/invitations/{id}" } else { path });
    let mut headers: Map<String, Value> = [
        ("accept", "application/json"),
        ("accept-encoding", "gzip, deflate, br"),
        ("content-length", "0"),
        ("host", "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"),
        ("user-agent", "curl/8.9.1"),
        ("x-amzn-trace-id", "Root=1-68b1a2c3-0123456789abcdef01234567"),
        ("x-forwarded-for", "192.0.2.44"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-proto", "https"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.into()))
    .collect();
    if let Some(authorization) = authorization {
        headers.insert("authorization".to_owned(), authorization.into());
    }
    let body = body.map(Value::to_string);
    if let Some(body) = &body {
        headers.insert("content-length".to_owned(), body.len().to_string().into());
        headers.insert("content-type".to_owned(), "application/json".into());
    }
    let mut event = json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.44",
                "userAgent": "curl/8.9.1",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": route,
            "stage": "$default",
            "time": "29/Aug/2025:12:53:23 +0000",
            "timeEpoch": 1_756_472_003_123_u64,
        },
        "stageVariables": { "linkBaseUrl": LINK_BASE },
        "isBase64Encoded": false,
    });
    if !query.is_empty() {
        let parameters = query.split('&').filter_map(|pair| pair.split_once('='));
        event["queryStringParameters"] = parameters.map(|(name, value)| (name.to_owned(), value.into())).collect::<Map<_, _>>().into();
    }
    if let Some(id) = id {
        event["pathParameters"] = json!({ "id": id });
    }
    if let Some(body) = body {
        event["body"] = body.into();
    }
    event.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(method: &str, path: &str, authorization: Option<&str>, body: Option<&Value>) -> Value {
        serde_json::from_str(&event(method, path, authorization, body)).unwrap()
    }

    #[test]
    fn the_path_names_the_invitation() {
        let event = parsed("POST", "/invitations/ABC", Some("ApiKey key"), None);
        assert_eq!((&event["routeKey"], &event["pathParameters"]["id"]), (&"POST /invitations/{id}".into(), &"ABC".into()));
        assert_eq!(event["headers"]["authorization"], "ApiKey key");
    }

    #[test]
    fn invitee_requests_have_no_path_parameter_and_no_key() {
        for path in ["/invitations/lookup", "/invitations/accept", "/invitations/decline"] {
            let event = parsed("POST", path, None, Some(&json!({ "token": "t" })));
            assert_eq!((&event["routeKey"], event.get("pathParameters")), (&format!("POST {path}").into(), None));
            assert_eq!((event["headers"].get("authorization"), &event["body"]), (None, &r#"{"token":"t"}"#.into()));
        }
        for path in ["/invitations/mine", "/invitations/caller"] {
            let event = parsed("GET", path, None, None);
            assert_eq!((&event["routeKey"], event.get("pathParameters")), (&format!("GET {path}").into(), None));
        }
    }

    #[test]
    fn a_query_is_parsed() {
        let event = parsed("GET", "/invitations?limit=25", None, None);
        assert_eq!((&event["rawPath"], &event["queryStringParameters"]), (&"/invitations".into(), &json!({ "limit": "25" })));
    }
}
