//! `POST /invitations`

use std::time::Duration;

use serde_json::json;
use support::{ACCOUNT, Call, TestApp};

use crate::helpers::{
    LIFETIME, advance_to_expiry, assert_error, assert_response, charged, describe, differences, invitation_row, number, resend, row, table,
    text,
};

const DAY: Duration = Duration::from_secs(86_400);

fn urn_of_key(key: &str) -> String {
    let id = key.split('_').nth(3).unwrap_or_default();
    format!("urn:cloudone:identity:ca-1:{ACCOUNT}:apikey/{id}")
}

#[tokio::test]
async fn create_returns_the_whole_resource_and_its_location() {
    let app = TestApp::start().await;
    let response = app.send(Call::create("User.One@Example.com", "full-access").key(&app.full)).await;
    let now = app.now();
    let id = response.str("id");
    let expected = json!({
        "id": id,
        "email": "User.One@Example.com",
        "roleID": "full-access",
        "state": "invited",
        "created": now.to_string(),
        "lastModified": now.to_string(),
        "expiry": now.plus(LIFETIME).to_string(),
        "lastSent": now.to_string(),
        "urn": format!("urn:cloudone:identity:ca-1:{ACCOUNT}:invitation/{id}"),
        "invitedBy": urn_of_key(&app.full),
    });
    assert_response(&response, 201, &expected, &[("location", &format!("/invitations/{id}"))]);

    let described = app.send(Call::get(&format!("/invitations/{id}")).key(&app.full)).await.expect(200);
    assert_eq!(described.text, response.text);
}

#[tokio::test]
async fn the_fields_have_the_order_of_the_contract() {
    let app = TestApp::start().await;
    let response = app.send(Call::create("user.one@example.com", "full-access").key(&app.full)).await.expect(201);
    let fields = ["id", "email", "roleID", "state", "created", "lastModified", "expiry", "lastSent", "urn", "invitedBy"];
    let places: Vec<usize> = fields.iter().map(|field| response.text.find(&format!("\"{field}\":")).expect(field)).collect();
    assert!(places.is_sorted(), "{}", response.text);
}

#[tokio::test]
async fn create_stores_the_invitation_its_lock_and_the_quota_count_and_nothing_else() {
    let app = TestApp::start().await;
    let before = table(&app).await;
    let id = text(&app.invite("User.One@Example.com").await, "id");
    let mut added = table(&app).await;
    added.retain(|key, _| !before.contains_key(key));
    let now = app.now().as_millis();
    let expiry = app.now().floor_to_second().plus(LIFETIME).as_millis();
    let pk = format!("A#{ACCOUNT}");
    let window = now / 3_600_000 * 3_600_000;

    let invitation = added.remove(&(pk.clone(), format!("I#{id}"))).expect("an invitation");
    let expected = json!({
        "pk": pk,
        "sk": format!("I#{id}"),
        "by_state": format!("pending#{expiry:013}#{id}"),
        "by_email": format!("user.one@example.com#{id}"),
        "by_role": format!("full-access#{id}"),
        "email": "User.One@Example.com",
        "role": "full-access",
        "st": "pending",
        "created": now,
        "modified": now,
        "exp": expiry,
        "life": 604_800,
        "sent": now,
        "nsa": now + 60_000,
        "sends": 1,
        "kid": invitation["kid"],
        "tv": 1,
        "nonce": invitation["nonce"],
        "th": invitation["th"],
        "rev": 1,
        "ops": invitation["ops"],
        "by": urn_of_key(&app.full),
        // What is still to be published and sent, and when the reconciler takes over.
        "events": 1,
        "out": [format!("1#created#{now}")],
        "pending": "1",
        "shard": invitation["shard"],
        "late_at": now + 120_000,
    });
    assert_eq!(invitation, expected);
    assert_eq!((text(&invitation, "nonce").len(), text(&invitation, "th").len()), (22, 43), "16 and 32 bytes");
    assert_eq!(text(&invitation, "kid").len(), 4);
    assert_eq!(invitation["ops"].as_array().map(Vec::len), Some(1));
    assert!(["0", "1", "2", "3"].contains(&text(&invitation, "shard").as_str()));

    let lock = added.remove(&(pk.clone(), "P#user.one@example.com".to_owned()));
    assert_eq!(lock, Some(json!({ "pk": pk, "sk": "P#user.one@example.com", "inv": id, "exp": expiry, "ttl": expiry / 1000 })));
    let quota = format!("Q#{window:013}");
    let cost = added.remove(&(pk.clone(), quota.clone()));
    assert_eq!(cost, Some(json!({ "pk": pk, "sk": quota, "n": 1, "ttl": window / 1000 + 3600 })));
    assert!(added.is_empty(), "{added:?}");
}

#[tokio::test]
async fn ids_ascend_in_order_of_creation_even_within_a_millisecond() {
    let app = TestApp::start().await;
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(text(&app.invite(&format!("user.{n}@example.com")).await, "id"));
    }
    assert!(ids.is_sorted(), "{ids:?}");
}

#[tokio::test]
async fn an_expiry_one_hour_to_thirty_days_ahead_is_accepted_without_its_fraction() {
    let app = TestApp::start().await;
    let start = app.now().floor_to_second();
    for (n, ahead) in [3600, 3601, 30 * 86_400].into_iter().enumerate() {
        let wanted = start.plus(Duration::from_secs(ahead));
        let fraction = wanted.to_string().replace('Z', ".999+00:00");
        let body = json!({ "email": format!("user.{n}@example.com"), "roleID": "full-access", "expiry": fraction });
        let created = app.send(Call::post("/invitations").json(&body).key(&app.full)).await.expect(201);
        assert_eq!(created.str("expiry"), wanted.to_string());
        let stored = invitation_row(&app, &created.str("id")).await;
        assert_eq!((number(&stored, "exp"), number(&stored, "life")), (wanted.as_millis(), i64::try_from(ahead).expect("small")));
    }
}

#[tokio::test]
async fn an_expiry_out_of_range_is_rejected_with_the_range_and_nothing_is_stored() {
    let app = TestApp::start().await;
    let before = table(&app).await;
    let start = app.now().floor_to_second();
    let (earliest, latest) = (start.plus(Duration::from_secs(3600)), start.plus(30 * DAY));
    for ahead in [0, 3599, 30 * 86_400 + 1] {
        let wanted = start.plus(Duration::from_secs(ahead));
        let body = json!({ "email": "user.one@example.com", "roleID": "full-access", "expiry": wanted.to_string() });
        let response = app.send(Call::post("/invitations").json(&body).key(&app.full)).await;
        let message = format!("expiry: {wanted} is out of range; it must be between {earliest} and {latest}");
        assert_error(&response, 400, "invalid-expiry", Some("expiry"), &message);
    }
    for wrong in ["", "tomorrow", "2030-02-30T00:00:00Z", "2030-01-01", "2030-01-01T00:00:00", "1893456000"] {
        let body = json!({ "email": "user.one@example.com", "roleID": "full-access", "expiry": wrong });
        let response = app.send(Call::post("/invitations").json(&body).key(&app.full)).await;
        let message = format!("expiry: '{wrong}' is not an RFC 3339 time such as 2030-06-21T09:01:12Z");
        assert_error(&response, 400, "invalid-expiry", Some("expiry"), &message);
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn an_expiry_is_converted_to_utc() {
    let app = TestApp::start().await;
    let wanted = app.now().floor_to_second().plus(5 * DAY);
    let elsewhere = wanted.plus(Duration::from_secs(2 * 3600)).to_string().replace('Z', "+02:00");
    let body = json!({ "email": "user.one@example.com", "roleID": "full-access", "expiry": elsewhere });
    let created = app.send(Call::post("/invitations").json(&body).key(&app.full)).await.expect(201);
    assert_eq!(created.str("expiry"), wanted.to_string());
}

#[tokio::test]
async fn an_address_is_shown_as_typed_and_also_stored_in_its_normal_form() {
    let app = TestApp::start().await;
    let typed = "\u{a0} Anna.O'Neil+x@Sub.B\u{dc}CHER.example ";
    let created = app.invite(typed).await;
    assert_eq!(text(&created, "email"), typed);
    let stored = invitation_row(&app, &text(&created, "id")).await;
    assert_eq!(text(&stored, "email"), typed);
    let normal = "anna.o'neil+x@sub.xn--bcher-kva.example";
    assert_eq!(text(&stored, "by_email"), format!("{normal}#{}", text(&created, "id")));
    assert_eq!(row(&app, &format!("P#{normal}")).await.map(|lock| lock["inv"].clone()), Some(created["id"].clone()));
}

#[tokio::test]
async fn inviting_an_address_again_names_its_open_invitation() {
    let app = TestApp::start().await;
    let open = text(&app.invite("User.One@Bücher.example").await, "id");
    let before = table(&app).await;
    let message = format!("email: this address already has an open invitation, {open}; resend or revoke that one");
    for same in ["User.One@Bücher.example", "user.one@BÜCHER.example", " user.one@xn--bcher-kva.example ", "USER.ONE@XN--BCHER-KVA.EXAMPLE"]
    {
        let response = app.send(Call::create(same, "read-only").key(&app.full)).await;
        assert_error(&response, 400, "already-invited", Some("email"), &message);
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn an_address_can_be_invited_again_as_soon_as_its_invitation_has_ended() {
    for end in ["revoked", "accepted", "declined", "expired"] {
        let app = TestApp::start().await;
        let first = text(&app.invite("user.one@example.com").await, "id");
        match end {
            "revoked" => drop(app.send(Call::set_state(&first, "revoked").key(&app.full)).await.expect(200)),
            "expired" => advance_to_expiry(&app, &first).await,
            state => app.close_as_invitee(&first, state).await,
        }
        let ended = invitation_row(&app, &first).await;
        let second = app.invite("USER.one@example.com").await;
        assert_ne!(text(&second, "id"), first);
        assert_eq!(row(&app, "P#user.one@example.com").await.map(|lock| text(&lock, "inv")), Some(text(&second, "id")));
        assert_eq!(invitation_row(&app, &first).await, ended, "{end}: the first one stays unchanged");
        assert_eq!(text(&describe(&app, &first).await, "state"), end);
    }
}

#[tokio::test]
async fn an_address_is_still_taken_one_millisecond_before_the_expiry() {
    let app = TestApp::start().await;
    let first = text(&app.invite("user.one@example.com").await, "id");
    let left = number(&invitation_row(&app, &first).await, "exp") - app.now().as_millis() - 1;
    app.advance(Duration::from_millis(u64::try_from(left).expect("time is left")));
    let response = app.send(Call::create("user.one@example.com", "full-access").key(&app.full)).await;
    response.expect_error(400, "already-invited");
    app.advance(crate::helpers::TICK);
    app.invite("user.one@example.com").await;
}

#[tokio::test]
async fn two_accounts_can_invite_the_same_address_independently() {
    let app = TestApp::start().await;
    let mine = app.invite("user.one@example.com").await;
    let call = Call::create("user.one@example.com", "full-access").key(&app.other);
    let theirs = app.send(call).await.expect(201).json();
    assert_eq!(differences(&mine, &theirs), ["id", "invitedBy", "urn"].map(str::to_owned).into());
    assert!(text(&theirs, "urn").starts_with("urn:cloudone:identity:ca-1:210987654321:invitation/"));
    assert_eq!(charged(&app).await, 2);
}

#[tokio::test]
async fn an_undeliverable_address_is_rejected() {
    let app = TestApp::start().await;
    let before = table(&app).await;
    let local = ": the part before the @ must be 1 to 64 ASCII letters, digits, dots or !#$%&'*+-/=?^_`{|}~";
    let domain = ": the part after the @ is not a domain name that can receive email";
    let length = ": it must have 3 to 254 characters";
    let long_local = format!("{}@example.com", "a".repeat(65));
    let long = format!("a@{}.com", "a.".repeat(130));
    for (wrong, why) in [
        ("", length),
        ("a@", length),
        (&long, length),
        ("user.one", ""),
        ("@example.com", local),
        (".a@example.com", local),
        ("a..b@example.com", local),
        ("a b@example.com", local),
        ("\"a b\"@example.com", local),
        ("jürgen@example.com", local),
        ("a@b@example.com", local),
        ("Mallory <m@example.com", local),
        (&long_local, local),
        ("user@localhost", domain),
        ("user@example..com", domain),
        ("user@-example.com", domain),
        ("user@exa mple.com", domain),
        ("user@[192.0.2.1]", domain),
        ("user@192.0.2.1", domain),
        ("user@example.com>", domain),
        ("a@example.com\r\nBcc: b@example.com", ": it contains a control character"),
        ("a@example.com\u{0}", ": it contains a control character"),
    ] {
        let response = app.send(Call::create(wrong, "full-access").key(&app.full)).await;
        let shown: String = wrong.chars().take(64).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        let more = if wrong.chars().count() > 64 { "…" } else { "" };
        assert_error(&response, 400, "invalid-email", Some("email"), &format!("email: '{shown}{more}' is not an e-mail address{why}"));
    }
    assert_eq!(table(&app).await, before);
}

#[tokio::test]
async fn a_role_id_has_lower_case_letters_digits_and_hyphens_only() {
    let app = TestApp::start().await;
    let before = table(&app).await;
    for wrong in ["", "Full-Access", "full access", "full_access", "röle", "*", "full-access\n", "../admin"] {
        let response = app.send(Call::create("user.one@example.com", wrong).key(&app.full)).await;
        let shown = wrong.replace('\n', "\u{fffd}");
        assert_error(
            &response,
            400,
            "invalid-role-id",
            Some("roleID"),
            &format!("roleID: '{shown}' is not a role id: it must have 1 to 64 characters from a-z, 0-9 and -"),
        );
    }
    app.send(Call::create("user.one@example.com", &"r".repeat(65)).key(&app.full)).await.expect_error(400, "invalid-role-id");
    assert_eq!(table(&app).await, before);
    let created = app.send(Call::create("user.one@example.com", &"r".repeat(64)).key(&app.full)).await.expect(201);
    assert_eq!(created.str("roleID"), "r".repeat(64));
}

#[tokio::test]
async fn namespace_region_lifetime_and_retention_are_configurable() {
    let app = TestApp::with(&[
        ("URN_NAMESPACE", "acme"),
        ("URN_REGION", "moon-1"),
        ("INVITATION_LIFETIME_SECONDS", "7200"),
        ("INVITATION_MAX_LIFETIME_SECONDS", "7200"),
        ("RETENTION_DAYS", "0"),
        ("RESEND_COOLDOWN_SECONDS", "0"),
    ])
    .await;
    let created = app.invite("user.one@example.com").await;
    let id = text(&created, "id");
    assert_eq!(text(&created, "urn"), format!("urn:acme:identity:moon-1:{ACCOUNT}:invitation/{id}"));
    assert_eq!(text(&created, "expiry"), app.now().plus(Duration::from_secs(7200)).to_string());
    assert_eq!(invitation_row(&app, &id).await.get("ttl"), None, "kept forever");
    app.send(resend(&id).key(&app.full)).await.expect(200);
}
