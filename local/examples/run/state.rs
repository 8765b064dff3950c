//! The files of the state folder. Only their owner can read those with secrets, and each is written atomically.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use local::{
    client::{CREDENTIALS, REGION},
    issuer::SigningKey,
};
use serde::Serialize;
use serde_json::Value;
use shared::config::{Config, DeliveryConfig, read_default_settings, read_send_policy};

use crate::{
    keys::Keys,
    output::{Problem, problem},
    settings::TABLE_NAME,
    sign_in,
};

/// The addresses of all services.
#[derive(Serialize)]
pub(crate) struct Addresses {
    pub(crate) url: String,
    pub(crate) dynamodb: String,
    pub(crate) inbox: String,
    pub(crate) issuer: String,
    /// The DynamoDB endpoint for the functions.
    #[serde(skip)]
    pub(crate) functions: String,
    #[serde(skip)]
    pub(crate) ses: String,
    #[serde(skip)]
    pub(crate) events: String,
}

/// The content of `dev.json`.
#[derive(Serialize)]
struct Access<'a> {
    #[serde(flatten)]
    addresses: &'a Addresses,
    keys: &'a Keys,
}

/// The file with the position in the stream.
const STREAM: &str = "stream-position";
/// The file with the issuer's private key, as PKCS#8 in base64.
const ISSUER_KEY: &str = "issuer-key";

/// The state folder, locked by this process.
pub(crate) struct State {
    folder: PathBuf,
    /// Locked while it is open, which is until the process ends.
    _lock: File,
}

impl State {
    /// Creates the folder if needed and locks it.
    pub(crate) fn open(folder: &Path) -> Result<Self, Problem> {
        let failed = |e| problem!("the folder {} cannot be used: {e}", folder.display());
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        // The database contains people's addresses, and another command may have created the folder.
        fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(failed)?;
        let lock = File::create(folder.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let folder = folder.display();
                return Err(problem!("another `make run` uses {folder}; stop it, or choose another folder with `make run STATE_DIR=…`"));
            }
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        // Keeps git, and the reload of the functions, from seeing these files.
        let ignore = folder.join(".gitignore");
        if !ignore.exists() {
            fs::write(ignore, "*\n").map_err(failed)?;
        }
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes the environment file of the functions and returns its path.
    ///
    /// It contains only what a local run requires, because the file overrides the environment that the functions inherit.
    pub(crate) fn write_environment(&self, addresses: &Addresses) -> Result<PathBuf, Problem> {
        let (key, secret) = CREDENTIALS;
        let own = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.into());
        let mut lines = BTreeMap::from([
            ("AWS_ENDPOINT_URL_DYNAMODB", addresses.functions.clone()),
            ("AWS_ENDPOINT_URL_EVENTBRIDGE", addresses.events.clone()),
            ("AWS_ENDPOINT_URL_SESV2", addresses.ses.clone()),
            ("AWS_ACCESS_KEY_ID", key.into()),
            ("AWS_SECRET_ACCESS_KEY", secret.into()),
            ("AWS_REGION", REGION.into()),
            ("AWS_LAMBDA_LOG_FORMAT", own("AWS_LAMBDA_LOG_FORMAT", "JSON")),
            ("AWS_LAMBDA_LOG_LEVEL", own("AWS_LAMBDA_LOG_LEVEL", "INFO")),
            ("EVENT_BUS", deployed("EVENT_BUS").unwrap_or_default()),
            ("LINK_BASE_URL", own("LINK_BASE_URL", &format!("{}/accept", addresses.url))),
            ("CONFIGURATION_SET", deployed("CONFIGURATION_SET").unwrap_or_default()),
            ("FROM_ADDRESS", deployed("FROM_ADDRESS").unwrap_or_default()),
            ("TABLE_NAME", deployed("TABLE_NAME").unwrap_or_default()),
        ]);
        if env::var_os("ISSUERS").is_none() {
            lines.insert("ISSUERS", sign_in::issuers(&addresses.issuer));
        } else {
            // Issuers have certificates of any authority.
            lines.insert("TRUST_STORE", own("TRUST_STORE", "native"));
        }
        if env::var_os("LINK_KEYS").is_none() {
            lines.insert("LINK_KEYS", self.link_key()?);
        }
        let inherited = |name: &str| env::var(name).ok().filter(|_| !name.starts_with("AWS_"));
        check_configuration(&|name| lines.get(name).cloned().or_else(|| inherited(name)))?;
        let text: String = lines.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect();
        self.write("functions.env", &text)
    }

    /// The key that link secrets are derived from, kept so that links stay valid as long as the data.
    fn link_key(&self) -> Result<String, Problem> {
        self.secret("link-secret", || {
            let mut secret = [0; 32];
            getrandom::fill(&mut secret).map_err(|e| problem!("no random bytes available for a link key: {e}"))?;
            Ok(secret.iter().map(|byte| format!("{byte:02x}")).collect())
        })
    }

    /// The key of the development issuer, kept so that its tokens stay valid.
    pub(crate) fn issuer_key(&self) -> Result<SigningKey, Problem> {
        let key = self.secret(ISSUER_KEY, || Ok(STANDARD.encode(SigningKey::generate_pkcs8())))?;
        let invalid = |e: &dyn std::fmt::Display| problem!("{}: {e}; delete it to create another", self.path(ISSUER_KEY).display());
        let pkcs8 = STANDARD.decode(key).map_err(|e| invalid(&e))?;
        SigningKey::es256(&pkcs8).map_err(|e| invalid(&e))
    }

    /// The secret in the file `name`, which is created once and kept.
    fn secret(&self, name: &str, create: impl FnOnce() -> Result<String, Problem>) -> Result<String, Problem> {
        if let Ok(secret) = fs::read_to_string(self.path(name)) {
            return Ok(secret.trim().to_owned());
        }
        let secret = create()?;
        self.write(name, &format!("{secret}\n"))?;
        Ok(secret)
    }

    /// The keys of the last run, if there was one.
    pub(crate) fn keys(&self) -> Option<Keys> {
        let text = fs::read_to_string(self.path("dev.json")).ok()?;
        let file: Value = serde_json::from_str(&text).ok()?;
        serde_json::from_value(file.get("keys")?.clone()).ok()
    }

    /// Writes `dev.json` and returns its path.
    pub(crate) fn write_keys(&self, addresses: &Addresses, keys: &Keys) -> Result<PathBuf, Problem> {
        let file = serde_json::to_string_pretty(&Access { addresses, keys }).map_err(|e| problem!("dev.json: {e}"))?;
        self.write("dev.json", &format!("{file}\n"))
    }

    /// The stream position of an earlier run: the last handled record.
    pub(crate) fn stream_position(&self) -> Option<String> {
        let text = fs::read_to_string(self.path(STREAM)).ok()?;
        Some(text.trim().to_owned()).filter(|number| !number.is_empty())
    }

    /// Stores the position, so that the next run continues there.
    pub(crate) fn write_stream_position(&self, number: &str) -> Result<(), Problem> {
        self.write(STREAM, &format!("{number}\n")).map(drop)
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, Problem> {
        let (path, new) = (self.path(name), self.path(&format!("{name}.new")));
        let failed = |e| problem!("{} cannot be written: {e}", path.display());
        let _ = fs::remove_file(&new);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&new, &path).map_err(failed)?;
        Ok(path)
    }
}

/// A variable of the functions that their policies depend on: that of the environment, or the default of a local run.
pub(crate) fn deployed(name: &str) -> Option<String> {
    let default = match name {
        "TABLE_NAME" => return Some(TABLE_NAME.to_owned()),
        "CONFIGURATION_SET" | "EVENT_BUS" => Some("local"),
        "FROM_ADDRESS" => Some("invitations@example.com"),
        _ => None,
    };
    env::var(name).ok().or_else(|| default.map(str::to_owned))
}

/// Reports invalid settings of the functions before each request fails with a 500.
fn check_configuration(lookup: &dyn Fn(&str) -> Option<String>) -> Result<(), Problem> {
    let sending = [read_send_policy(lookup).err(), DeliveryConfig::read(lookup).err(), read_default_settings(lookup).err()];
    // Several functions read some of the variables.
    let problems: BTreeSet<_> = sending.into_iter().chain([Config::read(lookup).err()]).flatten().flat_map(|e| e.0).collect();
    if problems.is_empty() { Ok(()) } else { Err(problem!("{}", problems.into_iter().collect::<Vec<_>>().join("; "))) }
}

#[cfg(test)]
mod tests;
