//! Each committed sending leads to one email with a working link.

use aws_sdk_dynamodb::types::AttributeValue;
use functions::http::json::Fields;
use local::ses::Behaviour;
use serde_json::json;
use support::{
    ACCOUNT, Call, TestApp, Workers,
    logged::Lines,
    root_file,
    workers::{process_due, token},
};

use crate::helpers::{COOLDOWN, EMAIL, LATER, describe, id, invited, resend, revoke, start, start_with, use_link};

#[tokio::test]
async fn a_create_sends_one_email_from_the_configured_sender_with_a_working_link() {
    let (app, mut workers) = start().await;
    let (id, token) = invited(&app, &mut workers).await;
    let emails = workers.inbox.emails();
    let [email] = &emails[..] else { panic!("{} emails", emails.len()) };
    assert_eq!(email.to, [EMAIL]);
    assert!(email.from.ends_with("<invitations@sender.example>"), "{}", email.from);
    assert_eq!(email.configuration_set.as_deref(), Some("emails"));
    assert_eq!(email.headers, [("Auto-Submitted".to_owned(), "auto-generated".to_owned())], "out-of-office replies must not answer it");
    let tags = [("account", ACCOUNT), ("invitation", &id), ("sending", "1")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(email.tags, tags.into());
    let link = format!("https://api.example.com/accept#{token}");
    assert!(email.text.as_deref().unwrap().contains(&link));
    assert!(email.html.as_deref().unwrap().contains(&link));
    assert_eq!(use_link(&app, "lookup", &token).await.expect(200).json()["email"], EMAIL);
    let delivery = describe(&app, &id).await["delivery"].clone();
    assert_eq!(delivery, json!({ "state": "sent", "time": app.now().to_string() }));
}

#[tokio::test]
async fn an_email_goes_to_the_ascii_domain_and_the_local_part_as_typed() {
    let (app, mut workers) = start().await;
    app.invite(" User.One@Bücher.example ").await;
    workers.deliver().await;
    assert_eq!(workers.inbox.emails()[0].to, ["User.One@xn--bcher-kva.example"]);
}

#[tokio::test]
async fn a_record_that_the_stream_delivers_twice_sends_one_email() {
    let (app, mut workers) = start().await;
    app.invite(EMAIL).await;
    workers.deliver().await;
    let mut again = Workers::of(&app).await;
    again.deliver().await;
    workers.deliver().await;
    workers.reconcile().await;
    app.advance(LATER);
    workers.reconcile().await;
    assert_eq!((workers.inbox.emails().len(), again.inbox.emails().len()), (1, 0));
}

#[tokio::test]
async fn of_many_concurrent_couriers_one_sends() {
    let (app, mut workers) = start().await;
    let key = key(&id(&app.invite(EMAIL).await));
    let couriers: Vec<_> = (0..8).map(|_| workers.another_courier(&app)).collect();
    let settled = futures_util::future::join_all(couriers.iter().map(|courier| process_due(courier, &key))).await;
    assert!(settled.iter().all(Result::is_ok), "{settled:?}");
    workers.deliver().await;
    assert_eq!(workers.inbox.emails().len(), 1);
}

#[tokio::test]
async fn a_resend_sends_another_email_with_another_link() {
    let (app, mut workers) = start().await;
    let (id, first) = invited(&app, &mut workers).await;
    app.advance(COOLDOWN);
    resend(&app, &id).await.expect(200);
    assert_eq!(describe(&app, &id).await.get("delivery"), None, "nothing is known of the new sending yet");
    workers.deliver().await;
    assert_eq!(workers.inbox.emails().len(), 2);
    assert_ne!(workers.last_token(EMAIL), first);
    assert_eq!(workers.last_email(EMAIL).headers, [("Auto-Submitted".to_owned(), "auto-generated".to_owned())]);
    assert_eq!(workers.last_email(EMAIL).tags["sending"], "2");
}

#[tokio::test]
async fn when_the_stream_is_late_only_the_last_sending_is_emailed() {
    let (app, mut workers) = start().await;
    let id = id(&app.invite(EMAIL).await);
    app.advance(COOLDOWN);
    resend(&app, &id).await.expect(200);
    workers.deliver().await;
    let tokens: Vec<String> = workers.inbox.emails().iter().map(token).collect();
    assert_eq!(tokens.len(), 1, "no email is sent with an invalid link");
    use_link(&app, "lookup", &tokens[0]).await.expect(200);
}

#[tokio::test]
async fn an_invitation_revoked_before_its_email_is_not_emailed() {
    let (app, mut workers) = start().await;
    let id = id(&app.invite(EMAIL).await);
    revoke(&app, &id).await.expect(200);
    workers.deliver().await;
    app.advance(LATER);
    workers.reconcile().await;
    assert_eq!(workers.inbox.emails().len(), 0);
    assert_eq!(workers.event_types(), ["created", "revoked"]);
}

#[tokio::test]
async fn t10_the_link_comes_from_configuration_and_never_from_the_host() {
    let (app, mut workers) = start().await;
    let hostile = [
        "evil.example",
        "evil.example:443",
        "evil.example/accept",
        "https://evil.example",
        "api.example.com.evil.example",
        "",
        "\r\nx: y",
        "[::1]",
    ];
    let headers = ["host", "x-forwarded-host", "forwarded", "x-forwarded-proto", "x-forwarded-server", "origin", "referer"];
    let mut sent = 0;
    for host in hostile {
        for header in headers {
            sent += 1;
            let call = Call::create(&format!("user.{sent}@example.com"), "read-only").header(header, host).key(&app.full);
            app.send(call).await.expect(201);
        }
    }
    assert!(sent > 50);
    workers.deliver().await;
    let emails = workers.inbox.emails();
    assert_eq!(emails.len(), sent);
    for email in emails {
        let token = token(&email);
        assert!(email.text.as_deref().unwrap().contains(&format!("https://api.example.com/accept#{token}")));
        for part in [email.text, email.html].into_iter().flatten() {
            assert!(!part.contains("evil"), "{part}");
        }
    }
}

#[tokio::test]
async fn the_email_names_its_sender_and_the_account() {
    let (app, mut workers) = start_with(&[("DEFAULT_DISPLAY_NAME", "Nobody in particular")]).await;
    let created = json!({ "action": "create", "account": ACCOUNT, "role": "full-access", "name": "Jane Doe" });
    let key = app.manage_keys(&created).await["key"].as_str().unwrap().to_owned();
    app.send(Call::create("user.two@example.com", "read-only").key(&key)).await.expect(201);
    workers.deliver().await;
    let text = workers.last_email("user.two@example.com").text.unwrap();
    assert!(text.contains("Jane Doe") && text.contains("Nobody in particular"), "{text}");

    app.manage_settings(&json!({ "action": "set", "account": ACCOUNT, "name": "Example Ltd" })).await;
    let id = id(&app.invite(EMAIL).await);
    workers.deliver().await;
    let email = workers.last_email(EMAIL);
    assert!(email.text.as_deref().unwrap().contains("Example Ltd") && email.from.contains("Example Ltd"), "{}", email.from);
    // It names the sender of this sending, not of the first one.
    app.advance(COOLDOWN);
    app.send(Call::post(&format!("/invitations/{id}")).key(&key)).await.expect(200);
    workers.deliver().await;
    assert!(workers.last_email(EMAIL).text.unwrap().contains("Jane Doe"));
}

#[tokio::test]
async fn t9_a_name_that_would_become_a_link_is_neutralised_when_shown() {
    let (app, mut workers) = start().await;
    for (number, name) in
        ["Visit https://evil.example/x now", "evil.example", "<b>Bold</b>", "a\u{202e}b", "www.evil.example", "x@evil.example"]
            .iter()
            .enumerate()
    {
        // Keys created by earlier versions can have any name.
        let created = app.manage_keys(&json!({ "action": "create", "account": ACCOUNT, "role": "full-access" })).await;
        write_name(&app, &format!("KEYS#{ACCOUNT}"), created["id"].as_str().unwrap(), name).await;
        let key = created["key"].as_str().unwrap().to_owned();
        let address = format!("user.{number}@example.com");
        app.send(Call::create(&address, "read-only").key(&key)).await.expect(201);
        workers.deliver().await;
        let email = workers.last_email(&address);
        let html = email.html.unwrap();
        assert!(!html.contains("<b>"), "{name}: {html}");
        for part in [email.from, email.subject, email.text.unwrap(), html] {
            for bad in ["evil.example", "https://evil", "\u{202e}", "www."] {
                assert!(!part.contains(bad), "{name}: {part}");
            }
        }
    }
}

#[tokio::test]
async fn t9_an_account_name_stored_before_the_present_rules_blocks_nothing() {
    let (app, mut workers) = start().await;
    let describe = json!({ "action": "describe", "account": ACCOUNT });
    for (number, (stored, shown)) in
        [("evil.example", Some("evil example")), ("call 555-0142", Some("call")), ("555-0142", None), ("\u{202e}", None)].iter().enumerate()
    {
        write_name(&app, &format!("SETTINGS#{ACCOUNT}"), "settings", stored).await;
        assert_eq!(app.manage_settings(&describe).await["name"].as_str(), *shown);
        for verb in ["accept", "decline"] {
            let address = format!("{verb}.{number}@example.com");
            app.invite(&address).await;
            workers.deliver().await;
            let email = workers.last_email(&address);
            assert_eq!(email.subject, shown.map_or("You are invited".to_owned(), |name| format!("You are invited to {name}")));
            let token = token(&email);
            assert_eq!(use_link(&app, "lookup", &token).await.expect(200).json()["display"]["name"].as_str(), *shown);
            use_link(&app, verb, &token).await.expect(200);
        }
    }
}

#[test]
fn t2_ses_does_not_count_the_clicks_on_a_link() {
    let template: serde_yaml_ng::Value = serde_yaml_ng::from_str(&root_file("template.yaml")).unwrap();
    let resources = &template["Resources"];
    assert_eq!(resources["ConfigurationSet"]["Properties"]["VdmOptions"]["DashboardOptions"]["EngagementMetrics"], "DISABLED");
    let reported = resources["ConfigurationSetEvents"]["Properties"]["EventDestination"]["MatchingEventTypes"].as_sequence().unwrap();
    assert!(reported.iter().any(|kind| kind == "SEND") && !reported.iter().any(|kind| kind == "CLICK" || kind == "OPEN"), "{reported:?}");
}

#[tokio::test]
async fn the_language_is_that_of_the_invitation_then_of_the_account_then_english() {
    let folder = std::env::temp_dir().join(format!("texts-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("de.json"), r#"{ "email": { "button": "Einladung ansehen" } }"#).unwrap();
    let (app, mut workers) = start_with(&[("TEXTS_DIR", folder.to_str().unwrap())]).await;
    app.manage_settings(&json!({ "action": "set", "account": ACCOUNT, "locale": "de-AT" })).await;
    for (email, locale, german) in
        [("a@example.com", None, true), ("b@example.com", Some("en"), false), ("c@example.com", Some("fr"), true)]
    {
        let mut body = json!({ "email": email, "roleID": "read-only" });
        if let Some(locale) = locale {
            body["locale"] = locale.into();
        }
        app.send(Call::post("/invitations").json(&body).key(&app.full)).await.expect(201);
        workers.deliver().await;
        assert_eq!(workers.last_email(email).html.unwrap().contains("Einladung ansehen"), german, "{locale:?}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// Writes a name into a row without validation.
async fn write_name(app: &TestApp, pk: &str, sk: &str, name: &str) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let update = app.client.update_item().table_name(&app.table).key("pk", text(pk)).key("sk", text(sk));
    let update = update.update_expression("SET #name = :name").expression_attribute_names("#name", "name");
    update.expression_attribute_values(":name", text(name)).send().await.unwrap();
}

fn key(id: &str) -> shared::store::InvitationKey {
    shared::store::InvitationKey { account: ACCOUNT.parse().unwrap(), id: id.parse().unwrap() }
}

/// The name of an attribute must not be one that every line has.
#[tokio::test]
async fn no_line_of_the_log_has_a_name_twice() {
    let (app, mut workers) = start().await;
    let (lines, _guard) = Lines::as_deployed();
    let refused = Behaviour::Error { status: 400, code: "MessageRejected" };
    workers.inbox.answer_with(move |email| if email.to == [EMAIL] { Behaviour::Accept } else { refused });
    app.invite(EMAIL).await;
    app.invite("refused@example.com").await;
    workers.deliver().await;
    workers.report(&workers.last_email(EMAIL)).await;
    workers.reconcile().await;
    let logged = lines.take();
    for line in logged.lines() {
        assert!(Fields::parse(line.as_bytes()).is_ok(), "{line}");
    }
    for message in ["email sent", "email refused", "email event", "round done"] {
        assert!(logged.contains(message), "{message}: {logged}");
    }
}
