//! The page behind the link in an email, as a browser receives it (T18).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use functions::{
    http::edge::respond,
    invitee::accept_page::{Page, ROUTE, handle},
    texts::PageTexts,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use shared::config::ConfigError;
use support::{Call, Response, root_file};

use crate::helpers::{assert_response, error};

async fn send_event(page: &Page, event: &str) -> Response {
    respond(ROUTE, Ok(page), event, "invocation-1", &handle).await.into()
}

async fn send(page: &Page, call: Call) -> Response {
    send_event(page, &call.event().to_string()).await
}

/// The text between two marks, each of which occurs once.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let [_, rest] = text.split(start).collect::<Vec<_>>()[..] else { panic!("not one {start}") };
    let [inside, _] = rest.split(end).collect::<Vec<_>>()[..] else { panic!("not one {end}") };
    inside
}

fn style(html: &str) -> &str {
    between(html, "<style>", "</style>")
}

fn script(html: &str) -> &str {
    between(html, "<script type=\"module\">", "</script>")
}

/// The part for browsers that do not run the script.
fn scriptless(html: &str) -> &str {
    between(html, "<div class=\"scriptless\">", "</div></div>")
}

/// The words of one language.
type Words = BTreeMap<String, String>;

fn english() -> Words {
    serde_json::from_str(&root_file("functions/src/invitee/accept_page/en.json")).expect("a flat object of strings")
}

fn english_page() -> Page {
    Page::new(&PageTexts::load(None).expect("the built-in texts are valid"))
}

/// The page with a folder of texts for the test `name`; each file has some of the page's words.
fn page_with(name: &str, files: &[(&str, Value)]) -> Page {
    let files: Vec<_> = files.iter().map(|(file, words)| (*file, json!({ "page": words }))).collect();
    page_of(name, &files)
}

/// The page with a folder of texts for the test `name`.
fn page_of(name: &str, files: &[(&str, Value)]) -> Page {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("accept_page").join(name);
    fs::create_dir_all(&folder).expect("a folder");
    for (file, texts) in files {
        fs::write(folder.join(file), texts.to_string()).expect("a file");
    }
    Page::new(&PageTexts::load(Some(&folder)).expect("the texts are valid"))
}

/// The words of a language: the English ones, replaced by `own`.
fn words(direction: &str, own: &[(&str, &str)]) -> Words {
    let own = own.iter().copied().chain([("direction", direction)]).map(|(name, text)| (name.to_owned(), text.to_owned()));
    english().into_iter().chain(own).collect()
}

/// A constant of the script, as a browser reads it.
fn constant<T: DeserializeOwned>(page: &Page, name: &str) -> T {
    let found = script(&page.html).lines().find_map(|line| line.strip_prefix(&format!("const {name} = "))?.strip_suffix(';'));
    serde_json::from_str(found.expect("the constant")).expect("JSON")
}

/// The words in the script, without the names of roles.
fn words_in(page: &Page) -> BTreeMap<String, Words> {
    let text = |(name, text): (String, Value)| Some((name, text.as_str()?.to_owned()));
    let words = |words: Map<String, Value>| words.into_iter().filter(|(name, _)| name != "roles").map(|word| text(word).expect("a text"));
    all_in(page).into_iter().map(|(locale, all)| (locale, words(all).collect())).collect()
}

/// Everything in the script, by language.
fn all_in(page: &Page) -> BTreeMap<String, Map<String, Value>> {
    constant(page, "WORDS")
}

#[tokio::test]
async fn the_page_is_one_document_with_exactly_these_headers() {
    let page = english_page();
    let response = send(&page, Call::get("/accept")).await.expect(200);
    assert_eq!(response.text, page.html);
    let [style, script] = [style(&page.html), script(&page.html)].map(|text| STANDARD.encode(Sha256::digest(text)));
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    );
    let off = response.header("permissions-policy").expect("a policy").split(", ");
    let off: Vec<&str> = off.map(|entry| entry.strip_suffix("=()").unwrap_or_else(|| panic!("{entry} is on"))).collect();
    assert!(["camera", "geolocation", "microphone", "payment", "usb"].iter().all(|feature| off.contains(feature)), "{off:?}");
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

#[tokio::test]
async fn head_returns_the_headers_of_get_without_the_page() {
    let page = english_page();
    let get = send(&page, Call::get("/accept")).await;
    let head = send(&page, Call::new("HEAD", "/accept")).await;
    assert_eq!(head, Response { text: String::new(), ..get });

    // The same holds for an error: a client would take a body for the beginning of the next response.
    let broken = ConfigError(vec!["de.json: x".to_owned()]);
    let failed = async |call: Call| -> Response {
        respond(ROUTE, Err::<&Page, _>(&broken), &call.event().to_string(), "invocation-1", &handle).await.into()
    };
    let get = failed(Call::get("/accept")).await.expect_error(500, "internal-error");
    assert_eq!(failed(Call::new("HEAD", "/accept")).await, Response { text: String::new(), ..get });
}

#[tokio::test]
async fn every_other_method_is_a_405() {
    // T1: a GET has nothing to change here, and every other method is refused.
    let page = english_page();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get", ""] {
        let mut event = Call::get("/accept").event();
        event["requestContext"]["http"]["method"] = method.into();
        let response = send_event(&page, &event.to_string()).await;
        let body = error("method-not-allowed", None, "this route accepts only GET, HEAD");
        assert_response(&response, 405, &body, &[("allow", "GET, HEAD")]);
    }
}

#[tokio::test]
async fn the_page_is_the_same_for_every_request() {
    // T10: not even the Host header appears in it.
    let page = english_page();
    let expected = send(&page, Call::get("/accept")).await.expect(200);
    let calls = [
        Call::get("/accept?token=<script>alert(1)</script>"),
        Call::get("/accept").header("host", "evil.test").header("accept-language", "<b>").header("authorization", "ApiKey x"),
        Call::get("/accept").text("body").header("origin", "https://evil.test"),
    ];
    for call in calls {
        assert_eq!(send(&page, call).await, expected);
    }
    let mut staged = Call::get("/accept").event();
    staged["rawPath"] = "/prod/accept".into();
    assert_eq!(send_event(&page, &staged.to_string()).await, expected);
    let broken = send_event(&page, &json!({ "Records": [] }).to_string()).await;
    assert_eq!((broken.status, broken.header("content-type")), (400, Some("application/json")));
}

#[test]
fn the_page_loads_nothing_from_elsewhere() {
    let html = english_page().html;
    assert_eq!(html.matches("http").count(), script(&html).matches("http").count(), "only the script may contain http");
    assert_eq!(html.matches("src=").count() + html.matches("@import").count() + html.matches("url(").count(), 0);
    assert_eq!(html.matches("href=").count(), 1);
    assert!(html.contains("<link rel=\"icon\" href=\"data:,\">"));
    // The script builds nodes: it uses no sink that takes a string as markup or code.
    for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "localStorage", "document.cookie"]
    {
        assert!(!html.contains(sink), "{sink}");
    }
}

#[test]
fn the_script_uses_exactly_the_words_that_are_defined() {
    let source = ["words.js", "page.js"].map(|name| root_file(&format!("functions/src/invitee/accept_page/{name}"))).concat();
    let name = |text: &str| text.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect::<String>();
    let mut used: BTreeSet<String> = source.split("words.").skip(1).map(name).collect();
    // Two that are not words, and the one outside of the script.
    assert!(used.remove("direction") && used.remove("roles") && used.insert("noscript".to_owned()));
    assert_eq!(used, english().into_keys().collect());
}

#[test]
fn the_page_has_every_language_and_falls_back_to_english() {
    assert_eq!(words_in(&english_page()), BTreeMap::from([("en".to_owned(), words("ltr", &[]))]));

    let german = [("accept", "Annehmen"), ("noscript", "Ohne JavaScript & Co. geht es nicht.")];
    let files = [("de.json", json!(BTreeMap::from(german))), ("ar-EG.json", json!({})), ("en.json", json!({ "accept": "Join" }))];
    let page = page_with("languages", &files);
    let expected = [("ar-EG", words("rtl", &[])), ("de", words("ltr", &german)), ("en", words("ltr", &[("accept", "Join")]))];
    // The fallback is the built-in English, not that of en.json.
    assert_eq!(words_in(&page), expected.map(|(locale, words)| (locale.to_owned(), words)).into());
    let scriptless = scriptless(&page.html);
    assert!(scriptless.contains("<p lang=\"de\" dir=\"ltr\">Ohne JavaScript &amp; Co. geht es nicht.</p>"), "{scriptless}");
    assert!(scriptless.contains("<p lang=\"ar-EG\" dir=\"rtl\">"), "{scriptless}");
    assert_eq!(scriptless.matches("<p lang=").count(), 3);
    assert_ne!(page.csp, english_page().csp);
}

#[test]
fn a_logo_in_the_folder_is_embedded_in_the_script() {
    assert_eq!(constant::<Option<String>>(&english_page(), "LOGO"), None);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("accept_page").join("logo");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("logo.webp"), b"RIFF----WEBP").expect("a file");
    let page = Page::new(&PageTexts::load(Some(&folder)).expect("the picture is valid"));
    assert_eq!(constant::<Option<String>>(&page, "LOGO").as_deref(), Some("data:image/webp;base64,UklGRi0tLS1XRUJQ"));
    assert!(page.csp.contains(&STANDARD.encode(Sha256::digest(script(&page.html)))));
}

#[test]
fn every_language_can_name_the_roles() {
    let roles = |page: &Page| all_in(page).into_iter().map(|(locale, all)| (locale, all["roles"].clone())).collect::<Vec<_>>();
    assert_eq!(roles(&english_page()), [("en".to_owned(), json!({}))]);
    let files = [
        ("de.json", json!({ "roles": { "read-only": "</script>Nur lesen" } })),
        ("en.json", json!({ "roles": { "read-only": "Read only", "constructor": "Builder" } })),
    ];
    let page = page_of("roles", &files);
    let german = json!({ "constructor": "Builder", "read-only": "</script>Nur lesen" });
    assert_eq!(roles(&page), [("de".to_owned(), german), ("en".to_owned(), files[1].1["roles"].clone())]);
}

#[tokio::test]
async fn words_cannot_break_out_of_the_script_or_become_markup() {
    let hostile = "</script><script>alert(1)</script><!--<script> \u{2028}\u{2029} \"'`$\\ </div> &lt; <p lang=\"xx\">";
    let page = page_with("hostile", &[("de.json", json!({ "accept": hostile, "noscript": hostile }))]);
    // It is still one script, with the words unchanged.
    assert_eq!(words_in(&page)["de"], words("ltr", &[("accept", hostile), ("noscript", hostile)]));
    let script = script(&page.html);
    assert!(!script.contains("<!--") && !script.contains(['\u{2028}', '\u{2029}']));
    assert!(page.csp.contains(&STANDARD.encode(Sha256::digest(script))));
    let markup: Vec<&str> =
        scriptless(&page.html).split('<').skip(1).map(|rest| rest.split(['>', ' ']).next().unwrap_or_default()).collect();
    assert_eq!(markup, ["h1", "/h1", "p", "/p", "p", "/p"]);
    assert_eq!(send(&page, Call::get("/accept")).await.expect(200).header("content-security-policy"), Some(page.csp.as_str()));
}
