use super::*;

/// A new folder, deleted at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("run-state-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        Self(folder)
    }

    fn open(&self) -> State {
        State::open(&self.0).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn secrets_are_kept_and_only_their_owner_can_read_them() {
    let folder = Folder::new("secrets");
    let secrets = || {
        let state = folder.open();
        (state.issuer_key().unwrap().jwk(), state.link_key().unwrap())
    };
    let first = secrets();
    assert_eq!(secrets(), first);
    for name in ["issuer-key", "link-secret"] {
        let path = folder.0.join(name);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        fs::remove_file(path).unwrap();
    }
    let second = secrets();
    assert!(second.0 != first.0 && second.1 != first.1, "new ones are made");
}

#[test]
fn the_error_names_a_file_without_a_key() {
    let folder = Folder::new("damaged");
    let state = folder.open();
    for damaged in ["not base64", "bm90IGEga2V5", ""] {
        fs::write(state.path(ISSUER_KEY), damaged).unwrap();
        let error = state.issuer_key().unwrap_err().0;
        assert!(error.starts_with(&state.path(ISSUER_KEY).display().to_string()), "{error}");
        assert!(error.ends_with("delete it to create another"), "{error}");
    }
}

#[test]
fn the_functions_accept_tokens_of_the_development_issuer() {
    let folder = Folder::new("environment");
    let [url, dynamodb, inbox, issuer, functions, ses, events] = [(); 7].map(|()| "http://127.0.0.1:9200".to_owned());
    let addresses = Addresses { url, dynamodb, inbox, issuer, functions, ses, events };
    let file = fs::read_to_string(folder.open().write_environment(&addresses).unwrap()).unwrap();
    let issuers = sign_in::issuers("http://127.0.0.1:9200");
    assert!(file.lines().any(|line| line == format!("ISSUERS='{issuers}'")), "{file}");
}
