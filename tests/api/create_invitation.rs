//! `POST /invitations`

use serde_json::json;
use support::{ACCOUNT, Call, TestApp};

#[tokio::test]
async fn a_create_answers_the_whole_resource_and_where_it_is() {
    let app = TestApp::start().await;
    let response = app.send(Call::create("User.One@Example.com", "full-access").key(&app.full)).await.expect(201);
    let now = app.now();
    let id = response.str("id");
    let by = app.full.split('_').nth(3).unwrap_or_default();
    let expected = json!({
        "id": id,
        "email": "User.One@Example.com",
        "roleID": "full-access",
        "state": "invited",
        "created": now.to_string(),
        "lastModified": now.to_string(),
        "expiry": now.plus(std::time::Duration::from_secs(7 * 86_400)).to_string(),
        "lastSent": now.to_string(),
        "urn": format!("urn:cloudone:identity:ca-1:{ACCOUNT}:invitation/{id}"),
        "invitedBy": format!("urn:cloudone:identity:ca-1:{ACCOUNT}:apikey/{by}"),
    });
    assert_eq!(response.json(), expected);
    assert_eq!(response.header("location"), Some(format!("/invitations/{id}").as_str()));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("x-request-id"), Some("request-1"));

    let described = app.send(Call::get(&format!("/invitations/{id}")).key(&app.full)).await.expect(200);
    assert_eq!(described.text, response.text);
}
