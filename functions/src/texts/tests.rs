//! Built-in and custom languages and templates.

use std::fs;

use shared::domain::settings::Locale;
use tempfile::TempDir;

use super::{PageTexts, PanelTexts, Texts, fill, language::Sections};

/// A folder that contains these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file can be written");
    }
    folder
}

fn locale(tag: &str) -> Locale {
    tag.parse().expect("a language tag")
}

/// The problems of these files, without the folder's name.
fn problems_of(files: &[(&str, &str)]) -> Vec<String> {
    let folder = folder(files);
    let shown = format!("{}/", folder.path().display());
    let problems = Texts::load(Some(folder.path())).expect_err("something is wrong");
    problems.into_iter().map(|problem| problem.replace(&shown, "")).collect()
}

#[test]
fn english_is_built_in() {
    let texts = Texts::load(None).expect("what is built in is right");
    assert_eq!(texts.languages.locales().map(Locale::as_str).collect::<Vec<_>>(), ["en"]);
    let (chosen, texts) = texts.languages.best(&[]);
    assert_eq!((chosen.as_str(), texts.email.from.as_str()), ("en", "Invitations"));
    assert_eq!((1..=12).map(|month| texts.email.months.name(month).len()).min(), Some(3));
    assert_eq!((texts.email.months.name(1), texts.email.months.name(12)), ("January", "December"));
    assert_eq!((texts.email.months.name(0), texts.email.months.name(13)), ("", ""));
}

#[test]
fn the_first_available_language_is_chosen() {
    let file = |from: &str| format!(r#"{{ "email": {{ "from": "{from}" }} }}"#);
    let (german, austrian, chinese) = (file("Einladungen"), file("Einladungen aus Wien"), file("邀請"));
    let folder = folder(&[("de.json", &german), ("de-at.json", &austrian), ("zh-Hant.json", &chinese), ("README", "not a language")]);
    let texts = Texts::load(Some(folder.path())).expect("the files are right");
    assert_eq!(texts.languages.locales().map(Locale::as_str).collect::<Vec<_>>(), ["de", "de-AT", "en", "zh-Hant"]);
    let chosen = |preferred: &[&str]| {
        let preferred: Vec<Locale> = preferred.iter().map(|tag| locale(tag)).collect();
        let (chosen, texts) = texts.languages.best(&preferred.iter().map(Some).collect::<Vec<_>>());
        (chosen.to_string(), texts.email.from.clone())
    };
    for (preferred, tag, from) in [
        (&["de"][..], "de", "Einladungen"),
        (&["de-AT"], "de-AT", "Einladungen aus Wien"),
        (&["de-CH"], "de", "Einladungen"),
        (&["zh-Hant-TW"], "zh-Hant", "邀請"),
        (&["zh"], "en", "Invitations"),
        (&["fr", "de"], "de", "Einladungen"),
        (&["de-CH", "de-AT"], "de", "Einladungen"),
        (&["en-GB", "de"], "en", "Invitations"),
        (&["fr"], "en", "Invitations"),
    ] {
        assert_eq!(chosen(preferred), (tag.to_owned(), from.to_owned()), "{preferred:?}");
    }
    assert_eq!(texts.languages.best(&[None, Some(&locale("de"))]).0.as_str(), "de");
    // Missing texts are in English.
    assert_eq!(texts.languages.best(&[Some(&locale("de"))]).1.email.button, "View the invitation");
}

#[test]
fn a_file_may_replace_the_english_texts() {
    let folder = folder(&[("en.json", r#"{ "email": { "from": "Welcome" } }"#)]);
    let texts = Texts::load(Some(folder.path())).expect("the file is right");
    assert_eq!((texts.languages.best(&[]).1.email.from.as_str(), texts.languages.locales().count()), ("Welcome", 1));
}

#[test]
fn every_problem_is_a_sentence_that_names_the_file() {
    let files = [
        ("de.json", r#"{ "email": { "from": "{account}", "date": "{day}. {moon}", "greeting": "Hallo" } }"#),
        ("de-at.json", "{}"),
        ("DE-AT.json", "{}"),
        ("english.language.json", "{}"),
        ("es.json", r#"{ "mial": {} }"#),
        ("fr.json", r#"{ "email": { "from": 1 } }"#),
        ("it.json", "{"),
        ("nl.json", r#"{ "email": { "months": "januari, februari" } }"#),
        ("no.json", r#"{ "roles": { "owner": " ", "guest": "a\nb", "read-only": "{role}", "full-access": "Alt" } }"#),
        ("pl.json", r#"{ "roles": { "Read only": "x" } }"#),
        ("pt.json", r#"{ "email": { "from": "a\nb" }, "page": { "none": "x" } }"#),
        ("email.html", "{{ link"),
        ("email.txt", "{{ address }}"),
    ];
    let problems = problems_of(&files);
    let expected = [
        "de-at.json: is for the same language as DE-AT.json",
        "de.json: email.date contains {moon}, which is not a placeholder of this text",
        "de.json: email.from contains {account}, which is not a placeholder of this text",
        "de.json: unknown text 'email.greeting'",
        "english.language.json: 'english.language' is not a language tag such as",
        "es.json: unknown field `mial`, expected one of `email`, `page`, `panel`, `roles`",
        "fr.json: invalid type: integer `1`, expected a string",
        "it.json: EOF while parsing",
        "nl.json: email.months must be twelve names separated by commas",
        "no.json: roles.guest contains a line break or another control character",
        "no.json: roles.owner is empty",
        "no.json: roles.read-only contains {role}, which is not a placeholder of this text",
        "pl.json: 'Read only' is not a role id: it must have 1 to 64 characters from a-z, 0-9 and -",
        "pt.json: email.from contains a line break or another control character",
        "pt.json: unknown text 'page.none'",
        "email.html: syntax error",
        "email.txt: undefined value",
    ];
    for expected in expected {
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected}: {problems:#?}");
    }
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");

    assert_eq!(problems_of(&[("email.txt", "{{ intro }}"), ("email.html", "{{ link }}")]), ["email.txt: does not contain the link"]);

    let missing = tempfile::tempdir().expect("a temporary folder").path().join("missing");
    let problems = Texts::load(Some(&missing)).expect_err("there is no such folder");
    assert!(problems.len() == 1 && problems[0].starts_with(&format!("{}: ", missing.display())), "{problems:?}");
}

#[test]
fn a_folder_may_contain_one_logo_for_the_page() {
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";
    let loaded = |files: &[(&str, &[u8])]| {
        let folder = folder(&[]);
        files.iter().for_each(|(name, data)| fs::write(folder.path().join(name), data).expect("a file can be written"));
        // Emails have no logo, so they work even if it is wrong.
        Texts::load(Some(folder.path())).expect("nothing is wrong with the texts");
        let logo = PageTexts::load(Some(folder.path())).map(|texts| texts.logo.map(|logo| logo.as_str().to_owned()));
        logo.map_err(|problems| problems.join("\n").replace(&format!("{}/", folder.path().display()), ""))
    };
    for (name, data, start) in [
        ("logo.png", PNG, "data:image/png;base64,iVBORw0KGgog"),
        ("logo.jpg", b"\xff\xd8\xff", "data:image/jpeg;base64,/9j/"),
        ("logo.gif", b"GIF89a", "data:image/gif;base64,R0lGODlh"),
        ("logo.webp", b"RIFF----WEBP", "data:image/webp;base64,UklGRi0tLS1XRUJQ"),
    ] {
        let logo = loaded(&[(name, data)]).expect("the picture is right").expect("there is one");
        assert!(logo.starts_with(start), "{logo}");
    }
    let full = [PNG, &[0; 16 * 1024 - PNG.len()]].concat();
    assert!(loaded(&[("logo.png", &full)]).is_ok_and(|logo| logo.is_some()));
    for files in [&[][..], &[("Logo.png", PNG)], &[("logo.svg", b"<svg/>")], &[("de-logo.png", PNG)]] {
        assert_eq!(loaded(files), Ok(None), "{files:?}");
    }
    for (files, problem) in [
        (&[("logo.jpg", PNG)][..], "logo.jpg: is not a valid logo: its data is not a jpeg picture"),
        (&[("logo.png", b"")], "logo.png: is not a valid logo: its data is not a png picture"),
        (&[("logo.png", &[&full[..], b"x"].concat())], "logo.png: is not a valid logo: the picture must not be larger than 16 KiB"),
        (&[("logo.png", PNG), ("logo.gif", b"GIF89a")], "logo.png: is a second logo besides logo.gif"),
    ] {
        assert_eq!(loaded(files), Err(problem.to_owned()));
    }
}

#[test]
fn the_page_has_all_texts_in_every_language() {
    let sections = |json| Sections::parse(json, "file", &mut |problem| panic!("{problem}")).expect("well-formed");
    let english = sections(r#"{ "page": { "accept": "Accept {role}", "decline": "Decline" } }"#);
    let mut problems = Vec::new();
    let german = sections(r#"{ "page": { "accept": "{role} {x} annehmen" } }"#)
        .or_english(&english, "de.json", &mut |problem| problems.push(problem));
    assert_eq!(problems, ["de.json: page.accept contains {x}, which is not a placeholder of this text"]);
    let shown = serde_json::json!({ "accept": "{role} {x} annehmen", "decline": "Decline" });
    assert_eq!(serde_json::json!(german.page), shown);

    let folder = folder(&[("de.json", r#"{ "page": { "accept": "Annehmen" } }"#)]);
    let texts = Texts::load(Some(folder.path())).expect("the file is right");
    let [german, english, french] = ["de-AT", "en", "fr"].map(|tag| &texts.languages.texts(&locale(tag)).page);
    assert_eq!((german["accept"].as_str(), english["accept"].as_str()), ("Annehmen", "Accept"));
    assert_eq!((german.len(), german["decline"].as_str()), (english.len(), "Decline"));
    assert_eq!(french, english);
}

#[test]
fn the_panel_has_the_plural_forms_of_every_language() {
    let russian = r#"{ "panel": { "title": "Приглашения", "count_few": "{count} приглашения" } }"#;
    let files = folder(&[("ru.json", russian)]);
    let texts = serde_json::json!(PanelTexts::load(Some(files.path())).expect("the file is right").of_panel());
    let [russian, english] = ["ru", "en"].map(|tag| &texts[tag]["texts"]);
    assert_eq!((&russian["title"], &english["title"]), (&"Приглашения".into(), &"Invitations".into()));
    assert_eq!((&russian["count_few"], english.get("count_few")), (&"{count} приглашения".into(), None));
    // What is not translated is in English.
    assert_eq!(russian["count_other"], english["count_other"]);

    let wrong = r#"{ "panel": { "count_few": "{number}", "title_few": "x", "none": "x", "count_many": "{count}" } }"#;
    let files = folder(&[("ru.json", wrong)]);
    let shown = format!("{}/", files.path().display());
    let problems = PanelTexts::load(Some(files.path())).expect_err("three are wrong");
    let expected = [
        "ru.json: panel.count_few contains {number}, which is not a placeholder of this text",
        "ru.json: unknown text 'panel.none'",
        "ru.json: unknown text 'panel.title_few'",
    ];
    assert_eq!(problems.iter().map(|problem| problem.replace(&shown, "")).collect::<Vec<_>>(), expected);
}

#[test]
fn a_role_has_its_name_in_the_language_or_in_english() {
    let folder = folder(&[
        ("de.json", r#"{ "roles": { "read-only": "Nur lesen" } }"#),
        ("en.json", r#"{ "roles": { "read-only": "Read only", "owner": "Owner" } }"#),
    ]);
    let texts = Texts::load(Some(folder.path())).expect("the files are right");
    let called = |tag: &str| {
        let roles = texts.languages.texts(&locale(tag)).roles.iter();
        roles.map(|(id, name)| format!("{id}: {name}")).collect::<Vec<_>>()
    };
    assert_eq!(called("de-AT"), ["owner: Owner", "read-only: Nur lesen"]);
    assert_eq!((called("en"), called("fr")), (vec!["owner: Owner".to_owned(), "read-only: Read only".to_owned()], called("en")));
    let built_in = Texts::load(None).expect("what is built in is right");
    assert!(built_in.languages.texts(&locale("en")).roles.is_empty());
}

#[test]
fn placeholders_are_replaced_once() {
    let values = [("a", "{b}"), ("b", "B")];
    for (text, filled) in [("{a}{b}", "{b}B"), ("{a} {c} {} {", "{b} {c} {} {"), ("}{b}{", "}B{"), ("{{b}}", "{B}"), ("", "")] {
        assert_eq!(fill(text, &values), filled, "{text}");
    }
}
