//! Custom languages and templates.

use shared::domain::courier::EmailKind;

use super::{Content, hostile::read, parsed, sender};
use crate::texts::Texts;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("a file can be written");
    }
    folder
}

#[test]
fn a_folder_adds_languages_and_replaces_templates() {
    let german = r#"{ "email": {
        "subject_account": "Einladung zu {account}",
        "intro_inviter_account": "{inviter} lädt Sie zu {account} ein.",
        "expiry": "Annehmen können Sie bis {expiry}.",
        "from_account": "{account} über Einladungen",
        "date": "{day}. {month} {year}, {hour}.{minute} Uhr (UTC)",
        "months": "Januar, Februar, März, April, Mai, Juni, Juli, August, September, Oktober, November, Dezember"
    } }"#;
    let html =
        "<html lang=\"{{ lang }}\"><title>{{ subject }}</title><a href=\"{{ link }}\">{{ button }}</a>{{ link }} {{ expiry }}</html>";
    let folder = folder(&[("de.json", german), ("email.html", html), ("email.txt", "{{ intro }} <{{ link }}>")]);
    let texts = Texts::load(Some(folder.path())).expect("the files are right");
    let content = Content { locale: Some(parsed("de-AT")), ..Content::new(Some("A & B"), Some("Jürgen")) };
    let (rendered, link) = (content.rendered(&texts), content.link.as_str());
    assert_eq!(rendered.subject, "Einladung zu A & B");
    assert_eq!(rendered.text, format!("Jürgen lädt Sie zu A & B ein. <{link}>"));
    let expected = format!(
        "<html lang=\"de\"><title>Einladung zu A &amp; B</title><a href=\"{link}\">View the invitation</a>{link} \
         Annehmen können Sie bis 21. Juni 2030, 09.01 Uhr (UTC).</html>"
    );
    assert_eq!(rendered.html, expected);
    assert_eq!(read(&content.email().mailbox(&texts, &sender())).0, "A & B über Einladungen");

    // For another language the same template is rendered in English.
    let english = Content { locale: Some(parsed("fr")), ..content }.rendered(&texts);
    assert!(english.html.starts_with("<html lang=\"en\"><title>You are invited to A &amp; B</title>"), "{}", english.html);
}

#[test]
fn a_reminder_has_its_own_texts_and_templates_or_the_templates_of_the_invitation() {
    let german = r#"{ "email": { "subject_account": "Einladung zu {account}", "reminder_subject": "Erinnerung – {subject}",
        "reminder_intro": "Nur zur Erinnerung: {intro}", "reminder_expiry": "Nur noch bis {expiry}." } }"#;
    let own = [("email.html", "<b>{{ subject }}</b> {{ link }}"), ("email.txt", "{{ expiry }} {{ link }}")];
    let reminders = [("reminder.html", "<i>{{ intro }}</i> {{ link }}"), ("reminder.txt", "! {{ subject }} {{ link }}")];
    let invitation = Content { locale: Some(parsed("de")), ..Content::new(Some("A & B"), None) };
    let reminder = Content { kind: EmailKind::Reminder, ..invitation.clone() };
    let link = invitation.link.as_str();
    let render = |content: &Content, templates: &[(&str, &str)]| {
        let folder = folder(&[&[("de.json", german)], templates].concat());
        content.rendered(&Texts::load(Some(folder.path())).expect("the files are right"))
    };
    let subject = "Erinnerung – Einladung zu A & B";
    let inherited = render(&reminder, &own);
    assert_eq!(inherited.subject, subject);
    assert_eq!(inherited.html, format!("<b>Erinnerung – Einladung zu A &amp; B</b> {link}"));
    assert_eq!(inherited.text, format!("Nur noch bis 21 June 2030, 09:01 UTC. {link}"));
    let replaced = render(&reminder, &[&own[..], &reminders].concat());
    assert_eq!(replaced.html, format!("<i>Nur zur Erinnerung: You have been invited to A &amp; B with the role read-only.</i> {link}"));
    assert_eq!(replaced.text, format!("! {subject} {link}"));
    let unchanged = render(&invitation, &reminders);
    assert_eq!(unchanged.subject, "Einladung zu A & B");
    assert!(unchanged.html.starts_with("<!DOCTYPE html>") && !unchanged.text.starts_with('!'), "{}", unchanged.text);
}

#[test]
fn a_role_has_the_name_that_the_folder_gives_it() {
    let german = r#"{ "email": { "intro": "Ihre Rolle: {role}." }, "roles": { "read-only": "Nur lesen <&>" } }"#;
    let folder = folder(&[("de.json", german), ("en.json", r#"{ "roles": { "ws-admin-eu-2": "Administrator" } }"#)]);
    let texts = Texts::load(Some(folder.path())).expect("the files are right");
    for (role, locale, shown) in [
        ("read-only", "de-AT", "Ihre Rolle: Nur lesen <&>."),
        ("ws-admin-eu-2", "de-AT", "Ihre Rolle: Administrator."),
        ("ws-admin-eu-2", "fr", "You have been invited to an account with the role Administrator."),
        ("read-only", "en", "You have been invited to an account with the role read-only."),
    ] {
        let content = Content { role: parsed(role), locale: Some(parsed(locale)), ..Content::new(None, None) };
        let rendered = content.rendered(&texts);
        assert_eq!(rendered.text.lines().next(), Some(shown), "{role} in {locale}");
        assert!(super::shown(&rendered.html).contains(shown), "{}", rendered.html);
    }
}

#[test]
fn a_right_to_left_language_sets_the_direction_and_leaves_no_marks_in_headers() {
    let hebrew = r#"{ "email": { "subject": "\u200fהוזמנת\u202e", "from": "\u2067הזמנות\u2069" } }"#;
    let folder = folder(&[("he.json", hebrew)]);
    let texts = Texts::load(Some(folder.path())).expect("the file is right");
    let content = Content { locale: Some(parsed("he-IL")), ..Content::new(None, None) };
    let rendered = content.rendered(&texts);
    assert!(rendered.html.contains("<html lang=\"he\" dir=\"rtl\">"), "{}", rendered.html);
    assert_eq!(rendered.subject, "הוזמנת");
    assert_eq!(read(&content.email().mailbox(&texts, &sender())).0, "הזמנות");
}

#[test]
fn a_subject_has_150_characters_at_most() {
    let long = format!(r#"{{ "email": {{ "subject": "{}" }} }}"#, "ü".repeat(200));
    let folder = folder(&[("en.json", &long)]);
    let texts = Texts::load(Some(folder.path())).expect("the file is right");
    assert_eq!(Content::new(None, None).rendered(&texts).subject, "ü".repeat(150));
}
