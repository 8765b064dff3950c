//! The console and its files, as a browser receives them.

use std::{collections::BTreeSet, fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use functions::{
    account::console_page::{Console, PANEL, ROUTE, handle},
    http::edge::respond,
    texts::PanelTexts,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha384};
use shared::{config::ConfigError, domain::issuer::Issuers};
use support::{Call, Response, openapi, root_file};

use crate::helpers::{assert_response, error};

/// Two issuers at which people can sign in, and one for other clients.
const ISSUERS: &str = r#"{
    "acme": { "issuer": "https://login.example.com/", "audience": { "values": ["invitations"] },
        "console": { "clientID": "console-1", "authorizationEndpoint": "https://login.example.com/authorize",
            "tokenEndpoint": "https://tokens.example.com:8443/token", "scope": "openid organization", "token": "id",
            "parameters": { "audience": "https://invitations.example.com" }, "endSessionEndpoint": "https://login.example.com/logout" } },
    "globex": { "issuer": "https://login.example.org", "audience": { "values": ["invitations"] },
        "console": { "clientID": "</script><script>", "authorizationEndpoint": "https://login.example.org/authorize",
            "tokenEndpoint": "https://login.example.org/token" } },
    "machines": { "issuer": "https://machines.example.org", "audience": { "values": ["invitations"] } }
}"#;

async fn send(console: &Console, call: Call) -> Response {
    let reply = respond(ROUTE, Ok(console), &call.event().to_string(), "invocation-1", &handle).await;
    let response = Response::from(reply);
    if response.header("content-type") == Some("application/json") || response.text.is_empty() {
        openapi::check(&call, &response).expect("openapi.yaml describes it");
    }
    response
}

fn console_for(issuers: &str) -> Console {
    let texts = PanelTexts::load(None).expect("the built-in texts are valid");
    Console::new(&issuers.parse::<Issuers>().expect("the issuers are valid"), &texts)
}

fn console() -> Console {
    console_for(ISSUERS)
}

/// The console with a folder of texts for the test `name`.
fn console_with(name: &str, files: &[(&str, Value)]) -> Console {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console_page").join(name);
    fs::create_dir_all(&folder).expect("a folder");
    for (file, texts) in files {
        fs::write(folder.join(file), texts.to_string()).expect("a file");
    }
    let texts = PanelTexts::load(Some(&folder)).expect("the texts are valid");
    Console::new(&Issuers::default(), &texts)
}

/// The text between two marks, the first of which occurs once.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let [_, rest] = text.split(start).collect::<Vec<_>>()[..] else { panic!("not one {start}") };
    rest.split(end).next().expect("a first part")
}

fn script(html: &str) -> &str {
    between(html, "<script type=\"module\">", "</script>")
}

/// A constant of the script, as a browser reads it.
fn constant(console: &Console, name: &str) -> Value {
    let found = script(&console.html).lines().find_map(|line| line.strip_prefix(&format!("const {name} = "))?.strip_suffix(';'));
    serde_json::from_str(found.expect("the constant")).expect("JSON")
}

fn texts_of(file: &str) -> Vec<(String, String)> {
    let texts: serde_json::Map<String, Value> = serde_json::from_str(&root_file(file)).expect("an object");
    texts.into_iter().map(|(key, text)| (key, text.as_str().expect("a text").to_owned())).collect()
}

#[tokio::test]
async fn the_policy_allows_the_two_scripts_the_style_and_the_token_endpoints_and_nothing_else() {
    let console = console();
    let response = send(&console, Call::get("/console")).await.expect(200);
    assert_eq!(response.text, console.html);
    let html = &response.text;
    let [style, inline] = [between(html, "<style>", "</style>"), script(html)].map(|text| STANDARD.encode(Sha256::digest(text)));
    // The hash of the file is that of the bytes that are served.
    let bundle = send(&console, Call::get("/console/invitations-panel.js")).await.expect(200).text;
    let bundle = STANDARD.encode(Sha384::digest(&bundle));
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{inline}' 'sha384-{bundle}'; style-src 'sha256-{style}'; \
         connect-src 'self' https://login.example.org https://tokens.example.com:8443; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    );
    assert!(html.contains(&format!("integrity=\"sha384-{bundle}\"")), "{html}");
    let off = response.header("permissions-policy").expect("a policy").split(", ");
    let on: Vec<&str> = off.filter(|entry| !entry.ends_with("=()")).collect();
    assert_eq!(on, ["clipboard-write=(self)"]);
    let mut headers = response.headers;
    headers.remove("permissions-policy");
    let expected = [
        ("cache-control", "no-store"),
        ("content-security-policy", &policy),
        ("content-type", "text/html; charset=utf-8"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("strict-transport-security", "max-age=63072000"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("x-request-id", "request-1"),
    ];
    assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[test]
fn the_page_loads_the_panel_and_nothing_else() {
    let html = console().html;
    assert_eq!(html.matches("src=").count() + html.matches("@import").count() + html.matches("url(").count(), 1);
    let version: String = Sha256::digest(PANEL).iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(html.contains(&format!("<script type=\"module\" src=\"console/invitations-panel.js?v={}\" integrity=", &version[..16])));
    assert_eq!(html.matches("href=").count(), 1);
    assert!(html.contains("<link rel=\"icon\" href=\"data:,\">"));
    for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "localStorage", "document.cookie"]
    {
        assert!(!html.contains(sink), "{sink}");
    }
}

#[tokio::test]
async fn the_page_is_the_same_for_every_request_and_shows_no_secret_of_the_sign_in() {
    let console = console();
    let expected = send(&console, Call::get("/console")).await;
    for call in [
        Call::get("/console?code=secret&state=secret&error=<b>"),
        Call::get("/console").header("host", "evil.test").header("authorization", "Bearer x").header("if-none-match", "*"),
        Call::get("/console").text("body").header("origin", "https://evil.test"),
    ] {
        assert_eq!(send(&console, call).await, expected);
    }
}

#[test]
fn the_script_knows_the_issuers_at_which_people_can_sign_in() {
    let expected = json!([
        {
            "name": "acme", "issuer": "https://login.example.com/", "clientID": "console-1",
            "authorizationEndpoint": "https://login.example.com/authorize", "tokenEndpoint": "https://tokens.example.com:8443/token",
            "endSessionEndpoint": "https://login.example.com/logout", "scope": "openid organization",
            "parameters": { "audience": "https://invitations.example.com" }, "token": "id",
        },
        {
            "name": "globex", "issuer": "https://login.example.org", "clientID": "</script><script>",
            "authorizationEndpoint": "https://login.example.org/authorize", "tokenEndpoint": "https://login.example.org/token",
            "scope": "openid", "parameters": {}, "token": "access",
        },
    ]);
    assert_eq!(constant(&console(), "ISSUERS"), expected);
}

#[test]
fn without_an_issuer_for_the_console_the_page_calls_only_its_own_origin() {
    for issuers in ["{}", r#"{"acme": { "issuer": "https://login.example.com/", "audience": { "values": ["invitations"] } }}"#] {
        let console = console_for(issuers);
        assert_eq!(constant(&console, "ISSUERS"), json!([]));
        assert!(console.csp.contains("connect-src 'self';"), "{}", console.csp);
    }
}

#[tokio::test]
async fn the_panel_is_kept_for_good_under_its_version_and_checked_without_it() {
    let console = console();
    let address = format!("/{}", between(&console.html, "src=\"", "\""));
    let versioned = send(&console, Call::get(&address)).await.expect(200);
    assert_eq!(versioned.text, PANEL);
    assert_eq!(versioned.header("cache-control"), Some("public, max-age=31536000, immutable"));
    let etag = versioned.header("etag").expect("a tag").to_owned();
    let expected = [
        ("cache-control", "no-cache"),
        ("content-type", "text/javascript; charset=utf-8"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("etag", &etag),
        ("x-content-type-options", "nosniff"),
        ("x-request-id", "request-1"),
    ];
    for query in ["", "?v=0123456789abcdef", "?v=", "?x=1"] {
        let response = send(&console, Call::get(&format!("/console/invitations-panel.js{query}"))).await.expect(200);
        assert_eq!(response.headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!(response.text, PANEL);
    }
}

#[tokio::test]
async fn a_browser_that_has_a_file_gets_a_304() {
    let console = console();
    for file in ["/console/invitations-panel.js", "/console/texts.json"] {
        let full = send(&console, Call::get(file)).await.expect(200);
        let etag = full.header("etag").expect("a tag");
        for known in [etag, &format!("W/{etag}, \"other\""), "*"] {
            let response = send(&console, Call::get(file).header("if-none-match", known)).await.expect(304);
            assert_eq!((response.text.as_str(), response.header("etag"), response.header("content-type")), ("", Some(etag), None));
            assert_eq!(response.header("cache-control"), Some("no-cache"));
        }
        // Another version, and what is no condition.
        for other in ["\"other\"", "x"] {
            assert_eq!(send(&console, Call::get(file).header("if-none-match", other)).await, full);
        }
    }
}

#[tokio::test]
async fn every_other_file_is_a_404() {
    let console = console();
    for file in ["invitations-panel", "Texts.json", "texts.json/", "..%2Fconsole", "%74exts.json", "index.html", ""] {
        let response = send(&console, Call::get(&format!("/console/{file}"))).await;
        assert_response(&response, 404, &error("not-found", None, "The resource you were looking for doesn't exist."), &[]);
    }
}

#[tokio::test]
async fn head_returns_the_headers_of_get_and_every_other_method_is_a_405() {
    let console = console();
    for path in ["/console", "/console/texts.json", "/console/invitations-panel.js"] {
        let get = send(&console, Call::get(path)).await;
        let head = respond(ROUTE, Ok(&console), &Call::new("HEAD", path).event().to_string(), "invocation-1", &handle).await;
        assert_eq!(Response::from(head), Response { text: String::new(), ..get });
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "get"] {
            let mut event = Call::get(path).event();
            event["requestContext"]["http"]["method"] = method.into();
            let response = respond(ROUTE, Ok(&console), &event.to_string(), "invocation-1", &handle).await.into();
            let body = error("method-not-allowed", None, "this route accepts only GET, HEAD");
            assert_response(&response, 405, &body, &[("allow", "GET, HEAD")]);
        }
    }
    let broken = ConfigError(vec!["ISSUERS: x".to_owned()]);
    let event = Call::get("/console").event().to_string();
    let failed = respond(ROUTE, Err::<&Console, _>(&broken), &event, "invocation-1", &handle).await;
    Response::from(failed).expect_error(500, "internal-error");
}

#[tokio::test]
async fn texts_json_has_the_texts_of_the_panel_in_every_language() {
    let english: serde_json::Map<String, Value> = texts_of("panel/src/en.json").into_iter().map(|(key, text)| (key, text.into())).collect();
    let plain = send(&console(), Call::get("/console/texts.json")).await.expect(200);
    assert_eq!(plain.json(), json!({ "en": { "direction": "ltr", "roles": {}, "texts": english } }));

    let files = [
        ("ar.json", json!({ "panel": { "console_sign_out": "خروج" }, "roles": { "read-only": "قراءة" } })),
        ("de.json", json!({ "email": { "from": "Einladungen" }, "page": { "accept": "Annehmen" } })),
        ("en.json", json!({ "roles": { "read-only": "Read only" } })),
    ];
    let console = console_with("languages", &files);
    let texts = send(&console, Call::get("/console/texts.json")).await.expect(200).json();
    let roles = json!({ "read-only": "Read only" });
    assert_eq!(
        texts,
        json!({
            "ar": { "direction": "rtl", "roles": { "read-only": "قراءة" }, "texts": english },
            "de": { "direction": "ltr", "roles": roles, "texts": english },
            "en": { "direction": "ltr", "roles": roles, "texts": english },
        })
    );
    // The console's own texts are in the page.
    let words = constant(&console, "WORDS");
    assert_eq!((&words["ar"]["sign_out"], &words["ar"]["direction"]), (&json!("خروج"), &json!("rtl")));
    assert_eq!((&words["ar"]["sign_in"], &words["de"]["sign_out"]), (&json!("Sign in"), &json!("Sign out")));
}

#[test]
fn the_script_uses_exactly_the_words_that_are_defined() {
    let source = ["page.js", "session.js"].map(|name| root_file(&format!("functions/src/account/console_page/{name}"))).concat();
    let name = |text: &str| text.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect::<String>();
    let mut used: BTreeSet<String> = source.split("words.").skip(1).map(name).collect();
    assert!(used.insert("noscript".to_owned()), "the one outside of the script");
    let defined = texts_of("functions/src/account/console_page/en.json");
    let defined = defined.iter().map(|(key, _)| key.strip_prefix("console_").expect("the prefix of the console's texts").to_owned());
    assert_eq!(used, defined.collect());
    // Otherwise the panel's would replace them.
    assert!(texts_of("panel/src/en.json").iter().all(|(key, _)| !key.starts_with("console_")));
}

#[test]
fn words_cannot_break_out_of_the_script_or_become_markup() {
    let hostile = "</script><script>alert(1)</script><!--<script> \u{2028}\u{2029} \"'`$\\ </div> &lt; <p lang=\"xx\">";
    let console = console_with("hostile", &[("de.json", json!({ "panel": { "console_sign_in": hostile, "console_noscript": hostile } }))]);
    assert_eq!(constant(&console, "WORDS")["de"]["sign_in"], hostile);
    let script = script(&console.html);
    assert!(!script.contains("<!--") && !script.contains(['\u{2028}', '\u{2029}']));
    assert!(console.csp.contains(&STANDARD.encode(Sha256::digest(script))));
    let scriptless = between(&console.html, "<div class=\"scriptless\">", "</div></div>");
    let markup: Vec<&str> = scriptless.split('<').skip(1).map(|rest| rest.split(['>', ' ']).next().unwrap_or_default()).collect();
    assert_eq!(markup, ["h1", "/h1", "p", "/p", "p", "/p"]);
}

#[test]
fn a_text_that_does_not_exist_is_an_error_of_the_console_only() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console_page").join("unknown");
    fs::create_dir_all(&folder).expect("a folder");
    let texts = json!({ "panel": { "console_sign_in_with": "Bei {provider} anmelden", "konsole": "x" } });
    fs::write(folder.join("de.json"), texts.to_string()).expect("a file");
    let shown = format!("{}/", folder.display());
    let problems = PanelTexts::load(Some(&folder)).expect_err("two problems");
    let problems: Vec<String> = problems.iter().map(|problem| problem.replace(&shown, "")).collect();
    let expected = [
        "de.json: panel.console_sign_in_with contains {provider}, which is not a placeholder of this text",
        "de.json: unknown text 'panel.konsole'",
    ];
    assert_eq!(problems, expected);
    // Emails do not wait for the panel's translation.
    assert!(functions::texts::PageTexts::load(Some(&folder)).is_ok());
}

/// The JSON of each section about a provider on a page.
fn examples(page: &str) -> Vec<(String, Value)> {
    let page = root_file(page);
    let (_, examples) = page.split_once("\n## Examples\n").expect("a section with examples");
    let sections = examples.split("\n### ").skip(1).filter_map(|section| {
        let json = section.split("```json\n").nth(1)?.split("```").next()?;
        Some((section.lines().next()?.to_owned(), serde_json::from_str(json).expect("JSON")))
    });
    sections.collect()
}

#[test]
fn the_documented_examples_are_valid_and_fit_into_the_parameter() {
    let consoles = examples("docs/console.md");
    assert_eq!(consoles.iter().map(|(title, _)| title.as_str()).collect::<Vec<_>>(), ["Cognito", "Auth0", "Keycloak", "Entra ID"]);
    let issuers = examples("docs/sign-in.md");
    let most = crate::template::template()["Parameters"]["Issuers"]["MaxLength"].as_u64().expect("a number");
    for (title, console) in consoles {
        let (_, mut issuer) = issuers.iter().find(|(other, _)| *other == title).expect("the same provider").clone();
        let entry = issuer.as_object_mut().and_then(|entries| entries.values_mut().next()).expect("an issuer");
        entry["console"] = console.clone();
        let json = issuer.to_string();
        assert!(json.len() as u64 <= most, "{title} has {} characters", json.len());
        let page = console_for(&json);
        assert_eq!(constant(&page, "ISSUERS")[0]["clientID"], console["clientID"], "{title}");
        // Tokens for this client are for the API, where the client is the audience.
        if title == "Cognito" {
            assert_eq!(entry_of(&issuer)["audience"]["values"][0], console["clientID"]);
        }
    }
}

fn entry_of(issuers: &Value) -> &Value {
    issuers.as_object().and_then(|entries| entries.values().next()).expect("an issuer")
}
