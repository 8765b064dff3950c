use super::*;

const REDIRECT: &str = "http://127.0.0.1:9100/";
/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn parameters(pairs: &[(&str, &str)]) -> Parameters {
    Parameters(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

fn issued(codes: &Codes, now: Timestamp) -> String {
    let request = parameters(&[
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    let person = serde_json::from_str("{\"email\": \"ann@b.example\"}").unwrap();
    codes.issue(AuthorizationRequest::parse(&request, "http://127.0.0.1:9200").unwrap(), person, now).unwrap()
}

fn redeem(codes: &Codes, code: &str, now: Timestamp) -> Result<Grant, OAuthError> {
    codes.redeem(&parameters(&[("code", code), ("client_id", CLIENT), ("redirect_uri", REDIRECT), ("code_verifier", VERIFIER)]), now)
}

#[test]
fn a_code_lives_for_a_minute() {
    let (codes, now) = (Codes::default(), Timestamp::now());
    let code = issued(&codes, now);
    assert!(redeem(&codes, &code, now.plus(Duration::from_millis(59_999))).is_ok());
    let code = issued(&codes, now);
    let late = redeem(&codes, &code, now.plus(Duration::from_secs(60))).unwrap_err();
    assert_eq!(late, OAuthError::invalid_grant("The code is unknown, used or older than a minute."));
}

#[test]
fn expired_codes_are_forgotten() {
    let (codes, now) = (Codes::default(), Timestamp::now());
    let first = issued(&codes, now);
    let second = issued(&codes, now.plus(Duration::from_secs(61)));
    let kept = codes.lock();
    assert!(!kept.contains_key(&first) && kept.contains_key(&second));
}

#[test]
fn only_urls_of_this_machine_are_loopback() {
    for (url, origin) in [
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://localhost:9100/", "http://localhost:9100"),
        ("http://127.0.0.1:65535/a/b?c=d&e=%20", "http://127.0.0.1:65535"),
        ("http://127.0.0.1?x", "http://127.0.0.1"),
    ] {
        assert_eq!(LoopbackUrl::parse(url).as_ref().map(LoopbackUrl::origin), Some(origin), "{url}");
    }
    for url in [
        "",
        "127.0.0.1",
        "https://127.0.0.1/",
        "http://evil.example/",
        "http://127.0.0.1.evil.example/",
        "http://127.0.0.1@evil.example/",
        "http://127.0.0.1:80@evil.example/",
        "http://127.0.0.1:@evil.example/",
        "http://evil.example\\@127.0.0.1/",
        "http://127.0.0.1\\.evil.example/",
        "http://127.0.0.1/\\evil",
        "http://127.0.0.1:65536/",
        "http://127.0.0.1:+80/",
        "http://127.0.0.1:/",
        "http://127.0.0.1/#fragment",
        "http://127.0.0.1/ ",
        "http://127.0.0.1/\n",
        "http://127.0.0.1/\"",
        "http://127.0.0.1/;'\u{e9}",
        "http://0.0.0.0/",
        "http://LOCALHOST/",
        "HTTP://localhost/",
        " http://localhost/",
        "javascript:alert(1)",
        "//127.0.0.1/",
    ] {
        assert_eq!(LoopbackUrl::parse(url), None, "{url}");
    }
    let url = LoopbackUrl::parse("http://127.0.0.1/a").unwrap();
    assert_eq!(url.with(&[("a", "&=#é "), ("b", "c")]), "http://127.0.0.1/a?a=%26%3D%23%C3%A9%20&b=c");
    assert_eq!(LoopbackUrl::parse("http://127.0.0.1/?a=b").unwrap().with(&[("c", "d")]), "http://127.0.0.1/?a=b&c=d");
}
