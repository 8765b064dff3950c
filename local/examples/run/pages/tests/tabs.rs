use super::*;

const TABS: [(&str, &str); 4] = [("/", "Invitations"), ("/emails", "Emails"), ("/events", "Events"), ("/api", "API")];

#[tokio::test]
async fn every_page_has_the_tabs_and_marks_its_own() {
    let run = Run::new().await;
    for (path, current) in TABS {
        let (status, _, page) = run.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
        for (link, name) in TABS {
            let mark = if name == current { " aria-current=\"page\"" } else { "" };
            let tab = format!("<a href=\"{}\"{mark}>{name}</a>", link.replace('/', "&#x2f;"));
            assert!(page.contains(&tab), "{tab} in {page}");
        }
    }
    let (_, _, email) = run.get(&run.email()).await;
    assert!(email.contains("<a href=\"&#x2f;emails\">Emails</a>") && !email.contains("aria-current"), "{email}");
}

/// The paths of a page's scripts and styles.
fn loaded(page: &str) -> Vec<&str> {
    let found = ["src=\"", "<link rel=\"stylesheet\" href=\""].map(|start| page.split(start).skip(1));
    found.into_iter().flatten().map(|rest| rest.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn pages_load_everything_from_their_own_port() {
    let run = Run::new().await;
    for (path, _) in TABS {
        let (_, _, page) = run.get(path).await;
        let loaded = loaded(&page);
        assert!(loaded.len() >= 2, "{path}: {loaded:?}");
        for file in loaded {
            let (status, headers, _) = run.get(file).await;
            let kind = if file.ends_with(".css") { "text/css" } else { "text/javascript" };
            assert_eq!((status, headers["content-type"].to_str().unwrap()), (StatusCode::OK, kind), "{file}");
        }
    }
    assert_eq!(run.get("/scripts/none.js").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn only_the_pages_that_sign_in_may_reach_the_issuer() {
    let run = Run::new().await;
    for (path, issuer, inline_styles) in [("/", true, false), ("/emails", false, false), ("/events", false, false), ("/api", true, true)] {
        let (_, headers, page) = run.get(path).await;
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'; script-src 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(policy.contains(&format!("connect-src 'self' {ISSUER};")), issuer, "{path}: {policy}");
        assert_eq!(policy.contains("'unsafe-inline'"), inline_styles, "{path}: {policy}");
        assert_eq!(page.contains("data-session="), issuer, "{path}");
    }
}

#[tokio::test]
async fn the_people_to_choose_from_have_an_account() {
    let run = Run::new().await;
    let (_, _, page) = run.get("/").await;
    let people: Vec<_> = page.split("data-person=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(people, ["jane.doe@example.com", "vic.reader@example.com"]);
}

#[tokio::test]
async fn lists_are_keyed_by_id_and_grow_by_script_or_by_reload() {
    let run = Run::new().await;
    for (path, json) in [("/emails", "/emails.json"), ("/events", "/events.json"), ("/", "/emails.json")] {
        let (_, _, page) = run.get(path).await;
        let rows: Value = serde_json::from_str(&run.get(json).await.2).unwrap();
        assert!(page.contains(&format!("data-live=\"{json}\"")), "{page}");
        assert!(page.contains(&format!("data-id=\"{}\"", rows[0]["id"].as_str().unwrap())), "{page}");
        assert!(page.contains("src=\"/scripts/live.js\""), "{page}");
        assert_eq!(page.contains("<noscript><meta http-equiv=\"refresh\""), path != "/", "{path}");
    }
}

#[tokio::test]
async fn the_api_tab_has_the_contract_with_this_server_only() {
    let run = Run::new().await;
    let (status, _, text) = run.get("/api/openapi.json").await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let contract: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&contract["openapi"], &contract["servers"]), (&json!("3.1.0"), &json!([{ "url": API }])));
    let expected: serde_yaml_ng::Value = serde_yaml_ng::from_str(include_str!("../../../../../openapi.yaml")).unwrap();
    let paths = expected["paths"].as_mapping().unwrap().keys().map(|path| path.as_str().unwrap());
    let mut after = 0;
    for path in paths {
        let position = text.find(&format!("\"{path}\":{{")).unwrap_or_else(|| panic!("{path} is missing"));
        assert!(position > after, "{path} keeps its place");
        after = position;
    }
    // A request must not send the examples of optional parameters; the required one has its example.
    let key = &contract["components"]["parameters"]["IdempotencyKey"];
    assert!(key["in"] == "header" && key.get("example").is_none(), "{key}");
    let id = &contract["paths"]["/invitations/{id}"]["parameters"][0];
    assert!(id["required"] == true && id["example"].is_string(), "{id}");
}
