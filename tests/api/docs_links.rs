//! Every relative link of the documentation leads to a file of the project, and every anchor to a heading.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the project's folder exists")
}

/// The pages in the project's folder, in `docs/` and below.
fn pages() -> Vec<PathBuf> {
    let is_page = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    let in_folder = |folder: &str| {
        let entries = fs::read_dir(root().join(folder)).expect("the folder exists");
        entries.map(|entry| entry.expect("it can be listed").path()).filter(is_page).collect::<Vec<_>>()
    };
    ["", "docs", "docs/adr"].into_iter().flat_map(in_folder).collect()
}

/// The lines of a page outside its code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    })
}

/// The targets of `[text](target)`, `src="target"` and `href="target"`.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    for line in prose(text) {
        // What stands in backticks is code.
        let line: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
        for (start, end) in [("](", ')'), ("src=\"", '"'), ("href=\"", '"')] {
            let targets = line.split(start).skip(1).filter_map(|rest| rest.split(end).next());
            links.extend(targets.map(str::to_owned));
        }
    }
    links
}

/// The anchors that a page's headings make: lower case, spaces as hyphens, other signs dropped.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let anchor = |c: char| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        _ => c.is_alphanumeric().then_some(c),
    };
    headings.map(|heading| heading.to_lowercase().chars().filter_map(anchor).collect()).collect()
}

/// Why a link of a page leads nowhere; `None` if it leads somewhere, or to another site.
fn broken(page: &Path, link: &str) -> Option<String> {
    if link.split_once(':').is_some_and(|(scheme, _)| scheme.chars().all(|c| c.is_ascii_lowercase())) {
        return None;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if file.is_empty() { page.to_owned() } else { page.parent().expect("a page is in a folder").join(file) };
    let fault = if !target.exists() {
        "the file does not exist"
    } else if !anchor.is_empty() && !anchors(&fs::read_to_string(&target).unwrap_or_default()).contains(anchor) {
        "the heading does not exist"
    } else {
        return None;
    };
    let page = page.strip_prefix(root()).unwrap_or(page);
    Some(format!("{}: {link}: {fault}", page.display()))
}

#[test]
fn every_relative_link_and_anchor_of_the_documentation_exists() {
    let mut broken_links = Vec::new();
    let mut checked = 0;
    for page in pages() {
        let links = links(&fs::read_to_string(&page).expect("a page can be read"));
        checked += links.len();
        broken_links.extend(links.iter().filter_map(|link| broken(&page, link)));
    }
    assert_eq!(broken_links, Vec::<String>::new());
    assert!(checked > 100, "only {checked} links were found");
}

#[test]
fn a_link_without_a_file_or_a_heading_is_broken() {
    let page = root().join("README.md");
    let why = |link: &str| broken(&page, link).unwrap_or_default();
    assert_eq!(why("docs/nothing.md"), "README.md: docs/nothing.md: the file does not exist");
    assert_eq!(why("docs/api.md#nothing"), "README.md: docs/api.md#nothing: the heading does not exist");
    assert_eq!(why("#nothing"), "README.md: #nothing: the heading does not exist");
    for link in ["https://example.com/nothing", "docs/api.md", "docs/api.md#errors", "#the-api", "LICENSE"] {
        assert_eq!(broken(&page, link), None);
    }
    let text = "[a](b.md) `[c](d.md)` <img src=\"e.png\">\n```\n[f](g.md)\n```\n";
    assert_eq!(links(text), ["b.md", "e.png"]);
}
